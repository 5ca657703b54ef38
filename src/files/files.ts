import { TackleError } from '../core/errors.ts';
import type { FileListing, FileRow, FileUsage } from '../ports/storage/files.ts';
import type { Command, Storage } from '../ports/storage.ts';
import type { BlobHash, BlobStore, BlobUpload, StoredBlob } from './blob-store.ts';
import { contentTypeOf, parseDirectoryPath, parseFilePath } from './file-path.ts';

export interface FilesOptions {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  /** Bytes that the space may hold, documents included; null is no limit. */
  getMaxBytes(spaceId: string): number | null;
  readonly maxFileBytes: number;
  readonly clock: { now(): number };
}

export interface SaveOptions {
  readonly origin: FileRow['origin'];
  /** Preconditions of the commit, such as the fence of a task. */
  readonly guards?: readonly Command[];
}

/** A file on its way; nothing is visible before `commit`, and nothing is kept after `abort`. */
export interface FileUpload extends Pick<BlobUpload, 'append' | 'abort' | 'sizeBytes'> {
  readonly path: string;
  commit(): Promise<FileRow>;
}

/**
 * The files of spaces that are put there at run time: by the app, or by an administrator. Paths are normalised here
 * (`invalid_name`). Writes reject with `quota_exceeded`, `payload_too_large`, `disk_full`, `conflict` (the path is a
 * directory, or lies below a file); a file that is replaced or removed can still be read by those who have begun.
 */
export interface Files {
  find(spaceId: string, path: string): Promise<FileRow | null>;
  /** True when this very row, which `find` resolved with, is in memory still: then it is what `find` would say now. */
  isCurrent(spaceId: string, row: FileRow): boolean;
  /** One level of a directory, or everything below it, in path order behind the path `after`, page by page. */
  list(
    spaceId: string,
    directory: string,
    options?: { readonly recursive?: boolean; readonly after?: string },
  ): AsyncIterable<FileListing>;
  startUpload(spaceId: string, path: string, options: SaveOptions): Promise<FileUpload>;
  save(
    spaceId: string,
    path: string,
    source: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: SaveOptions,
  ): Promise<FileRow>;
  /** Resolves false when there was no such file. */
  remove(spaceId: string, path: string, guards?: readonly Command[]): Promise<boolean>;
  usage(spaceId: string): Promise<FileUsage>;
  /** Those of the given blobs that a file of the space names. */
  findReferenced(spaceId: string, hashes: readonly BlobHash[]): Promise<ReadonlySet<BlobHash>>;
  /** Rejects with `quota_exceeded` when so many more bytes do not fit into the space. */
  checkQuota(spaceId: string, addedBytes: number): Promise<void>;
  /** Forgets the files of a space that is being removed. */
  removeSpace(spaceId: string): Promise<void>;
}

const pageSize = 500;
const system = { lane: { lane: 'system' } } as const;

export function createFiles(options: FilesOptions): Files {
  const { storage, blobs } = options;

  async function commit<Result>(spaceId: string, guards: readonly Command[], command: Command): Promise<Result> {
    const lane = { lane: 'space', space: spaceId } as const;
    const results = (await storage.commit([...guards, command] as never, { lane })) as readonly unknown[];
    return results.at(-1) as Result;
  }

  const find = (spaceId: string, path: string) =>
    storage.read({ kind: 'file.get', space: spaceId, path: parseFilePath(path) });

  /** How many bytes the space has room for; Infinity without a quota. */
  async function countFreeBytes(spaceId: string): Promise<number> {
    const maxBytes = options.getMaxBytes(spaceId);
    if (maxBytes === null) return Number.POSITIVE_INFINITY;
    const [files, documents] = await Promise.all([
      storage.read({ kind: 'file.usage', space: spaceId }),
      storage.read({ kind: 'space.usage', space: spaceId }),
    ]);
    return Math.max(0, maxBytes - files.bytes - documents.bytes);
  }

  function quotaExceeded(spaceId: string): TackleError {
    const maxBytes = options.getMaxBytes(spaceId);
    return new TackleError('quota_exceeded', `The space may hold ${maxBytes} bytes; this does not fit any more`, {
      details: { maxBytes },
    });
  }

  async function put(spaceId: string, path: string, blob: StoredBlob, save: SaveOptions): Promise<FileRow> {
    const file: FileRow = {
      path,
      ...blob,
      contentType: contentTypeOf(path),
      origin: save.origin,
      modifiedAtMs: options.clock.now(),
    };
    const maxSpaceBytes = options.getMaxBytes(spaceId);
    const { replacedHash } = await commit<{ replacedHash: BlobHash | null }>(spaceId, save.guards ?? [], {
      kind: 'file.put',
      space: spaceId,
      file,
      maxSpaceBytes,
    });
    if (replacedHash !== null) await blobs.touch(replacedHash);
    return file;
  }

  async function startUpload(spaceId: string, givenPath: string, save: SaveOptions): Promise<FileUpload> {
    const path = parseFilePath(givenPath);
    const replaced = (await find(spaceId, path))?.sizeBytes ?? 0;
    const room = (await countFreeBytes(spaceId)) + replaced;
    const upload = await blobs.startUpload(
      room < options.maxFileBytes
        ? { maxBytes: room, explain: () => quotaExceeded(spaceId) }
        : { maxBytes: options.maxFileBytes },
    );
    return {
      path,
      get sizeBytes() {
        return upload.sizeBytes;
      },
      append: (chunk) => upload.append(chunk),
      abort: () => upload.abort(),
      commit: async () => put(spaceId, path, await upload.commit(), save),
    };
  }

  return {
    find,
    isCurrent: (spaceId, row) => storage.readKept?.({ kind: 'file.get', space: spaceId, path: row.path }) === row,
    startUpload,
    async *list(spaceId, directory, { recursive = false, after } = {}) {
      const query = { kind: 'file.list', space: spaceId, directory: parseDirectoryPath(directory), recursive } as const;
      let last = after;
      for (;;) {
        const page = await storage.read({ ...query, limit: pageSize, ...(last === undefined ? {} : { after: last }) });
        yield* page;
        if (page.length < pageSize) return;
        last = page.at(-1)?.path;
      }
    },
    async save(spaceId, path, source, save) {
      const upload = await startUpload(spaceId, path, save);
      try {
        const chunks = typeof source === 'string' || source instanceof Uint8Array ? [Buffer.from(source)] : source;
        for await (const chunk of chunks) await upload.append(chunk);
        return await upload.commit();
      } catch (error) {
        await upload.abort();
        throw error;
      }
    },
    async remove(spaceId, path, guards = []) {
      const { removedHash } = await commit<{ removedHash: BlobHash | null }>(spaceId, guards, {
        kind: 'file.remove',
        space: spaceId,
        path: parseFilePath(path),
      });
      if (removedHash !== null) await blobs.touch(removedHash);
      return removedHash !== null;
    },
    usage: (spaceId) => storage.read({ kind: 'file.usage', space: spaceId }),
    async findReferenced(spaceId, hashes) {
      const found = new Set<BlobHash>();
      for (let start = 0; start < hashes.length; start += 1000) {
        const some = hashes.slice(start, start + 1000);
        const known = await storage.read({ kind: 'file.findReferenced', hashes: some, space: spaceId });
        for (const hash of known) found.add(hash);
      }
      return found;
    },
    async checkQuota(spaceId, addedBytes) {
      if (addedBytes > (await countFreeBytes(spaceId))) throw quotaExceeded(spaceId);
    },
    async removeSpace(spaceId) {
      for (;;) {
        const [{ removed }] = await storage.commit(
          [{ kind: 'file.removeSpace', space: spaceId, limit: pageSize }],
          system,
        );
        if (removed < pageSize) return;
      }
    },
  };
}
