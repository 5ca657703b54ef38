import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { TackleError } from '../core/errors.ts';
import { KeyedLock } from './keyed-lock.ts';
import { countPassingBytes } from './passing-bytes.ts';

/** The name of a blob: the lower-case hex SHA-256 of its bytes. */
export type BlobHash = string;

export interface StoredBlob {
  readonly hash: BlobHash;
  readonly sizeBytes: number;
}

/** Bytes on their way into the store; nothing of them is kept unless `commit` resolves. */
export interface BlobUpload {
  readonly sizeBytes: number;
  /** Chunks are written in the order of the calls. Rejects with `payload_too_large`, `disk_full`, `storage_unavailable`. */
  append(chunk: Uint8Array): Promise<void>;
  /** Resolves when the blob is on disk under its name. With `expectedHash`, rejects with `invalid_request` for other bytes. */
  commit(expectedHash?: BlobHash): Promise<StoredBlob>;
  abort(): Promise<void>;
}

export interface UploadLimit {
  readonly maxBytes?: number;
  /** What to say when it is exceeded; `payload_too_large` unless given. */
  readonly explain?: () => TackleError;
}

const pieceBytes = 256 * 1024;

/**
 * Content-addressed, immutable files. A blob is on disk (file and directory entry flushed) before `put` resolves, so a
 * commit that names it can never outlive it. Its modification time says when it was last put or let go of, which is what
 * collection goes by.
 */
export interface BlobStore {
  put(source: string | Uint8Array | AsyncIterable<Uint8Array>, options?: { maxBytes?: number }): Promise<StoredBlob>;
  startUpload(options?: UploadLimit): Promise<BlobUpload>;
  /** Rejects with `not_found`. */
  readText(hash: BlobHash): Promise<string>;
  /** Rejects with `not_found`. */
  readBytes(hash: BlobHash): Promise<Buffer>;
  /**
   * The bytes (`end` is inclusive) in pieces that share one buffer: a piece holds until the next one is asked for, so that a
   * large blob takes no more memory than a small one. Rejects with `not_found`.
   */
  readPieces(hash: BlobHash, range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
  /** `end` is inclusive. */
  openRead(hash: BlobHash, range?: { start: number; end: number }): Readable;
  /** At most `length` bytes from `offset`; fewer at the end. Rejects with `not_found`. */
  readRange(hash: BlobHash, offset: number, length: number): Promise<Buffer>;
  /** Null when there is no such blob. */
  sizeOf(hash: BlobHash): Promise<number | null>;
  list(): AsyncIterable<{ hash: BlobHash; sizeBytes: number; modifiedAtMs: number }>;
  /** Counts the time for its collection from now on. Does nothing when there is no such blob. */
  touch(hash: BlobHash): Promise<void>;
  remove(hash: BlobHash): Promise<void>;
  /** Removes the blob unless it was put or let go of after `timeMs`. Resolves true when it is gone. */
  removeIfOlder(hash: BlobHash, timeMs: number): Promise<boolean>;
}

export async function openBlobStore(directory: string): Promise<BlobStore> {
  const incoming = join(directory, 'incoming');
  // Uploads that a crash cut off are garbage: nothing names them.
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  // Putting a blob again and collecting it must not overlap, or the new copy would be the one that goes.
  const locks = new KeyedLock();

  const pathOf = (hash: BlobHash): string => {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new TackleError('not_found', `"${hash}" is not the name of a blob.`);
    return join(directory, hash.slice(0, 2), hash);
  };

  async function startUpload(options: UploadLimit = {}): Promise<BlobUpload> {
    const temporary = join(incoming, randomUUID());
    const file = await open(temporary, 'wx', 0o600).catch((error: unknown) => {
      throw asStorageError(error);
    });
    return new FileUpload(file, options, {
      discard: () => rm(temporary, { force: true }),
      publish: (hash) =>
        locks.run(hash, async () => {
          const target = pathOf(hash);
          const created = await mkdir(dirname(target), { recursive: true, mode: 0o700 });
          if (created !== undefined) await syncDirectory(directory);
          await rename(temporary, target);
          await syncDirectory(dirname(target));
        }),
    });
  }

  async function put(
    source: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: { maxBytes?: number } = {},
  ): Promise<StoredBlob> {
    const chunks = typeof source === 'string' ? [Buffer.from(source)] : isBytes(source) ? [source] : source;
    const upload = await startUpload(options);
    try {
      for await (const chunk of chunks) await upload.append(chunk);
      return await upload.commit();
    } catch (error) {
      await upload.abort();
      throw error;
    }
  }

  const readBytes = async (hash: BlobHash): Promise<Buffer> => {
    try {
      return await readFile(pathOf(hash));
    } catch (cause) {
      throw notInStore(hash, cause);
    }
  };

  return {
    put,
    startUpload,
    readBytes,
    readText: async (hash) => (await readBytes(hash)).toString('utf8'),
    openRead: (hash, range) => {
      const pieces = readCounted(createReadStream(pathOf(hash), { ...range, highWaterMark: pieceBytes }));
      return Readable.from(pieces, { objectMode: false, highWaterMark: pieceBytes });
    },
    async *readPieces(hash, range) {
      const file = await open(pathOf(hash), 'r').catch((cause: unknown) => {
        throw notInStore(hash, cause);
      });
      try {
        const buffer = Buffer.allocUnsafeSlow(pieceBytes);
        const end = (range?.end ?? Number.POSITIVE_INFINITY) + 1;
        for (let position = range?.start ?? 0; position < end; ) {
          const { bytesRead } = await file.read(buffer, 0, Math.min(pieceBytes, end - position), position);
          if (bytesRead === 0) break;
          position += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    },
    async readRange(hash, offset, length) {
      const file = await open(pathOf(hash), 'r').catch((cause: unknown) => {
        throw notInStore(hash, cause);
      });
      try {
        const buffer = Buffer.allocUnsafe(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      } finally {
        await file.close();
      }
    },
    sizeOf: (hash) =>
      stat(pathOf(hash)).then(
        ({ size }) => size,
        () => null,
      ),
    async *list() {
      for (const prefix of await readdir(directory)) {
        if (prefix.length !== 2) continue;
        for (const hash of await readdir(join(directory, prefix))) {
          const info = await stat(join(directory, prefix, hash)).catch(() => null);
          if (info !== null) yield { hash, sizeBytes: info.size, modifiedAtMs: info.mtimeMs };
        }
      }
    },
    async touch(hash) {
      const now = new Date();
      await utimes(pathOf(hash), now, now).catch(() => undefined);
    },
    remove: (hash) => locks.run(hash, () => rm(pathOf(hash), { force: true })),
    removeIfOlder: (hash, timeMs) =>
      locks.run(hash, async () => {
        const info = await stat(pathOf(hash)).catch(() => null);
        if (info !== null && info.mtimeMs > timeMs) return false;
        await rm(pathOf(hash), { force: true });
        return true;
      }),
  };
}

async function* readCounted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    countPassingBytes(piece.byteLength);
    yield piece;
  }
}

interface UploadEnds {
  discard(): Promise<void>;
  publish(hash: BlobHash): Promise<void>;
}

class FileUpload implements BlobUpload {
  sizeBytes = 0;
  readonly #file: FileHandle;
  readonly #limit: UploadLimit;
  readonly #ends: UploadEnds;
  readonly #digest: Hash = createHash('sha256');
  #isOpen = true;
  /** Writes follow one another whatever the caller awaits. */
  #tail: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, limit: UploadLimit, ends: UploadEnds) {
    this.#file = file;
    this.#limit = limit;
    this.#ends = ends;
  }

  append(chunk: Uint8Array): Promise<void> {
    const written = this.#tail.then(() => this.#write(chunk));
    this.#tail = written.catch(() => undefined);
    return written;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (!this.#isOpen) throw new TackleError('conflict', 'The upload has ended already; nothing can be added to it.');
    const { maxBytes = Number.POSITIVE_INFINITY, explain } = this.#limit;
    if (this.sizeBytes + chunk.byteLength > maxBytes) throw explain?.() ?? tooLarge(maxBytes);
    this.sizeBytes += chunk.byteLength;
    this.#digest.update(chunk);
    countPassingBytes(chunk.byteLength);
    try {
      for (let offset = 0; offset < chunk.byteLength; ) {
        offset += (await this.#file.write(chunk, offset)).bytesWritten;
      }
    } catch (error) {
      throw asStorageError(error);
    }
  }

  async commit(expectedHash?: BlobHash): Promise<StoredBlob> {
    await this.#tail;
    if (!this.#isOpen) throw new TackleError('conflict', 'The upload has ended already.');
    this.#isOpen = false;
    try {
      const hash = this.#digest.digest('hex');
      if (expectedHash !== undefined && hash !== expectedHash) {
        throw new TackleError('invalid_request', `The bytes have the SHA-256 ${hash}, not ${expectedHash}.`);
      }
      await this.#file.sync();
      await this.#file.close();
      await this.#ends.publish(hash);
      return { hash, sizeBytes: this.sizeBytes };
    } catch (error) {
      await this.#drop();
      throw asStorageError(error);
    }
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#tail;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await this.#ends.discard();
  }
}

function isBytes(source: Uint8Array | AsyncIterable<Uint8Array>): source is Uint8Array {
  return source instanceof Uint8Array;
}

function tooLarge(maxBytes: number): TackleError {
  return new TackleError('payload_too_large', `The file is larger than the limit of ${maxBytes} bytes.`);
}

function notInStore(hash: BlobHash, cause: unknown): TackleError {
  if (cause instanceof TackleError) return cause;
  return new TackleError('not_found', `Blob ${hash} is not in the store.`, { cause });
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
