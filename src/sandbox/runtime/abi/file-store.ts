import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { isObject } from './arguments.ts';
import type { Host } from './host.ts';
import type { FileEntry } from './host-calls.ts';
import { createAppError } from './host-error.ts';
import { getInvocation, type Invocation } from './invocation.ts';

/** Bytes per call in either direction, before base64. */
const chunkBytes = 512 * 1024;

/** The global `_coho_fs` (spec/codehooks.md 11.4). Paths are absolute within the space. */
export function createFileStore(host: Host) {
  const getFileStream = async (path: unknown, options?: unknown): Promise<Readable> => {
    const file = { path: requirePath(path), source: isObject(options) && options.source === true };
    // The first chunk decides whether the promise rejects: a missing file must not become an empty stream.
    const first = await readChunk(host, file, 0, null);
    return Readable.from(readRest(host, file, first, getInvocation()), { objectMode: false });
  };
  return {
    getFileStream,
    async readFile(path: unknown, options?: unknown): Promise<string> {
      return Buffer.concat(await (await getFileStream(path, options)).toArray()).toString('utf8');
    },
    saveFile: async (path: unknown, content: unknown): Promise<FileEntry> =>
      saveFile(host, requirePath(path), toChunks(content)),
    async deleteFile(path: unknown): Promise<{ path: string }> {
      const removed = await host.write('files.remove', { path: requirePath(path) });
      return removed ?? throwMissing(path);
    },
    list: async (path: unknown = '/', options?: unknown): Promise<readonly FileEntry[]> =>
      host.read('files.list', { path: requirePath(path), source: isObject(options) && options.source === true }),
  };
}

/** A file that is being read. */
export interface OpenedFile {
  /** Of its bytes, lower-case hex. */
  readonly hash: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** The bytes from `start` up to and with `end`. */
  read(start: number, end: number): AsyncIterable<Buffer>;
}

/** Null when there is no such file. */
async function openFile(host: Host, file: FilePath): Promise<OpenedFile | null> {
  const entry = await host.read('files.stat', file);
  if (entry === null) return null;
  const first = await readChunk(host, file, 0, null);
  const invocation = getInvocation();
  return {
    hash: first.revision,
    sizeBytes: first.size,
    modifiedAtMs: Date.parse(entry.lastModified),
    async *read(start, end) {
      const held = first.bytes.subarray(start, end + 1);
      if (held.length > 0) yield held;
      yield* readOn(host, file, { ...first, size: end + 1 }, Math.max(start, first.bytes.length), invocation);
    },
  };
}

/** As `openFile`: what came with the deployment, or else what the app stored. */
export async function openAppFile(host: Host | null, path: string): Promise<OpenedFile | null> {
  if (host === null) return null;
  return (await openFile(host, { path, source: true })) ?? (await openFile(host, { path, source: false }));
}

interface FilePath {
  readonly path: string;
  readonly source: boolean;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly size: number;
  readonly revision: string;
}

async function readChunk(host: Host, file: FilePath, offset: number, revision: string | null): Promise<Chunk> {
  const answer = await host.read('files.read', { ...file, offset, length: chunkBytes, revision });
  if (answer === null) return throwMissing(file.path);
  return { bytes: Buffer.from(answer.base64, 'base64'), size: answer.size, revision: answer.revision };
}

/**
 * Apps pass files on with `on('data', (bytes) => res.write(bytes))`, which waits for nobody. So that a slow client does not
 * fill the memory of the app, the next piece is read when the response's last one is on its way.
 */
async function* readRest(host: Host, file: FilePath, first: Chunk, invocation: Invocation): AsyncGenerator<Buffer> {
  if (first.bytes.length > 0) yield first.bytes;
  yield* readOn(host, file, first, first.bytes.length, invocation);
}

/** From an offset to the size that the first piece told. */
async function* readOn(
  host: Host,
  file: FilePath,
  { size, revision }: Chunk,
  start: number,
  invocation: Invocation,
): AsyncGenerator<Buffer> {
  for (let offset = start; offset < size; ) {
    if (invocation.unsent !== null) await invocation.unsent;
    const next = await readChunk(host, file, offset, revision).catch(nullIfCancelled);
    // Nobody is there any more whom the rest would reach.
    if (next === null) return;
    const bytes = next.bytes.subarray(0, size - offset);
    if (bytes.length === 0) throw createAppError(`${file.path} ended before its length`, 'internal');
    offset += bytes.length;
    yield bytes;
  }
}

function nullIfCancelled(error: unknown): null {
  if ((error as { code?: unknown }).code === 'lease_lost') return null;
  throw error;
}

async function saveFile(host: Host, path: string, content: AsyncIterable<Buffer>): Promise<FileEntry> {
  const { uploadId } = await host.write('files.begin', { path });
  try {
    for await (const bytes of content) {
      for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
        const base64 = bytes.subarray(offset, offset + chunkBytes).toString('base64');
        await host.write('files.append', { uploadId, base64 });
      }
    }
    return await host.write('files.commit', { uploadId });
  } catch (error) {
    await host.write('files.abort', { uploadId }).catch(() => {});
    throw error;
  }
}

async function* toChunks(content: unknown): AsyncGenerator<Buffer> {
  if (typeof content === 'string') yield Buffer.from(content, 'utf8');
  else if (content instanceof Uint8Array) yield Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  else if (content instanceof ArrayBuffer) yield Buffer.from(content);
  else {
    for await (const chunk of toStream(content))
      yield typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);
  }
}

/** Node streams, web streams and iterables; older emitters (only `on`) are wrapped. */
function toStream(content: unknown): AsyncIterable<Uint8Array | string> {
  if (typeof content === 'object' && content !== null) {
    if (Symbol.asyncIterator in content || Symbol.iterator in content) return content as AsyncIterable<Uint8Array>;
    if ('pipe' in content || 'on' in content) return new Readable().wrap(content as NodeJS.ReadableStream);
  }
  throw new TypeError('saveFile: the content must be a string, a Buffer or a stream');
}

function requirePath(path: unknown): string {
  if (typeof path !== 'string' || path === '') throw new TypeError('The path of a file must be a non-empty string');
  return path.startsWith('/') ? path : `/${path}`;
}

function throwMissing(path: unknown): never {
  throw createAppError(`File not found: ${String(path)}`, 'NOT_FOUND');
}
