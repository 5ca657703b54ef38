import { Worker } from 'node:worker_threads';
import { deserializeError, TackleError } from '../../core/errors.ts';
import type { CollectedNews } from './change-log.ts';
import type { OpenedDetail, ReaderRequest, Reply, ThreadMessage, WriterRequest } from './thread-messages.ts';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface ThreadHandlers {
  onBatchDone?(elapsedMs: number): void;
  onChanges?(changes: readonly CollectedNews[]): void;
  /** The thread ended although nobody closed it. */
  onLost?(): void;
}

/** One storage thread: requests by id, answers as promises. */
export class StorageThread<Request extends WriterRequest | ReaderRequest> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly opened: Promise<OpenedDetail>;
  readonly #exited: Promise<void>;
  #isClosing = false;
  #lost: Error | null = null;

  constructor(file: URL, workerData: unknown, handlers: ThreadHandlers = {}) {
    this.#worker = new Worker(file, {
      workerData,
      // The data lives in SQLite's memory, not on this heap; a page of results or a batch is what it must hold.
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    const opened = Promise.withResolvers<OpenedDetail>();
    this.opened = opened.promise;
    this.opened.catch(() => undefined);
    this.#worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'replies') {
        this.#settle(message.replies);
        if (message.elapsedMs !== undefined) handlers.onBatchDone?.(message.elapsedMs);
      } else if (message.type === 'changes') handlers.onChanges?.(message.changes);
      else if (message.type === 'opened') opened.resolve(message.detail);
      else opened.reject(deserializeError(message.error));
    });
    const lose = (cause: unknown): void => {
      if (this.#lost !== null) return;
      this.#lost = new TackleError('storage_unavailable', 'The storage thread ended unexpectedly', { cause });
      opened.reject(this.#lost);
      for (const pending of this.#pending.values()) pending.reject(this.#lost);
      this.#pending.clear();
      if (!this.#isClosing) handlers.onLost?.();
    };
    this.#worker.on('error', lose);
    const exited = Promise.withResolvers<void>();
    this.#exited = exited.promise;
    this.#worker.on('exit', (code) => {
      lose(new Error(`exit code ${code}`));
      exited.resolve();
    });
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Registers who waits for the answer to this id; the request itself goes with `post`. */
  expect(id: number, resolve: (result: unknown) => void, reject: (error: Error) => void): void {
    if (this.#lost !== null) reject(this.#lost);
    else this.#pending.set(id, { resolve, reject });
  }

  reject(id: number, error: Error): void {
    this.#pending.get(id)?.reject(error);
    this.#pending.delete(id);
  }

  post(request: Request): void {
    this.#worker.postMessage(request);
  }

  /** Lets the process end although the thread is there. */
  unref(): void {
    this.#worker.unref();
  }

  async close(request: Request): Promise<void> {
    this.#isClosing = true;
    this.post(request);
    await this.#exited;
  }

  #settle(replies: readonly Reply[]): void {
    for (const reply of replies) {
      const pending = this.#pending.get(reply.id);
      if (pending === undefined) continue;
      this.#pending.delete(reply.id);
      if ('error' in reply) pending.reject(deserializeError(reply.error));
      else pending.resolve(reply.result);
    }
  }
}
