import type { ServerResponse } from 'node:http';
import { inDirectory, type StaticPaths, toFileName, toFilePath } from 'tackle-sdk/static-path';
import { TackleError } from '../core/errors.ts';
import { decideFileAnswer, type FileAnswer, listFileHeaders } from '../core/file-answer.ts';
import { isPlainObject } from '../core/json.ts';
import type { AppFiles, FileOwner, ReadableFile } from '../files/app-files.ts';
import type { BlobHash, BlobStore } from '../files/blob-store.ts';
import { contentTypeOf } from '../files/file-path.ts';
import { endInBurst } from './answer-bursts.ts';
import type { Exchange } from './app-response.ts';
import { appendCorsHeaders, hasHeader } from './cors.ts';

/** What the manifest says of a route of `app.static` or `app.storage` without a hook of the app's own. */
export interface FileRoute {
  readonly store: 'source' | 'stored';
  readonly paths: StaticPaths;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Serves files of apps without entering them. */
export interface StaticFiles {
  /** False when the app must decide: the name has no known type, and there is no page for missing files. */
  isPublic(route: FileRoute, apiPath: string): boolean;
  /** Resolves false when there is no such file and no page for that: the app says it in its own words. */
  answer(exchange: Exchange, owner: FileOwner, route: FileRoute, apiPath: string): Promise<boolean> | true;
}

/** Files up to this size are kept in memory once they were asked for, up to the total. */
const maxKeptBytes = 256 * 1024;
const maxKeptTotalBytes = 64 * 1024 * 1024;
/** Paths per route whose answer is ready. */
const maxPrepared = 1_000;
const maxPreparedLength = 256;

export function createStaticFiles(options: { readonly appFiles: AppFiles; readonly blobs: BlobStore }): StaticFiles {
  const { appFiles, blobs } = options;
  const kept = new KeptBodies(blobs);

  /** Answers of the routes, each of which belongs to one version. */
  const prepared = new WeakMap<FileRoute, Map<string, PreparedAnswer>>();

  function remember(route: FileRoute, apiPath: string, file: ReadableFile): void {
    if (apiPath.length > maxPreparedLength) return;
    let answers = prepared.get(route);
    if (answers === undefined) {
      answers = new Map();
      prepared.set(route, answers);
    }
    if (answers.size >= maxPrepared) answers.clear();
    answers.set(apiPath, { headers: listHeaders(file, route, whole), file });
  }

  /** True when the answer could be given at once. */
  function answerPrepared(exchange: Exchange, owner: FileOwner, route: FileRoute, apiPath: string): boolean {
    const answer = prepared.get(route)?.get(apiPath);
    const { request, response } = exchange;
    const { headers } = request;
    if (answer === undefined || request.method !== 'GET' || headers.range !== undefined) return false;
    if (headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined) return false;
    if (!appFiles.isCurrent(owner, answer.file)) return false;
    const body = kept.find(answer.file.hash);
    if (body === undefined) return false;
    const lines = ['X-Request-Id', exchange.requestId, ...answer.headers];
    appendCorsHeaders(lines, request);
    response.writeHead(200, lines);
    endWith(response, body);
    return true;
  }

  async function find(owner: FileOwner, store: FileRoute['store'], path: string): Promise<ReadableFile | null> {
    return appFiles.find(owner, store, path).catch((error: unknown) => {
      if (error instanceof TackleError && error.code === 'invalid_name') return null;
      throw error;
    });
  }

  /** Resolves with the bytes when they are kept in memory. */
  async function send(
    exchange: Exchange,
    file: ReadableFile,
    route: FileRoute,
    status: 200 | 404,
  ): Promise<KeptBody | null> {
    const { request, response } = exchange;
    const decided = status === 200 ? decideFileAnswer(request, file) : whole;
    const headers = ['X-Request-Id', exchange.requestId, ...listHeaders(file, route, decided)];
    appendCorsHeaders(headers, request);
    response.writeHead(status === 404 ? 404 : decided.status, headers);
    if (request.method === 'HEAD' || decided.status === 304 || decided.status === 416) {
      response.end();
      return null;
    }
    if (decided.range === null && file.sizeBytes <= maxKeptBytes) {
      const body = kept.find(file.hash) ?? (await kept.load(file.hash));
      endWith(response, body);
      return body;
    }
    await sendPieces(response, blobs.readPieces(file.hash, decided.range ?? undefined));
    return null;
  }

  return {
    isPublic: ({ paths }, apiPath) =>
      paths.notFound !== undefined || contentTypeOf(toFileName(apiPath, paths)) !== unknownType,
    answer(exchange, owner, route, apiPath) {
      return answerPrepared(exchange, owner, route, apiPath) || answerFound(exchange, owner, route, apiPath);
    },
  };

  async function answerFound(
    exchange: Exchange,
    owner: FileOwner,
    route: FileRoute,
    apiPath: string,
  ): Promise<boolean> {
    const file = await find(owner, route.store, toFilePath(apiPath, route.paths));
    if (file !== null) {
      if ((await send(exchange, file, route, 200)) !== null) remember(route, apiPath, file);
      return true;
    }
    const { notFound } = route.paths;
    if (notFound === undefined) return false;
    const page = await find(owner, route.store, inDirectory(notFound, route.paths));
    if (page === null) return false;
    await send(exchange, page, { ...route, headers: [] }, 404);
    return true;
  }
}

/** The whole file, whatever was asked for. */
const whole = { status: 200, range: null } as const;

interface PreparedAnswer {
  readonly file: ReadableFile;
  readonly headers: readonly string[];
}

/** What is the same in every answer of this kind: names and values in turn. */
function listHeaders(file: ReadableFile, route: FileRoute, decided: FileAnswer): string[] {
  const headers = ['Content-Type', file.contentType, ...route.headers, ...listFileHeaders(file, decided)];
  // Kept by browsers, but asked about each time: a deploy shows at once.
  if (!hasHeader(route.headers, 'cache-control')) headers.push('Cache-Control', 'no-cache');
  return headers;
}

const unknownType = 'application/octet-stream';

/** From the manifest, which comes out of the sandbox: null for anything that is not what our SDK writes there. */
export function readFileRoute(description: unknown): FileRoute | null {
  if (!isPlainObject(description) || description.kind !== 'file' || !isPlainObject(description.options)) return null;
  const { headers = {}, ...given } = description.options;
  const paths: { -readonly [Name in keyof StaticPaths]: StaticPaths[Name] } = {};
  for (const name of ['route', 'directory', 'default', 'notFound'] as const) {
    const value = given[name];
    if (typeof value === 'string' && value !== '') paths[name] = value;
    else if (value !== undefined && value !== null && value !== '') return null;
  }
  const lines = readHeaders(headers);
  return lines === null ? null : { store: description.source === true ? 'source' : 'stored', paths, headers: lines };
}

/** Null when Node would refuse one of them, or one contradicts what is sent: then the app has it to itself. */
function readHeaders(given: unknown): readonly string[] | null {
  if (!isPlainObject(given)) return null;
  const lines: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || ownHeaders.has(name.toLowerCase())) return null;
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item !== 'string' || /[^\t\x20-\x7e\x80-\xff]/.test(item)) return null;
      lines.push(name, item);
    }
  }
  return lines;
}

const ownHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-range',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'etag',
  'last-modified',
  'accept-ranges',
]);

/** Bytes, or a character for each of them: Node writes a head and a text in one piece, but a head and bytes in two. */
type KeptBody = Buffer | string;

const maxTextBytes = 16_384;

function endWith(response: ServerResponse, body: KeptBody): void {
  if (typeof body === 'string') endInBurst(response, body, 'latin1');
  else response.end(body);
}

/** Ends with the connection cut when a piece cannot be had, as the head is out by then. */
async function sendPieces(response: ServerResponse, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const piece of pieces) {
      if (!(await isWritten(response, piece))) return;
    }
    response.end();
  } catch {
    response.destroy();
  }
}

/** Resolves when the bytes are no longer needed: true when they went out, false when the client is gone. */
function isWritten(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) {
      resolve(false);
      return;
    }
    const close = () => resolve(false);
    response.once('close', close);
    response.write(bytes, (error) => {
      response.off('close', close);
      resolve(error === null || error === undefined);
    });
  });
}

/** Small files in memory; those not asked for longest go first. */
class KeptBodies {
  readonly #blobs: BlobStore;
  readonly #bodies = new Map<BlobHash, KeptBody>();
  #totalBytes = 0;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  find(hash: BlobHash): KeptBody | undefined {
    const body = this.#bodies.get(hash);
    if (body === undefined) return undefined;
    this.#bodies.delete(hash);
    this.#bodies.set(hash, body);
    return body;
  }

  async load(hash: BlobHash): Promise<KeptBody> {
    const bytes = await this.#blobs.readBytes(hash);
    const body = bytes.length > maxTextBytes ? bytes : bytes.toString('latin1');
    if (this.#bodies.has(hash)) return body;
    this.#bodies.set(hash, body);
    this.#totalBytes += body.length;
    for (const [oldest, dropped] of this.#bodies) {
      if (this.#totalBytes <= maxKeptTotalBytes) break;
      this.#bodies.delete(oldest);
      this.#totalBytes -= dropped.length;
    }
    return body;
  }
}
