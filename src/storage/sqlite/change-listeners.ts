import type { ChangeSource, CollectionNews } from '../../ports/storage/changes.ts';
import type { CollectionRef } from '../../ports/storage/documents.ts';
import { type CollectedNews, watchKey } from './change-log.ts';

type Listener = (news: CollectionNews) => void;

/** Tells the writer which collections are watched; resolves when it knows. */
type SetWatched = (key: string, isWatched: boolean) => Promise<void>;

/** Who listens to which collection, on the gateway's thread. */
export class ChangeListeners implements ChangeSource {
  readonly #setWatched: SetWatched;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(setWatched: SetWatched) {
    this.#setWatched = setWatched;
  }

  async watch(collection: CollectionRef, listener: Listener): Promise<() => void> {
    const key = watchKey(collection);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    const stop = (): void => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(key);
      this.#setWatched(key, false).catch(() => undefined);
    };
    try {
      await this.#setWatched(key, true);
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  deliver(collected: readonly CollectedNews[]): void {
    for (const { key, news } of collected) {
      for (const listener of [...(this.#listeners.get(key) ?? [])]) listener(news);
    }
  }

  /** A new writer must be told again; what the old one committed last may have been lost on its way. */
  restart(): void {
    for (const [key, listeners] of this.#listeners) {
      this.#setWatched(key, true).catch(() => undefined);
      for (const listener of [...listeners]) listener({ kind: 'gap', reason: 'The storage was restarted' });
    }
  }
}
