import { pipeline } from 'node:stream/promises';
import { inDirectory, type StaticPaths, toFileName, toFilePath } from 'tackle-sdk/static-path';
import { TackleError } from '../core/errors.ts';
import { isPlainObject } from '../core/json.ts';
import type { AppFiles, FileOwner, ReadableFile } from '../files/app-files.ts';
import type { BlobHash, BlobStore } from '../files/blob-store.ts';
import { contentTypeOf } from '../files/file-path.ts';
import type { Exchange } from './app-response.ts';
import { appendCorsHeaders, hasHeader } from './cors.ts';
import { decideFileAnswer, listFileHeaders } from './file-response.ts';

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
  answer(exchange: Exchange, owner: FileOwner, route: FileRoute, apiPath: string): Promise<boolean>;
}

/** Files up to this size are kept in memory once they were asked for, up to the total. */
const maxKeptBytes = 256 * 1024;
const maxKeptTotalBytes = 64 * 1024 * 1024;

export function createStaticFiles(options: { readonly appFiles: AppFiles; readonly blobs: BlobStore }): StaticFiles {
  const { appFiles, blobs } = options;
  const kept = new KeptBodies(blobs);

  async function find(owner: FileOwner, store: FileRoute['store'], path: string): Promise<ReadableFile | null> {
    return appFiles.find(owner, store, path).catch((error: unknown) => {
      if (error instanceof TackleError && error.code === 'invalid_name') return null;
      throw error;
    });
  }

  async function send(exchange: Exchange, file: ReadableFile, route: FileRoute, status: 200 | 404): Promise<void> {
    const { request, response } = exchange;
    const decided = status === 200 ? decideFileAnswer(request, file) : ({ status: 200, range: null } as const);
    const headers = ['X-Request-Id', exchange.requestId, 'Content-Type', file.contentType];
    headers.push(...route.headers, ...listFileHeaders(file, decided));
    // Kept by browsers, but asked about each time: a deploy shows at once.
    if (!hasHeader(route.headers, 'cache-control')) headers.push('Cache-Control', 'no-cache');
    appendCorsHeaders(headers, request);
    response.writeHead(status === 404 ? 404 : decided.status, headers);
    if (request.method === 'HEAD' || decided.status === 304 || decided.status === 416) {
      response.end();
      return;
    }
    if (decided.range === null && file.sizeBytes <= maxKeptBytes) {
      const body = kept.find(file.hash) ?? (await kept.load(file.hash));
      // As text, because Node writes head and text in one piece, but head and bytes in two.
      response.end(body, 'latin1');
      return;
    }
    const source = blobs.openRead(file.hash, decided.range ?? undefined);
    await pipeline(source, response).catch(() => response.destroy());
  }

  return {
    isPublic: ({ paths }, apiPath) =>
      paths.notFound !== undefined || contentTypeOf(toFileName(apiPath, paths)) !== unknownType,
    async answer(exchange, owner, route, apiPath) {
      const file = await find(owner, route.store, toFilePath(apiPath, route.paths));
      if (file !== null) {
        await send(exchange, file, route, 200);
        return true;
      }
      const { notFound } = route.paths;
      if (notFound === undefined) return false;
      const page = await find(owner, route.store, inDirectory(notFound, route.paths));
      if (page === null) return false;
      await send(exchange, page, { ...route, headers: [] }, 404);
      return true;
    },
  };
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

/** Small files in memory, one character per byte; those not asked for longest go first. */
class KeptBodies {
  readonly #blobs: BlobStore;
  readonly #bodies = new Map<BlobHash, string>();
  #totalBytes = 0;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  find(hash: BlobHash): string | undefined {
    const body = this.#bodies.get(hash);
    if (body === undefined) return undefined;
    this.#bodies.delete(hash);
    this.#bodies.set(hash, body);
    return body;
  }

  async load(hash: BlobHash): Promise<string> {
    const body = (await this.#blobs.readBytes(hash)).toString('latin1');
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
