import type { JsonObject } from '../../core/json.ts';
import type { Filter } from '../../core/query/filter.ts';
import type { Sort } from '../../core/query/sort.ts';
import type { ParsedUpdate } from '../../core/update/parse-update.ts';

/**
 * Collections of JSON documents. A collection belongs to a space and comes into being with its first write; reading one
 * that does not exist yields nothing. Filters and updates cross the port parsed: they are plain data then.
 */
export interface CollectionRef {
  readonly space: string;
  readonly collection: string;
}

export interface NewDocument {
  readonly id: string;
  /** The document without `_id`, as `encodeStoredBody` writes it. */
  readonly body: string;
  /** Milliseconds since 1970; the document is invisible from then on. */
  readonly expiresAtMs?: number;
}

export interface StoredDocument {
  readonly id: string;
  /** JSON text of the whole document; `_id` is its last key. */
  readonly json: string;
  /** Grows with every write of this id, also across removal and insertion. */
  readonly revision: number;
}

/** A document that a write is meant for. With `revision`, only while that revision holds. */
export interface DocumentTarget {
  readonly id: string;
  readonly revision?: number;
}

export type DocumentChange =
  /** Updates in the language of `core/update`, applied one after the other to each document. */
  | { readonly type: 'update'; readonly updates: readonly ParsedUpdate[] }
  /** As `NewDocument.body`; the id stays. */
  | { readonly type: 'replace'; readonly body: string };

interface TargetedWrite extends CollectionRef {
  /** In the order in which they are tried. */
  readonly targets: readonly DocumentTarget[];
  /** Checked again on the current state of every target. Must not hold regular expressions: give revisions instead. */
  readonly filter?: Filter;
  /** `first`: ends at the first target that exists and matches. `each`: all of them. */
  readonly mode: 'first' | 'each';
  /** Stop after this time and report how many targets were processed (at least one). Absent: all or an error. */
  readonly budgetMs?: number;
}

interface TargetedResult {
  /** Documents written or removed. */
  readonly count: number;
  /** Targets dealt with; fewer than given only with `budgetMs` or `mode: 'first'`. */
  readonly processed: number;
  /** Ids of targets whose given revision no longer held: read them again and decide anew. */
  readonly stale: readonly string[];
}

export interface CollectionSettings {
  /** Keep at most this many documents, the newest; null lifts the cap. */
  readonly cap?: number | null;
  /** How long after an insert the cap is enforced, in milliseconds. */
  readonly capDelayMs?: number;
  /** JSON Schema for documents without `_id`; null removes it. Existing documents are not checked. */
  readonly schema?: JsonObject | null;
}

export interface IndexInfo {
  /** Dotted path, also through arrays. */
  readonly field: string;
  readonly state: 'building' | 'ready';
}

export interface CollectionInfo {
  readonly name: string;
  readonly createdAtMs: number;
  readonly documents: number;
  readonly bytes: number;
  readonly cap: number | null;
  readonly capDelayMs: number;
  readonly schema: JsonObject | null;
  readonly indexes: readonly IndexInfo[];
}

export interface DocumentCommands {
  /** Rejects with `duplicate_id`, `schema_violation` (details `{schemaError}`), `quota_exceeded` (too many collections). */
  'document.insert': {
    params: CollectionRef & {
      readonly documents: readonly NewDocument[];
      /** Insert invisibly; `document.publish` shows all rows of the batch at once. */
      readonly stage?: number;
    };
    result: { readonly count: number };
  };
  /** Shows a staged batch, or throws it away. */
  'document.publish': {
    params: CollectionRef & { readonly stage: number; readonly discard?: boolean };
    result: { readonly count: number };
  };
  /** Updates or replaces; rejects with `schema_violation`, `invalid_update`. */
  'document.write': {
    params: TargetedWrite & {
      readonly change: DocumentChange;
      /**
       * When no target was written (`mode: 'first'`), insert under this id: the equalities of the filter with the change
       * applied, or the replacement.
       */
      readonly upsert?: { readonly id: string; readonly filter: Filter };
    };
    result: TargetedResult & {
      /** With `mode: 'first'`: the document as written, or null. */
      readonly document: StoredDocument | null;
      readonly upserted: boolean;
    };
  };
  'document.remove': {
    params: TargetedWrite;
    result: TargetedResult & {
      /** With `mode: 'first'`: the id removed, or null. */
      readonly id: string | null;
    };
  };
  /** Precondition: rejects the commit with `conflict` unless the document has this revision; null: does not exist. */
  'document.expect': {
    params: CollectionRef & { readonly id: string; readonly revision: number | null };
    result: null;
  };
  /** Creates the collection, or changes the given settings of one that exists. */
  'collection.put': { params: CollectionRef & CollectionSettings; result: { readonly created: boolean } };
  /** Gone at once; its space is freed in the background. */
  'collection.drop': { params: CollectionRef; result: { readonly dropped: boolean } };
  /** Drops every collection of the space (its keys: `keyvalue.removeSpace`). */
  'space.drop': { params: { readonly space: string }; result: { readonly collections: number } };
  /** Declares an index. `state` is `building` until `index.build` has run to its end. */
  'index.create': { params: CollectionRef & { readonly field: string }; result: IndexInfo };
  /** One step of the build, of about `budgetMs`. */
  'index.build': {
    params: CollectionRef & { readonly field: string; readonly budgetMs: number };
    result: { readonly processed: number; readonly done: boolean };
  };
  'index.remove': { params: CollectionRef & { readonly field: string }; result: { readonly removed: boolean } };
}

export interface DocumentQuery extends CollectionRef {
  readonly filter: Filter;
  /** Absent or empty: by `_id`. Ties go by `_id`. */
  readonly sort?: Sort;
  /** Projection: fields with 1 (only these, and `_id` unless 0) or 0 (without these). */
  readonly fields?: Readonly<Record<string, 0 | 1>>;
}

export interface SpaceUsage {
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

export interface DocumentReads {
  'document.get': { params: CollectionRef & { readonly id: string }; result: StoredDocument | null };
  /**
   * One page: at most 500 documents and about 1 MB, and never more than `limit`, which is how many the whole query wants
   * from here (a sort uses that). `next` continues after the last one; a query is at its end when `next` is null. No
   * snapshot is held between pages: a document that is there all the time appears exactly once. Rejects with
   * `invalid_query`; with `quota_exceeded` when a sort without index would need more than 256 MB of temporary space.
   */
  'document.find': {
    params: DocumentQuery & {
      readonly limit: number;
      /** Counts only for the first page. */
      readonly skip?: number;
      readonly after?: string;
    };
    result: {
      /** JSON array text. */
      readonly json: string;
      readonly count: number;
      readonly next: string | null;
    };
  };
  /** Like `document.find`, but yields ids with their revisions, at most 1,000 a page. */
  'document.findIds': {
    params: DocumentQuery & { readonly limit: number; readonly skip?: number; readonly after?: string };
    result: { readonly targets: readonly Required<DocumentTarget>[]; readonly next: string | null };
  };
  'document.count': { params: CollectionRef & { readonly filter: Filter }; result: { readonly count: number } };
  /** How a query would be run, in the engine's words. */
  'document.explain': {
    params: DocumentQuery;
    result: { readonly index: string | null; readonly plan: readonly string[] };
  };
  'space.usage': { params: { readonly space: string }; result: SpaceUsage };
  'collection.get': { params: CollectionRef; result: CollectionInfo | null };
  /** By name. System collections (their names start with `_`) only on request. */
  'collection.list': {
    params: { readonly space: string; readonly includeSystem?: boolean };
    result: readonly CollectionInfo[];
  };
}
