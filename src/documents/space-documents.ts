import type { Json } from '../core/json.ts';
import type { CollectionInfo } from '../ports/storage/documents.ts';

/** JSON text, ready to be sent as it is. */
export type JsonText = string;

/** An `_id`, or a filter in the query language (`core/query`). */
export type Selector = string | Readonly<Record<string, unknown>>;

/**
 * Options of a find as apps give them. `hints` are fallbacks for the rest (`$fields`, `fields`, `projection`, `sort`,
 * `$sort`, `$orderby`, `limit`, `$limit`, `$max`, `skip`, `offset`, `$skip`, `$offset`; `count`, `$count`, `$onlycount`
 * turn the result into the one item `{count}`); unknown keys are ignored.
 */
export interface FindOptions {
  /** `{field: 1 | -1}` in order of significance, or `"a,-b"`. */
  readonly sort?: unknown;
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly skip?: unknown;
  readonly reverse?: unknown;
  readonly hints?: unknown;
  readonly fields?: unknown;
  readonly useIndex?: unknown;
  readonly startIndex?: unknown;
  readonly endIndex?: unknown;
  readonly start?: unknown;
  readonly end?: unknown;
}

export interface FindPage {
  /** JSON array text: at most 500 documents or about 1 MB. */
  readonly json: JsonText;
  readonly count: number;
  /** Give it to the next call, with the same arguments; null after the last page. */
  readonly next: string | null;
}

export interface CollectionOptions {
  readonly cap?: number | null;
  /** Milliseconds. */
  readonly capdelay?: number;
  readonly schema?: Json;
}

export interface ImportResult {
  readonly count: number;
}

export interface ImportOptions {
  /** Leave out what cannot be imported instead of importing nothing. `onError` gets the position in the input (from 0). */
  readonly continueOnError?: boolean;
  onError?(position: number, error: Error): void;
}

/**
 * The documents of one space, with the behaviour that apps know (spec/codehooks.md section 4). Errors are TackleErrors:
 * `not_found` (its message holds "Not found"), `schema_violation` (`details.schemaError`: ajv's error objects),
 * `duplicate_id`, `invalid_query`, `invalid_update`, `invalid_name`, `quota_exceeded`, `overloaded`.
 *
 * Writes are durable and visible when their promise resolves, and are committed in the order of the calls; a read waits
 * for the writes that were issued before it through the same SpaceDocuments.
 */
export interface SpaceDocuments {
  /** First match in `_id` order; rejects with `not_found`. */
  getOne(collection: string, selector: Selector): Promise<JsonText>;
  findOneOrNull(collection: string, selector: Selector): Promise<JsonText | null>;
  /** What `findOneOrNull` would answer for this `_id`, where the document is in memory; undefined: ask with that. */
  peekOne(collection: string, id: string): JsonText | undefined;
  /** One page. `query` and `options` as the app gave them, legacy forms included (`{filter, hints, limit, …}`). */
  find(collection: string, query?: unknown, options?: unknown, next?: string | null): Promise<FindPage>;
  /** All pages, each read when the one before was taken. */
  pages(collection: string, query?: unknown, options?: unknown): AsyncIterable<FindPage>;
  count(collection: string, query?: unknown): Promise<{ count: number }>;
  /**
   * The stored document; for an array the stored documents, all inserted or none. `_id` is kept or generated; `_ttl`
   * (milliseconds) makes the document expire.
   */
  insertOne(collection: string, document: unknown): Promise<JsonText>;
  /**
   * The whole document after the update. Rejects with `not_found` unless one of the last two arguments asks for
   * `upsert: true`; an upserted document is told by `upserted`.
   */
  updateOne(
    collection: string,
    selector: Selector,
    update: unknown,
    operators?: unknown,
    options?: unknown,
  ): Promise<WrittenDocument>;
  replaceOne(collection: string, selector: Selector, document: unknown, options?: unknown): Promise<WrittenDocument>;
  /** Each document is updated atomically, all of them together are not. */
  updateMany(collection: string, query: unknown, update: unknown, options?: unknown): Promise<{ count: number }>;
  replaceMany(collection: string, query: unknown, document: unknown, options?: unknown): Promise<{ count: number }>;
  /** Rejects with `not_found`. */
  removeOne(collection: string, selector: Selector): Promise<{ _id: string }>;
  removeMany(collection: string, query: unknown, options?: unknown): Promise<{ count: number }>;
  /** Creates it, or changes cap and schema of the one that is there. */
  createCollection(collection: string, options?: CollectionOptions): Promise<CollectionInfo>;
  dropCollection(collection: string): Promise<{ dropped: boolean }>;
  setSchema(collection: string, schema: unknown): Promise<CollectionInfo>;
  getSchema(collection: string): Promise<Json>;
  removeSchema(collection: string): Promise<CollectionInfo>;
  capCollection(collection: string, cap: number, capDelayMs?: number): Promise<CollectionInfo>;
  uncapCollection(collection: string): Promise<CollectionInfo>;
  /** Resolves when the indexes are built. Idempotent. `onProgress` gets the documents processed so far. */
  createIndex(
    collection: string,
    field: string | readonly string[],
    onProgress?: (field: string, processed: number) => void,
  ): Promise<CollectionInfo>;
  removeIndex(collection: string, field: string | readonly string[]): Promise<CollectionInfo | null>;
  getCollection(collection: string): Promise<CollectionInfo | null>;
  /** By name; system collections (`_…`) on request only. */
  listCollections(options?: { includeSystem?: boolean }): Promise<readonly CollectionInfo[]>;
  /** All or nothing, visible at once; never blocks other writers for long. */
  importDocuments(
    collection: string,
    documents: Iterable<unknown> | AsyncIterable<unknown>,
    options?: ImportOptions,
  ): Promise<ImportResult>;
}

export interface WrittenDocument {
  readonly id: string;
  readonly json: JsonText;
  readonly upserted: boolean;
}
