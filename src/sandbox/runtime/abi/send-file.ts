import { posix } from 'node:path';
import { decideFileAnswer, listFileHeaders } from '../../../core/file-answer.ts';
import type { OpenedFile } from './file-store.ts';
import { createAppError } from './host-error.ts';
import { getMimeType } from './mime-type.ts';
import type { HttpRequest } from './request.ts';
import type { HttpResponse } from './response.ts';

export interface SendFileOptions {
  /** The path is below this directory then, and cannot leave it. */
  readonly root?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Milliseconds, or a number as text. */
  readonly maxAge?: number | string;
  readonly immutable?: boolean;
  /** Whether names that begin with a dot are answered; `ignore` as if they were not there, unless set. */
  readonly dotfiles?: 'allow' | 'deny' | 'ignore';
}

/** Finds a file of the app: what was deployed, and else what it stored. Null when there is none. */
export type OpenAppFile = (path: string) => Promise<OpenedFile | null>;

/**
 * Answers with a file, with ranges and conditions of the request. Rejects, before anything is sent, with an error whose `status`
 * is 404 when there is no such file and 403 when it may not be had.
 */
export async function sendFile(
  response: HttpResponse,
  { request, openFile }: { readonly request: HttpRequest; readonly openFile: OpenAppFile },
  path: string,
  options: SendFileOptions,
): Promise<void> {
  const place = toPlace(path, options);
  const file = await openFile(place);
  if (file === null) throw refuse(404, `No file here: ${path}`);
  const answer = decideFileAnswer({ headers: pickConditions(request) }, file);
  const lines = listFileHeaders(file, answer);
  for (let index = 0; index < lines.length; index += 2) response.set(lines[index]!, lines[index + 1]);
  if (!response.hasHeader('cache-control')) response.set('Cache-Control', toCacheControl(options));
  if (!response.hasHeader('content-type')) response.set('Content-Type', toContentType(place));
  if (options.headers !== undefined) response.set({ ...options.headers });
  response.status(answer.status);
  if (request.method !== 'HEAD' && (answer.status === 200 || answer.status === 206)) {
    const { start, end } = answer.range ?? { start: 0, end: file.sizeBytes - 1 };
    for await (const bytes of file.read(start, end)) {
      if (response.writableEnded) return;
      await response.writeAndWait(bytes);
    }
  }
  response.end();
}

/** Where programs think they run: `path.join(__dirname, …)` names files of the app. */
const workingDirectory = '/app/';

function toPlace(path: string, { root, dotfiles = 'ignore' }: SendFileOptions): string {
  if (typeof path !== 'string' || path === '') throw new TypeError('The path of the file must be a non-empty string');
  if (root === undefined && !path.startsWith('/')) {
    throw new TypeError('The path of the file must be absolute, or there must be a root');
  }
  const below = posix.normalize(root === undefined ? path : `./${path}`);
  const segments = below.split('/');
  if (segments.includes('..')) throw refuse(403, 'Forbidden');
  if (dotfiles !== 'allow' && segments.some((segment) => segment.length > 1 && segment.startsWith('.'))) {
    throw refuse(dotfiles === 'deny' ? 403 : 404, `No file here: ${path}`);
  }
  const full = root === undefined ? below : posix.join('/', root, below);
  return full.startsWith(workingDirectory) ? full.slice(workingDirectory.length - 1) : full;
}

function pickConditions(request: HttpRequest): Record<string, string> {
  const names = ['range', 'if-none-match', 'if-modified-since', 'if-range'];
  return Object.fromEntries(
    names.flatMap((name) => (request.headers[name] ? [[name, String(request.headers[name])]] : [])),
  );
}

function toCacheControl({ maxAge = 0, immutable = false }: SendFileOptions): string {
  const seconds = Math.max(0, Math.floor(Number(maxAge) / 1000)) || 0;
  return `public, max-age=${seconds}${immutable ? ', immutable' : ''}`;
}

function toContentType(path: string): string {
  const type = getMimeType(path) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}

function refuse(status: 403 | 404, message: string): Error {
  const code = status === 404 ? 'ENOENT' : 'EACCES';
  return Object.assign(createAppError(message, code), { status, statusCode: status });
}
