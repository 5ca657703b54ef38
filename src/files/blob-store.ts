import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { TackleError } from '../core/errors.ts';

/** The name of a blob: the lower-case hex SHA-256 of its bytes. */
export type BlobHash = string;

export interface StoredBlob {
  readonly hash: BlobHash;
  readonly sizeBytes: number;
}

/**
 * Content-addressed, immutable files. A blob is on disk (file and directory entry flushed) before `put` resolves, so a
 * commit that names it can never outlive it.
 */
export interface BlobStore {
  put(source: string | Uint8Array | AsyncIterable<Uint8Array>, options?: { maxBytes?: number }): Promise<StoredBlob>;
  /** Rejects with `not_found`. */
  readText(hash: BlobHash): Promise<string>;
  /** `end` is inclusive. */
  openRead(hash: BlobHash, range?: { start: number; end: number }): Readable;
  has(hash: BlobHash): Promise<boolean>;
  list(): AsyncIterable<{ hash: BlobHash; sizeBytes: number; modifiedAtMs: number }>;
  remove(hash: BlobHash): Promise<void>;
}

export async function openBlobStore(directory: string): Promise<BlobStore> {
  const incoming = join(directory, 'incoming');
  // Uploads that a crash cut off are garbage: nothing names them.
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });

  const pathOf = (hash: BlobHash): string => {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new TackleError('not_found', `"${hash}" is not the name of a blob.`);
    return join(directory, hash.slice(0, 2), hash);
  };

  const has = (hash: BlobHash) =>
    stat(pathOf(hash)).then(
      () => true,
      () => false,
    );

  async function put(
    source: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: { maxBytes?: number } = {},
  ): Promise<StoredBlob> {
    const chunks = typeof source === 'string' ? [Buffer.from(source)] : isBytes(source) ? [source] : source;
    const temporary = join(incoming, randomUUID());
    const file = await open(temporary, 'wx', 0o600);
    try {
      const { hash, sizeBytes } = await writeAndHash(file, chunks, options.maxBytes ?? Number.POSITIVE_INFINITY);
      await file.sync();
      await file.close();
      const target = pathOf(hash);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await rename(temporary, target);
      await syncDirectory(dirname(target));
      return { hash, sizeBytes };
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw asStorageError(error);
    }
  }

  return {
    put,
    has,
    async readText(hash) {
      try {
        return await readFile(pathOf(hash), 'utf8');
      } catch (cause) {
        throw new TackleError('not_found', `Blob ${hash} is not in the store.`, { cause });
      }
    },
    openRead: (hash, range) => createReadStream(pathOf(hash), range),
    async *list() {
      for (const prefix of await readdir(directory)) {
        if (prefix.length !== 2) continue;
        for (const hash of await readdir(join(directory, prefix))) {
          const info = await stat(join(directory, prefix, hash));
          yield { hash, sizeBytes: info.size, modifiedAtMs: info.mtimeMs };
        }
      }
    },
    remove: (hash) => rm(pathOf(hash), { force: true }),
  };
}

function isBytes(source: Uint8Array | AsyncIterable<Uint8Array>): source is Uint8Array {
  return source instanceof Uint8Array;
}

async function writeAndHash(
  file: FileHandle,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<StoredBlob> {
  const digest = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      throw new TackleError('payload_too_large', `The file is larger than the limit of ${maxBytes} bytes.`);
    }
    digest.update(chunk);
    await file.writev([chunk]);
  }
  return { hash: digest.digest('hex'), sizeBytes };
}

/** Without this the rename itself may be lost by a power cut. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asStorageError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TackleError('disk_full', 'The disk is full: the file was not stored. Free some space and try again.', {
      cause: error,
    });
  }
  if (code === 'EROFS' || code === 'EIO') {
    return new TackleError('storage_unavailable', `The file could not be written (${code}).`, { cause: error });
  }
  return error;
}
