import { callPlatform } from './platform-calls.ts';
import type { JsonValue } from './types.ts';

type Document = Record<string, unknown> & { _id: string };
type Revision = number | null;

interface Buffered {
  readonly document: Document | null;
  readonly revision: Revision;
  readonly isRead: boolean;
}

export interface TransactionOptions {
  /** Settle the task of this worker in the same commit: its effects then are there exactly once. */
  readonly settle?: boolean;
}

/** The writes of a transaction, and reads that see them. Documents are addressed by `_id`. */
export interface Transaction {
  get(collection: string, id: string): Promise<Document | null>;
  /** Stores a document under `_id` (generated when absent), whether or not there is one. */
  put(collection: string, document: object): Promise<Document>;
  /** Merges fields into the document of this id; rejects when there is none. */
  patch(collection: string, id: string, fields: object): Promise<Document>;
  remove(collection: string, id: string): Promise<void>;
  kvGet(key: string, options?: { readonly keyspace?: string }): Promise<JsonValue>;
  kvSet(key: string, value: JsonValue, options?: { readonly keyspace?: string; readonly ttl?: number }): void;
  kvRemove(key: string, options?: { readonly keyspace?: string }): void;
  /** The task exists when the transaction does. */
  enqueue(topic: string, payload: unknown, options?: object): void;
}

const mostTries = 5;

/**
 * Everything that `fn` writes becomes visible at once, or nothing does. What it read must not have changed meanwhile;
 * otherwise `fn` is run again, at most five times. It should therefore do nothing else than reading and writing.
 */
export async function transaction<Result>(
  fn: (tx: Transaction) => Result | Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const buffer = new TransactionBuffer();
    const result = await fn(buffer);
    const { committed } = await callPlatform<{ committed: boolean }>('transaction.commit', {
      ...buffer.toParams(),
      settle: options.settle === true,
    });
    if (committed) return result;
    if (tries === mostTries) throw new Error(`The transaction met other writers ${mostTries} times and was given up`);
  }
}

/** What a transaction has read and is going to write. */
export class TransactionBuffer implements Transaction {
  readonly #documents = new Map<string, Buffered & { readonly collection: string; readonly id: string }>();
  readonly #keys = new Map<string, { key: string; keyspace: string | null; value?: JsonValue; ttlMs: number | null }>();
  readonly #tasks: { topic: string; payload: unknown; options: object }[] = [];

  async get(collection: string, id: string): Promise<Document | null> {
    const { document } = await this.#load(collection, id);
    return document === null ? null : structuredClone(document);
  }

  async put(collection: string, document: object): Promise<Document> {
    const copy = JSON.parse(JSON.stringify(document)) as Document;
    const id = typeof copy._id === 'string' ? copy._id : createId();
    const known = await this.#load(collection, id);
    return this.#write(collection, id, { ...copy, _id: id }, known.revision);
  }

  async patch(collection: string, id: string, fields: object): Promise<Document> {
    const known = await this.#load(collection, id);
    if (known.document === null) throw new Error(`Not found: ${collection} has no document ${id}`);
    const changed = JSON.parse(JSON.stringify(fields)) as object;
    return this.#write(collection, id, { ...known.document, ...changed, _id: id }, known.revision);
  }

  async remove(collection: string, id: string): Promise<void> {
    const known = await this.#load(collection, id);
    this.#write(collection, id, null, known.revision);
  }

  async kvGet(key: string, options: { readonly keyspace?: string } = {}): Promise<JsonValue> {
    const keyspace = options.keyspace ?? null;
    const known = this.#keys.get(JSON.stringify([keyspace, key]));
    if (known !== undefined) return known.value ?? null;
    return callPlatform<JsonValue>('kv.get', { key, keyspace });
  }

  kvSet(key: string, value: JsonValue, options: { readonly keyspace?: string; readonly ttl?: number } = {}): void {
    const keyspace = options.keyspace ?? null;
    this.#keys.set(JSON.stringify([keyspace, key]), { key, keyspace, value, ttlMs: options.ttl ?? null });
  }

  kvRemove(key: string, options: { readonly keyspace?: string } = {}): void {
    const keyspace = options.keyspace ?? null;
    this.#keys.set(JSON.stringify([keyspace, key]), { key, keyspace, ttlMs: null });
  }

  enqueue(topic: string, payload: unknown, options: object = {}): void {
    this.#tasks.push({ topic, payload: JSON.parse(JSON.stringify(payload ?? null)), options });
  }

  get isEmpty(): boolean {
    return this.#documents.size === 0 && this.#keys.size === 0 && this.#tasks.length === 0;
  }

  /** Goes on from here, and leaves this one as it is. */
  copy(): TransactionBuffer {
    const copy = new TransactionBuffer();
    for (const [key, entry] of this.#documents) copy.#documents.set(key, entry);
    for (const [key, entry] of this.#keys) copy.#keys.set(key, entry);
    copy.#tasks.push(...this.#tasks);
    return copy;
  }

  toParams(): object {
    return {
      documents: [...this.#documents.values()].map(({ collection, id, document, revision, isRead }) => ({
        collection,
        id,
        revision,
        document,
        isRead,
      })),
      keys: [...this.#keys.values()].map(({ key, keyspace, value, ttlMs }) => ({
        key,
        keyspace,
        ttlMs,
        ...(value === undefined ? { remove: true } : { value }),
      })),
      tasks: this.#tasks,
    };
  }

  async #load(collection: string, id: string): Promise<Buffered> {
    const key = JSON.stringify([collection, id]);
    const known = this.#documents.get(key);
    if (known !== undefined) return known;
    const read = await callPlatform<{ document: Document | null; revision: Revision }>('transaction.read', {
      collection,
      id,
    });
    const loaded = { collection, id, ...read, isRead: true };
    this.#documents.set(key, loaded);
    return loaded;
  }

  #write(collection: string, id: string, document: Document | null, revision: Revision): Document {
    this.#documents.set(JSON.stringify([collection, id]), { collection, id, document, revision, isRead: false });
    return structuredClone(document) as Document;
  }
}

function createId(): string {
  const seconds = Math.floor(Date.now() / 1000)
    .toString(16)
    .padStart(8, '0');
  const random = crypto.getRandomValues(new Uint8Array(8));
  return seconds + [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
