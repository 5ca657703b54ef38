import { TackleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { AppFiles, FileStoreName, ReadableEntry } from '../../files/app-files.ts';
import type { AppUploads } from '../../files/app-uploads.ts';
import type { BlobHash, BlobStore } from '../../files/blob-store.ts';
import type { Files } from '../../files/files.ts';
import type { HostCallContext } from '../../ports/sandbox.ts';
import type { Command } from '../../ports/storage.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { booleanParam, numberParam, textOrNullParam, textParam } from './params.ts';

export interface FileCallsOptions {
  readonly files: Files;
  readonly appFiles: AppFiles;
  readonly uploads: AppUploads;
  readonly blobs: BlobStore;
  /** Preconditions of what the caller writes. */
  guardsOf(context: HostCallContext): readonly Command[];
  readonly clock: { now(): number };
}

type Params = Readonly<Record<string, unknown>>;

/** Before base64. */
const maxChunkBytes = 1024 * 1024;
const maxListed = 10_000;

/** Files, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createFileCalls(options: FileCallsOptions): HostCallGroup {
  const { files, appFiles, uploads, blobs } = options;
  const readings = new Readings(options.clock);

  return {
    'files.stat': async (_spaceId, params, _context, app) => {
      const file = await appFiles.find(app, storeOf(params), textParam(params, 'path'));
      return file === null ? null : viewEntry({ kind: 'file', ...file });
    },
    'files.read': async (spaceId, params, _context, app) => {
      const path = textParam(params, 'path');
      const offset = requireRange(numberParam(params, 'offset'), 0, Number.MAX_SAFE_INTEGER, 'offset');
      const length = requireRange(numberParam(params, 'length'), 0, maxChunkBytes, 'length');
      const begun = readings.find(spaceId, path, textOrNullParam(params, 'revision'));
      const file = begun ?? (await appFiles.find(app, storeOf(params), path));
      if (file === null) return null;
      const bytes = await blobs.readRange(file.hash, offset, Math.min(length, Math.max(0, file.sizeBytes - offset)));
      if (offset + bytes.length < file.sizeBytes) readings.note(spaceId, path, file);
      return { base64: bytes.toString('base64'), size: file.sizeBytes, revision: file.hash };
    },
    'files.begin': async (spaceId, params, context) => {
      const path = textParam(params, 'path');
      const guards = options.guardsOf(context);
      const begin = () => files.startUpload(spaceId, path, { origin: 'app', guards });
      return { uploadId: await uploads.add(spaceId, begin, context.signal) };
    },
    'files.append': async (spaceId, params) => {
      const bytes = Buffer.from(textParam(params, 'base64'), 'base64');
      if (bytes.length > maxChunkBytes) {
        throw new TackleError('payload_too_large', `A piece of an upload may have ${maxChunkBytes} bytes.`);
      }
      await uploads.append(spaceId, textParam(params, 'uploadId'), bytes);
      return null;
    },
    'files.commit': async (spaceId, params) => {
      const upload = uploads.take(spaceId, textParam(params, 'uploadId'));
      try {
        return viewEntry({ kind: 'file', ...(await upload.commit()) });
      } catch (error) {
        await upload.abort();
        throw error;
      }
    },
    'files.abort': async (spaceId, params) => {
      await uploads.take(spaceId, textParam(params, 'uploadId')).abort();
      return null;
    },
    'files.remove': async (spaceId, params, context) => {
      const path = textParam(params, 'path');
      return (await files.remove(spaceId, path, options.guardsOf(context))) ? { path } : null;
    },
    'files.list': async (_spaceId, params, _context, app) => {
      const entries = await appFiles.list(app, storeOf(params), textParam(params, 'path'), {
        recursive: false,
        limit: maxListed,
      });
      return entries.map(viewEntry);
    },
  };
}

/** The shape that apps see (`FileEntry` of the vocabulary). */
function viewEntry(entry: ReadableEntry): JsonObject {
  const path = entry.kind === 'directory' ? entry.path.slice(0, -1) : entry.path;
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    path,
    size: entry.kind === 'directory' ? 0 : entry.sizeBytes,
    lastModified: new Date(entry.modifiedAtMs).toISOString(),
    isDirectory: entry.kind === 'directory',
  };
}

function storeOf(params: Params): FileStoreName {
  return booleanParam(params, 'source') ? 'source' : 'stored';
}

function requireRange(value: number, minimum: number, maximum: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  throw new TackleError('invalid_request', `"${name}" must be an integer from ${minimum} to ${maximum}.`);
}

interface Reading {
  readonly hash: BlobHash;
  readonly sizeBytes: number;
}

/**
 * Files that are being read in pieces: the later pieces come from the same bytes, also when the file was replaced or removed
 * meanwhile. A revision alone opens nothing: only who has read a first piece under that path may go on.
 */
class Readings {
  readonly #entries = new Map<string, Reading & { readonly expiresAt: number }>();
  readonly #clock: { now(): number };

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  note(spaceId: string, path: string, { hash, sizeBytes }: Reading): void {
    const key = keyOf(spaceId, path, hash);
    this.#entries.delete(key);
    this.#entries.set(key, { hash, sizeBytes, expiresAt: this.#clock.now() + readingLifetimeMs });
    if (this.#entries.size > maxReadings) this.#entries.delete(this.#entries.keys().next().value as string);
  }

  find(spaceId: string, path: string, revision: string | null): Reading | null {
    if (revision === null) return null;
    const found = this.#entries.get(keyOf(spaceId, path, revision));
    if (found !== undefined && found.expiresAt > this.#clock.now()) return found;
    throw new TackleError('conflict', `${path} was replaced while it was read; read it again.`);
  }
}

const readingLifetimeMs = 600_000;
const maxReadings = 10_000;

function keyOf(spaceId: string, path: string, hash: BlobHash): string {
  return `${spaceId}\n${hash}\n${path}`;
}
