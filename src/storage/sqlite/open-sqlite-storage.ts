import { mkdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { ChangeSource } from '../../ports/storage/changes.ts';
import type { Command, CommitOptions, Read, ReadKind, Storage, WriterLane } from '../../ports/storage.ts';
import { ChangeListeners } from './change-listeners.ts';
import { CommitQueue } from './commit-queue.ts';
import type { PointRead } from './document-table.ts';
import { documentGroup, fileGroup, KeptReads } from './kept-reads.ts';
import { keepQueuedSteps, loadKept } from './kept-steps.ts';
import { readLanes } from './read-lanes.ts';
import { ReaderPool } from './reader-pool.ts';
import { StorageThread } from './storage-thread.ts';
import type { CommitRequest, OpenedDetail, WriterOptions, WriterRequest } from './thread-messages.ts';

export interface SqliteStorageOptions {
  /** Where `tackle.db` lies; made when missing. */
  readonly directory: string;
  /** Collections of all spaces together (foundations 1). */
  readonly maxCollections?: number;
  /** Threads for scans, besides the one for point reads. */
  readonly scanThreads?: number;
  /** Commits that may wait per space. */
  readonly commitsPerSpace?: number;
  /** With less free disk space, commits of spaces are refused; those of the system go on. */
  readonly minFreeBytes?: number;
  /** Called when the check after an unclean stop finds damage. */
  onDamage?(error: Error): void;
  /** For tests: what durability costs and what is lost without it. */
  readonly testing?: { readonly synchronous?: 'FULL' | 'NORMAL'; readonly commitDelayMs?: number };
}

const writerFile = new URL(
  import.meta.url.endsWith('.ts') ? './writer-thread.ts' : './writer-thread.js',
  import.meta.url,
);
/** Batches on their way to the writer: while one is being synced, the next is there already. */
const batchesUnderWay = 2;
/**
 * Commits of a batch. Small ones let a quiet space in between the commits of a busy one (measured with a flood of 1,000 at
 * once: a commit of another space takes 1.8 ms with 32, 47 ms with 512, and the flood itself is not slower); where a sync
 * takes long, larger ones share it.
 */
const smallestBatch = 32;
const largestBatch = 512;
const slowBatchMs = 8;
const fastBatchMs = 4;
const writerRestartMs = 500;
const readyTimeoutMs = 5_000;
const freeSpaceCheckMs = 5_000;
const integrityBudgetMs = 60_000;

/** Opens (or makes) the database of a home. The home must be locked by the caller (`lockHome`). */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<SqliteStorage> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const storage = new SqliteStorage(options);
  try {
    await storage.open();
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
  return storage;
}

/** The storage port on one SQLite file: a writer thread with group commit, and reader threads. */
export class SqliteStorage implements Storage, ChangeSource {
  readonly #options: SqliteStorageOptions;
  readonly #writerOptions: WriterOptions;
  #writer: StorageThread<WriterRequest>;
  #isWriterOpen = false;
  /** Why the writer could not be opened again, while that is so. */
  #writerFailure: Error | null = null;
  readonly #readers: ReaderPool;
  readonly #queue: CommitQueue;
  readonly #kept = new KeptReads();
  /** Who waits for the commits of the queue. */
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #changes = new ChangeListeners((key, isWatched) => this.#setWatched(key, isWatched));
  #batches = 0;
  #batchLimit = smallestBatch;
  #isScheduled = false;
  #isClosed = false;
  #lastId = 0;
  #damage: Error | null = null;
  #hasLittleSpace = false;
  #freeSpaceTimer: NodeJS.Timeout | null = null;

  constructor(options: SqliteStorageOptions) {
    this.#options = options;
    const path = join(options.directory, 'tackle.db');
    const temporaryDirectory = join(options.directory, 'sort-tmp');
    rmSync(temporaryDirectory, { recursive: true, force: true });
    const space = { commits: options.commitsPerSpace ?? 2_000, bytes: 64 * 1024 * 1024 };
    this.#queue = new CommitQueue({ space, system: { commits: 20_000, bytes: 256 * 1024 * 1024 } });
    this.#writerOptions = {
      path,
      backupDirectory: join(options.directory, 'backups'),
      maxCollections: options.maxCollections ?? 2_000,
      synchronous: options.testing?.synchronous ?? 'FULL',
      commitDelayMs: options.testing?.commitDelayMs ?? 0,
    };
    this.#writer = this.#startWriter();
    this.#readers = new ReaderPool({ path, temporaryDirectory }, options.scanThreads ?? 2);
  }

  async open(): Promise<OpenedDetail> {
    const detail = await this.#writer.opened;
    await this.#readers.open();
    if (detail.wasUnclean) this.#checkInBackground();
    await this.#watchFreeSpace();
    return detail;
  }

  // The typed view of the port; inside, commands are data.
  commit = ((commands: readonly Command[], options: CommitOptions): Promise<unknown> => {
    if (this.#isClosed) return Promise.reject(new TackleError('storage_unavailable', 'The storage is closed'));
    if (this.#hasLittleSpace && options.lane.lane === 'space') return Promise.reject(this.#littleSpaceError());
    return this.#enqueue(options.lane, commands);
  }) as Storage['commit'];

  read = ((read: Read): Promise<unknown> => {
    if (this.#isClosed) return Promise.reject(new TackleError('storage_unavailable', 'The storage is closed'));
    const place = placeOf(read);
    if (place === null) return this.#readThere(read);
    const [group, key] = place;
    const kept = this.#kept.find(group, key);
    if (kept !== undefined) return Promise.resolve(kept);
    return this.#readAndKeep(group, key, read);
  }) as Storage['read'];

  readKept = ((read: Read): unknown => {
    if (read.kind === 'workflow.load') return this.#isClosed ? undefined : loadKept(this.#kept, read.steps);
    const place = this.#isClosed ? null : placeOf(read);
    return place === null ? undefined : this.#kept.find(place[0], place[1]);
  }) as NonNullable<Storage['readKept']>;

  watch = ((collection, listener) => this.#changes.watch(collection, listener)) as ChangeSource['watch'];

  async backup(targetPath: string): Promise<void> {
    await this.#readers.backup(targetPath);
  }

  async checkReady(): Promise<void> {
    if (this.#damage !== null) throw this.#damage;
    if (this.#writerFailure !== null) throw this.#writerFailure;
    const id = this.#nextId();
    const answered = new Promise((resolve, reject) => this.#writer.expect(id, resolve, reject));
    this.#writer.post({ type: 'ready', id });
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new TackleError('storage_unavailable', `The writer has not answered for ${readyTimeoutMs} ms`);
      this.#writer.reject(id, error);
      timeout.reject(error);
    }, readyTimeoutMs);
    try {
      await Promise.race([answered, timeout.promise]);
    } finally {
      clearTimeout(timer);
      timeout.promise.catch(() => undefined);
    }
  }

  /** Finishes what was accepted, then closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#freeSpaceTimer !== null) clearInterval(this.#freeSpaceTimer);
    for (let rest = this.#queue.takeAll(); rest.length > 0; rest = this.#queue.takeAll()) {
      this.#post(rest);
    }
    await this.#readers.close();
    await this.#writer.close({ type: 'close' });
  }

  #readThere(read: Read): Promise<unknown> {
    const space = 'space' in read && typeof read.space === 'string' ? read.space : '';
    return this.#readers.read(readLanes[read.kind as ReadKind], space, read);
  }

  async #readAndKeep(group: string, key: string, read: Read): Promise<unknown> {
    const fill = this.#kept.beginRead(group, key);
    let lasting: object | undefined;
    try {
      const result = await this.#readThere(read);
      if (result === null) return null;
      if (read.kind === 'file.get') {
        lasting = result as object;
        return result;
      }
      const { isLasting, ...document } = result as PointRead;
      if (isLasting) lasting = document;
      return document;
    } finally {
      if (fill !== null) this.#kept.endRead(fill, lasting);
    }
  }

  #enqueue(lane: WriterLane, commands: readonly Command[]): Promise<unknown> {
    if (this.#writerFailure !== null) return Promise.reject(this.#writerFailure);
    const id = this.#nextId();
    try {
      this.#queue.add(lane, { id, commands });
    } catch (error) {
      return Promise.reject(error);
    }
    const endWrite = this.#kept.beginWrite(commands);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#send();
      });
    }
    return new Promise((resolve, reject) => {
      if (endWrite === null) {
        this.#waiting.set(id, { resolve, reject });
        return;
      }
      const end =
        <Outcome>(settle: (outcome: Outcome) => void) =>
        (outcome: Outcome) => {
          endWrite();
          if (Array.isArray(outcome)) keepQueuedSteps(this.#kept, commands, outcome);
          settle(outcome);
        };
      this.#waiting.set(id, { resolve: end(resolve), reject: end(reject) });
    });
  }

  #startWriter(): StorageThread<WriterRequest> {
    const writer = new StorageThread<WriterRequest>(writerFile, this.#writerOptions, {
      onBatchDone: (elapsedMs) => {
        this.#batches -= 1;
        this.#adaptBatchLimit(elapsedMs);
        this.#send();
      },
      onChanges: (changes) => this.#changes.deliver(changes),
      // What was under way is rejected: whether it was committed is not known. What waits goes to a new thread.
      onLost: () => {
        this.#isWriterOpen = false;
        this.#batches = 0;
        setTimeout(() => {
          if (!this.#isClosed) this.#writer = this.#startWriter();
        }, writerRestartMs);
      },
    });
    writer.opened.then(
      () => {
        this.#isWriterOpen = true;
        this.#writerFailure = null;
        this.#changes.restart();
        this.#send();
      },
      (error: Error) => {
        this.#writerFailure = error;
        for (const { id } of this.#queue.takeAll()) this.#takeWaiting(id).reject(error);
      },
    );
    return writer;
  }

  #setWatched(key: string, isWatched: boolean): Promise<void> {
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      this.#writer.expect(id, () => resolve(), reject);
      this.#writer.post({ type: 'watch', id, key, isWatched });
    });
  }

  #send(): void {
    while (this.#isWriterOpen && this.#batches < batchesUnderWay && !this.#queue.isEmpty) {
      this.#batches += 1;
      this.#post(this.#queue.takeBatch(this.#batchLimit));
    }
  }

  #adaptBatchLimit(elapsedMs: number): void {
    if (elapsedMs > slowBatchMs && !this.#queue.isEmpty)
      this.#batchLimit = Math.min(this.#batchLimit * 2, largestBatch);
    else if (elapsedMs < fastBatchMs) this.#batchLimit = Math.max(this.#batchLimit / 2, smallestBatch);
  }

  #post(requests: readonly CommitRequest[]): void {
    for (const { id } of requests) {
      const { resolve, reject } = this.#takeWaiting(id);
      this.#writer.expect(id, resolve, reject);
    }
    this.#writer.post({ type: 'commits', requests });
  }

  #takeWaiting(id: number): { resolve(result: unknown): void; reject(error: Error): void } {
    const caller = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    return caller;
  }

  #checkInBackground(): void {
    this.#readers.checkIntegrity(integrityBudgetMs).catch((error: Error) => {
      if (!(error instanceof TackleError) || error.code !== 'storage_corrupt') return;
      this.#damage = error;
      this.#options.onDamage?.(error);
    });
  }

  async #watchFreeSpace(): Promise<void> {
    const { minFreeBytes, directory } = this.#options;
    if (minFreeBytes === undefined) return;
    const check = async (): Promise<void> => {
      const { bavail, bsize } = await statfs(directory);
      this.#hasLittleSpace = bavail * bsize < minFreeBytes;
    };
    await check();
    this.#freeSpaceTimer = setInterval(() => void check().catch(() => undefined), freeSpaceCheckMs);
    this.#freeSpaceTimer.unref();
  }

  #littleSpaceError(): TackleError {
    const megabytes = Math.round((this.#options.minFreeBytes ?? 0) / 1_000_000);
    return new TackleError('disk_full', `Less than ${megabytes} MB of disk space is free: writes of apps are refused`);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

/** Where the result of a point read is kept; null: nowhere. */
function placeOf(read: Read): readonly [group: string, key: string] | null {
  if (read.kind === 'document.get') return [documentGroup(read.space, read.collection), read.id];
  if (read.kind === 'file.get') return [fileGroup(read.space), read.path];
  return null;
}
