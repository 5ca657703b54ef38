import { toDocumentJson } from '../../core/document-json.ts';
import type { CollectionNews, DocumentChanged } from '../../ports/storage/changes.ts';
import type { CollectionRef } from '../../ports/storage/documents.ts';
import type { CollectionState } from './catalogue.ts';

/** News of one collection, on its way from the writer's thread. */
export interface CollectedNews {
  readonly key: string;
  readonly news: CollectionNews;
}

export function watchKey({ space, collection }: CollectionRef): string {
  return `${space}\n${collection}`;
}

/** What the commits of the transaction under way changed in collections that somebody watches. */
export class ChangeLog {
  readonly #watched = new Set<string>();
  #entries: { readonly key: string; readonly change: DocumentChanged | { readonly gap: string } }[] = [];
  #mark = 0;

  setWatched(key: string, isWatched: boolean): void {
    if (isWatched) this.#watched.add(key);
    else this.#watched.delete(key);
  }

  isWatched(collection: CollectionState): boolean {
    return this.#watched.size > 0 && this.#watched.has(toKey(collection));
  }

  /** Bodies as they are stored; null where there is no visible document. */
  note(collection: CollectionState, storedId: string, before: string | null, after: string | null): void {
    if (!this.isWatched(collection)) return;
    const change = {
      before: before === null ? null : toDocumentJson(storedId, before),
      after: after === null ? null : toDocumentJson(storedId, after),
    };
    this.#entries.push({ key: toKey(collection), change });
  }

  noteGap(collection: CollectionState, reason: string): void {
    if (this.isWatched(collection)) this.#entries.push({ key: toKey(collection), change: { gap: reason } });
  }

  /** A commit begins. */
  mark(): void {
    this.#mark = this.#entries.length;
  }

  /** The commit failed: it changed nothing. */
  undo(): void {
    this.#entries.length = this.#mark;
  }

  reset(): void {
    this.#entries = [];
    this.#mark = 0;
  }

  /** Everything since the last call, in order; changes of one collection that follow each other are together. */
  take(): CollectedNews[] {
    if (this.#entries.length === 0) return [];
    const collected: { key: string; news: CollectionNews }[] = [];
    let changes: DocumentChanged[] = [];
    for (const { key, change } of this.#entries) {
      if ('gap' in change) {
        collected.push({ key, news: { kind: 'gap', reason: change.gap } });
        continue;
      }
      const last = collected.at(-1);
      if (last?.key !== key || last.news.kind !== 'changes') {
        changes = [];
        collected.push({ key, news: { kind: 'changes', changes } });
      }
      changes.push(change);
    }
    this.reset();
    return collected;
  }
}

function toKey({ space, name }: CollectionState): string {
  return watchKey({ space, collection: name });
}
