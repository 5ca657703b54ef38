import type { JsonObject } from '../../../core/json.ts';
import type { Host } from './host.ts';
import type { FilterParam } from './host-calls.ts';

/** A change of what a query finds; `document` is what it is now, or was last. */
export interface DocumentChange {
  readonly type: 'insert' | 'update' | 'remove';
  readonly _id: string;
  readonly document: JsonObject;
}

export interface WatchOptions {
  /** Ends the feed. */
  readonly signal?: AbortSignal;
}

/**
 * The changes of what a query finds, from now on (`collection.watch`). Iterate it once; leaving the loop ends it. The loop
 * throws when changes were missed: then read again, and watch again from there.
 */
export class ChangeFeed implements AsyncIterable<DocumentChange> {
  /** Resolves when every later change will be told. */
  readonly ready: Promise<void>;
  readonly #host: Host;
  readonly #opening: Promise<number>;
  #isClosed = false;

  constructor(host: Host, collection: string, filter: FilterParam, { signal }: WatchOptions) {
    this.#host = host;
    this.#opening = host.read('documents.watch', { collection, filter }).then(({ watchId }) => watchId);
    this.ready = this.#opening.then(() => undefined);
    // Whoever iterates gets the error.
    this.ready.catch(() => {});
    if (signal?.aborted) this.close();
    else signal?.addEventListener('abort', () => this.close(), { once: true });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#opening.then((watchId) => this.#host.read('documents.unwatch', { watchId })).catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DocumentChange> {
    try {
      const watchId = await this.#opening;
      while (!this.#isClosed) {
        const changes = await this.#host.read('documents.nextChanges', { watchId });
        if (changes === null) return;
        for (const { type, document } of changes) {
          if (this.#isClosed) return;
          yield { type, _id: String(document._id), document };
        }
      }
    } catch (error) {
      // A request that was given up may call no more; its feed is over, which is no error.
      if (!this.#isClosed) throw error;
    } finally {
      this.close();
    }
  }
}
