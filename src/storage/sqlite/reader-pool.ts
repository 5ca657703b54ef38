import { TackleError } from '../../core/errors.ts';
import type { Read } from '../../ports/storage.ts';
import { getTokenThread } from './reads/page-token.ts';
import { StorageThread } from './storage-thread.ts';
import type { ReaderOptions, ReaderRequest, ReadRequest } from './thread-messages.ts';

const readerFile = new URL(
  import.meta.url.endsWith('.ts') ? './reader-thread.ts' : './reader-thread.js',
  import.meta.url,
);

/** Reads of one space that may be under way. */
const readsPerSpace = 2_000;

interface Reader {
  readonly thread: StorageThread<ReaderRequest>;
  isOpen: boolean;
  outgoing: ReadRequest[];
}

/** The reader threads: number 0 for point reads, the others for scans, started when they are first needed. */
export class ReaderPool {
  readonly #options: Omit<ReaderOptions, 'thread'>;
  readonly #scanThreads: number;
  readonly #readers: (Reader | undefined)[] = [];
  readonly #openBySpace = new Map<string, number>();
  #lastId = 0;
  #isClosed = false;
  /** Threads that start from now on may open the database at once. */
  #isOpen = false;

  constructor(options: Omit<ReaderOptions, 'thread'>, scanThreads: number) {
    this.#options = options;
    this.#scanThreads = scanThreads;
    this.#readers[0] = this.#startReader(0);
  }

  /** Once the database is there. */
  async open(): Promise<void> {
    const { thread } = this.#reader(0);
    thread.post({ type: 'open' });
    await thread.opened;
    this.#isOpen = true;
  }

  read(lane: 'point' | 'scan', space: string, read: Read): Promise<unknown> {
    const open = this.#openBySpace.get(space) ?? 0;
    if (open >= readsPerSpace) {
      return Promise.reject(new TackleError('overloaded', `Too many reads of "${space}" are under way (${open}).`));
    }
    this.#openBySpace.set(space, open + 1);
    const reader = lane === 'point' ? this.#reader(0) : this.#chooseScanReader(read);
    const id = this.#nextId();
    if (reader.outgoing.length === 0) setImmediate(() => this.#flush(reader));
    reader.outgoing.push({ id, space, read });
    return new Promise((resolve, reject) => {
      reader.thread.expect(
        id,
        (result) => {
          this.#leave(space);
          resolve(result);
        },
        (error) => {
          this.#leave(space);
          reject(error);
        },
      );
    });
  }

  /** A copy of the database, made by a thread of its own: it takes as long as it takes. */
  async backup(targetPath: string): Promise<void> {
    await this.#runAlone((id) => ({ type: 'backup', id, targetPath }));
  }

  /** Checks the rest of the file; rejects with `storage_corrupt`. */
  async checkIntegrity(budgetMs: number): Promise<void> {
    await this.#runAlone((id) => ({ type: 'check', id, budgetMs }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#readers.map((reader) => reader?.thread.close({ type: 'close' })));
  }

  async #runAlone(toRequest: (id: number) => ReaderRequest): Promise<void> {
    const { thread } = this.#startReader(this.#scanThreads + 1);
    try {
      await thread.opened;
      const id = this.#nextId();
      await new Promise((resolve, reject) => {
        thread.expect(id, resolve, reject);
        thread.post(toRequest(id));
      });
    } finally {
      await thread.close({ type: 'close' });
    }
  }

  /**
   * The open one with the fewest reads; a further page goes where its sorted list may be. Threads are started when they would
   * help, but nobody waits for one: until then scans run beside the point reads, which wait for one step of them at most.
   */
  #chooseScanReader(read: Read): Reader {
    const after = 'after' in read && typeof read.after === 'string' ? getTokenThread(read.after) : null;
    const holder = after === null ? undefined : this.#readers[after];
    if (holder?.isOpen) return holder;
    let best: Reader | undefined;
    for (let number = 1; number <= this.#scanThreads; number += 1) {
      const reader = this.#readers[number];
      if (reader === undefined) {
        if (best === undefined || best.thread.pendingCount > 0) this.#reader(number);
        break;
      }
      if (!reader.isOpen) break;
      if (best === undefined || reader.thread.pendingCount < best.thread.pendingCount) best = reader;
    }
    return best ?? this.#reader(0);
  }

  #reader(number: number): Reader {
    const known = this.#readers[number];
    if (known !== undefined) return known;
    if (this.#isClosed) throw new TackleError('storage_unavailable', 'The storage is closed');
    const reader = this.#startReader(number);
    this.#readers[number] = reader;
    return reader;
  }

  #startReader(number: number): Reader {
    const thread = new StorageThread<ReaderRequest>(
      readerFile,
      { ...this.#options, thread: number },
      {
        // The next read starts a new one; those that were under way got the error.
        onLost: () => {
          if (this.#readers[number]?.thread === thread) this.#readers[number] = undefined;
        },
      },
    );
    if (this.#isOpen) thread.post({ type: 'open' });
    const reader: Reader = { thread, isOpen: false, outgoing: [] };
    thread.opened.then(
      () => {
        reader.isOpen = true;
      },
      () => undefined,
    );
    return reader;
  }

  #flush(reader: Reader): void {
    const requests = reader.outgoing;
    reader.outgoing = [];
    reader.thread.post({ type: 'reads', requests });
  }

  #leave(space: string): void {
    const open = this.#openBySpace.get(space) ?? 1;
    if (open <= 1) this.#openBySpace.delete(space);
    else this.#openBySpace.set(space, open - 1);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}
