import type { JsonValue } from '../workflows/types.ts';

type TestDocument = Record<string, unknown> & { _id: string };

interface Stored {
  readonly document: TestDocument;
  readonly revision: number;
}

/** What a transaction sends: see `TransactionBuffer.toParams`. */
export interface TestWrites {
  readonly documents: readonly {
    readonly collection: string;
    readonly id: string;
    readonly revision: number | null;
    readonly document: TestDocument | null;
    readonly isRead: boolean;
  }[];
  readonly keys: readonly {
    readonly key: string;
    readonly keyspace: string | null;
    readonly value?: JsonValue;
    readonly remove?: boolean;
  }[];
  readonly tasks: readonly { readonly topic: string; readonly payload: JsonValue }[];
}

/** Documents and keys of a test, in memory, as far as transactions reach them. */
export class TestStore {
  readonly #documents = new Map<string, Stored>();
  readonly #keys = new Map<string, JsonValue>();
  #lastRevision = 0;

  find(collection: string, id: string): { readonly document: TestDocument | null; readonly revision: number | null } {
    const found = this.#documents.get(JSON.stringify([collection, id]));
    if (found === undefined) return { document: null, revision: null };
    return { document: structuredClone(found.document), revision: found.revision };
  }

  put(collection: string, document: TestDocument): void {
    this.#lastRevision += 1;
    const stored = { document: structuredClone(document), revision: this.#lastRevision };
    this.#documents.set(JSON.stringify([collection, document._id]), stored);
  }

  getKey(key: string, keyspace: string | null): JsonValue {
    return this.#keys.get(JSON.stringify([keyspace, key])) ?? null;
  }

  /** False, and nothing is written, when something that was read has changed. */
  apply({ documents, keys }: TestWrites): boolean {
    const isCurrent = documents.every(
      ({ collection, id, revision }) => this.find(collection, id).revision === revision,
    );
    if (!isCurrent) return false;
    for (const { collection, id, document, isRead } of documents) {
      if (isRead) continue;
      if (document === null) this.#documents.delete(JSON.stringify([collection, id]));
      else this.put(collection, document);
    }
    for (const { key, keyspace, value, remove } of keys) {
      if (remove === true || value === undefined) this.#keys.delete(JSON.stringify([keyspace, key]));
      else this.#keys.set(JSON.stringify([keyspace, key]), value);
    }
    return true;
  }
}
