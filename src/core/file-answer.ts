/** What an answer with (a part of) a file needs to know about it. */
export interface ServedFile {
  /** Of its bytes, lower-case hex. */
  readonly hash: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface FileRequest {
  readonly headers: {
    readonly range?: string | undefined;
    readonly 'if-none-match'?: string | undefined;
    readonly 'if-modified-since'?: string | undefined;
    readonly 'if-range'?: string | undefined;
  };
}

/** Status and extent of an answer; `range` is null for the whole file, `bytes` what Content-Length says. */
export type FileAnswer =
  | { readonly status: 200 | 206; readonly range: { readonly start: number; readonly end: number } | null }
  | { readonly status: 304 | 416; readonly range: null };

/** A strong validator: the name of a blob is the hash of its bytes. */
export function entityTagOf(file: ServedFile): string {
  return `"${file.hash.slice(0, 32)}"`;
}

/**
 * Decides between 200, 206, 304 and 416 (RFC 9110, sections 13 and 14). One range is served; a list of ranges is answered
 * with the whole file, which the RFC allows.
 */
export function decideFileAnswer(request: FileRequest, file: ServedFile): FileAnswer {
  const { headers } = request;
  const tag = entityTagOf(file);
  if (headers['if-none-match'] !== undefined) {
    if (matchesTag(headers['if-none-match'], tag)) return { status: 304, range: null };
  } else if (headers['if-modified-since'] !== undefined) {
    const since = Date.parse(headers['if-modified-since']);
    if (!Number.isNaN(since) && toSeconds(file.modifiedAtMs) <= toSeconds(since)) return { status: 304, range: null };
  }
  if (headers.range === undefined || !mayUseRange(headers['if-range'], tag, file)) return { status: 200, range: null };
  return parseRange(headers.range, file.sizeBytes);
}

/** Header lines of the answer, without content type and cache control: names and values in turn. */
export function listFileHeaders(file: ServedFile, { status, range }: FileAnswer): string[] {
  const headers = ['ETag', entityTagOf(file), 'Last-Modified', new Date(file.modifiedAtMs).toUTCString()];
  headers.push('Accept-Ranges', 'bytes');
  if (status === 200) headers.push('Content-Length', String(file.sizeBytes));
  if (status === 206 && range !== null) {
    headers.push('Content-Length', String(range.end - range.start + 1));
    headers.push('Content-Range', `bytes ${range.start}-${range.end}/${file.sizeBytes}`);
  }
  if (status === 416) headers.push('Content-Length', '0', 'Content-Range', `bytes */${file.sizeBytes}`);
  return headers;
}

function matchesTag(header: string, tag: string): boolean {
  return header.split(',').some((candidate) => {
    const given = candidate.trim();
    return given === '*' || given === tag || given === `W/${tag}`;
  });
}

function mayUseRange(ifRange: string | undefined, tag: string, file: ServedFile): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === tag;
  const date = Date.parse(ifRange);
  return !Number.isNaN(date) && toSeconds(date) === toSeconds(file.modifiedAtMs);
}

function parseRange(header: string, sizeBytes: number): FileAnswer {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  const whole = { status: 200, range: null } as const;
  if (found === null) return whole;
  const [, first = '', last = ''] = found;
  if (first === '' && last === '') return whole;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole;
  if (start >= sizeBytes || start > end) return { status: 416, range: null };
  return { status: 206, range: { start, end } };
}

function toSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
