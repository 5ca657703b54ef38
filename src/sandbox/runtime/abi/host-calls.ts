import type { Json, JsonObject } from '../../../core/json.ts';

/**
 * The vocabulary of host calls: what the code inside the sandbox process may ask of the gateway. Types only; the ABI sends
 * these and the gateway answers them. Parameters arrive from hostile code, so the gateway validates every one of them.
 *
 * Encoding: everything is JSON. In filters and updates a `Date` was turned into its ISO string and a `RegExp` into
 * `{"$regex": source, "$options": flags}` (also as element of `$in`, `$nin` and `$all`) before it was sent.
 *
 * Order: the gateway commits writes of one invocation in the order in which it receives them. The ABI holds reads (and
 * operations that read before they write) back until the writes that were issued before them have answered.
 *
 * Errors: a rejection carries `message`, `code` and enumerable properties. Codes that the ABI looks at: `schema_violation`
 * with `details.schemaError` (or an own `schemaError`) as list of ajv errors, and `not_found`. "Nothing matched" is never
 * an error here but a null in the result; the ABI makes the rejection that apps expect.
 */
export interface HostCallMap
  extends DocumentCalls,
    WatchCalls,
    TransactionCalls,
    CollectionCalls,
    KeyValueCalls,
    QueueCalls,
    FileCalls,
    PlatformCalls,
    RouteCalls {
  /** `Datastore.open(space)` with an argument; rejects with `forbidden` when it is not the app's own space. */
  'datastore.open': { params: { readonly space: string }; result: null };
}

export type HostCall = keyof HostCallMap;
export type HostCallParams<Method extends HostCall> = HostCallMap[Method]['params'];
export type HostCallResult<Method extends HostCall> = HostCallMap[Method]['result'];

/** A filter object, or the bare `_id` of a document. */
export type FilterParam = string | JsonObject;

/**
 * One page of a stream. The JSON text of a page must be `{"next":…,"documents":[…]}` with the keys in this order and no
 * white space outside of `documents`, so that the ABI can pass the documents on as text without parsing them. `next` is
 * null at the end, else a token of `[A-Za-z0-9_-]` that the next call gives back as `after`.
 */
export interface DocumentPage {
  readonly next: string | null;
  readonly documents: readonly JsonObject[];
}

export interface CountResult {
  readonly count: number;
}

/** `document` is null when nothing matched (and nothing was upserted); `upserted` tells an insert from a change. */
export interface WrittenDocument {
  readonly document: JsonObject | null;
  readonly upserted: boolean;
}

interface InCollection {
  readonly collection: string;
}

interface Matching extends InCollection {
  readonly filter: FilterParam;
}

interface DocumentCalls {
  /** All in one commit; answers the stored documents in the order given. `_ttl` (ms) on a document makes it expire. */
  'documents.insert': {
    params: InCollection & { readonly documents: readonly JsonObject[] };
    result: readonly JsonObject[];
  };
  /** The first match in `_id` order, whole, or null. */
  'documents.findOne': { params: Matching; result: JsonObject | null };
  /**
   * `options` are those of the app, unchecked, for the normaliser in core/query: sort, limit, offset/skip, reverse, hints,
   * fields, useIndex with startIndex/endIndex (or start/end). Limit and offset count over the whole stream, not the page.
   * With a count hint the one and only document is `{count}`.
   */
  'documents.find': {
    params: Matching & { readonly options: JsonObject; readonly after: string | null };
    result: DocumentPage;
  };
  'documents.count': { params: Matching; result: CountResult };
  /** `update` holds operators, or is a patch when no key starts with `$`. */
  'documents.updateOne': {
    params: Matching & { readonly update: JsonObject; readonly upsert: boolean };
    result: WrittenDocument;
  };
  'documents.updateMany': {
    params: Matching & { readonly update: JsonObject; readonly upsert: boolean; readonly options: JsonObject };
    result: CountResult;
  };
  'documents.replaceOne': {
    params: Matching & { readonly document: JsonObject; readonly upsert: boolean };
    result: WrittenDocument;
  };
  'documents.replaceMany': {
    params: Matching & { readonly document: JsonObject; readonly options: JsonObject };
    result: CountResult;
  };
  /** `removedId` is null when nothing matched. */
  'documents.removeOne': { params: Matching; result: { readonly removedId: string | null } };
  'documents.removeMany': { params: Matching & { readonly options: JsonObject }; result: CountResult };
}

interface WatchCalls {
  /** Opens a change feed; it ends with the request that opened it when that is given up, and with the process. */
  'documents.watch': { params: Matching; result: { readonly watchId: number } };
  /**
   * Answers when there are changes; null when the feed was closed. Rejects with `conflict` when changes were missed. One call
   * at a time for each feed.
   */
  'documents.nextChanges': {
    params: { readonly watchId: number };
    result: readonly { readonly type: 'insert' | 'update' | 'remove'; readonly document: JsonObject }[] | null;
  };
  'documents.unwatch': { params: { readonly watchId: number }; result: null };
}

/** Used by collections with a schema, and by `transaction` of our library. */
interface TransactionCalls {
  'transaction.read': {
    params: InCollection & { readonly id: string };
    result: { readonly document: JsonObject | null; readonly revision: number | null };
  };
  /** Not committed when a document no longer has the revision given (null: is no longer absent). */
  'transaction.commit': {
    params: {
      readonly documents: readonly (InCollection & {
        readonly id: string;
        readonly revision: number | null;
        readonly document: JsonObject | null;
        readonly isRead: boolean;
      })[];
      readonly keys: readonly JsonObject[];
      readonly tasks: readonly JsonObject[];
      readonly settle: boolean;
    };
    result: { readonly committed: boolean };
  };
}

interface CollectionCalls {
  /** Idempotent; changes what is given of an existing collection. `options`: cap, capdelay (ms), schema. */
  'collections.create': { params: InCollection & { readonly options: JsonObject }; result: JsonObject };
  'collections.drop': { params: InCollection; result: JsonObject };
  'collections.setSchema': { params: InCollection & { readonly schema: JsonObject }; result: JsonObject };
  'collections.getSchema': { params: InCollection; result: JsonObject | null };
  'collections.removeSchema': { params: InCollection; result: JsonObject };
  'collections.createIndex': { params: InCollection & { readonly fields: readonly string[] }; result: JsonObject };
  'collections.removeIndex': { params: InCollection & { readonly fields: readonly string[] }; result: JsonObject };
}

interface InKeyspace {
  /** Null is the default keyspace, which is none of the named ones. */
  readonly keyspace: string | null;
}

interface KeyOf extends InKeyspace {
  readonly key: string;
}

interface KeyValueCalls {
  /** Resolves the stored value. `ttlMs` null: no expiry. */
  'kv.set': { params: KeyOf & { readonly value: Json; readonly ttlMs: number | null }; result: Json };
  /** Null when absent or expired. */
  'kv.get': { params: KeyOf; result: Json };
  /** Adds `by` (negative to decrement) to a number or a numeric string; `ttlMs` re-arms the expiry. */
  'kv.incr': { params: KeyOf & { readonly by: number; readonly ttlMs: number | null }; result: number };
  /** `documents` of the page are `{key, val}` (or `{key}` with keysOnly), in key order. */
  'kv.list': {
    params: InKeyspace & {
      readonly prefix: string;
      readonly reverse: boolean;
      readonly keysOnly: boolean;
      readonly limit: number | null;
      readonly after: string | null;
    };
    result: DocumentPage;
  };
  /** Resolves the value that was there, or null. */
  'kv.remove': { params: KeyOf; result: Json };
  'kv.removePrefix': { params: InKeyspace & { readonly prefix: string }; result: CountResult };
}

/** What an app gets back from `enqueue`. */
export interface QueuedJob extends JsonObject {
  readonly _id: string;
  readonly jobId: string;
  readonly topic: string;
  readonly payload: Json;
  readonly _created: string;
}

/** What an app gets back from `runAt`; `date` is ISO. */
export interface ScheduledCall extends JsonObject {
  readonly _id: string;
  readonly date: string;
  readonly payload: Json;
  readonly worker: string;
}

interface QueueCalls {
  /** `options` as given by the app: workers, timeout, retries, retryDelay. */
  'queue.enqueue': {
    params: { readonly topic: string; readonly payload: Json; readonly options: JsonObject };
    result: QueuedJob;
  };
  /** One commit for all of them, at most 1,000; `ids` in the order of the payloads. */
  'queue.enqueueMany': {
    params: { readonly topic: string; readonly payloads: readonly Json[]; readonly options: JsonObject };
    result: { readonly ids: readonly string[] };
  };
  /** Everything is enqueued before it answers. `options` as in `documents.find`. */
  'queue.enqueueFromQuery': {
    params: Matching & { readonly topic: string; readonly options: JsonObject };
    result: { readonly jobId: string; readonly count: number };
  };
  /** At `timeMs` (epoch; the past is now) `payload` is enqueued to topic `worker`. */
  'schedule.runAt': {
    params: { readonly timeMs: number; readonly payload: Json; readonly worker: string };
    result: ScheduledCall;
  };
}

/** `source` reads what a deploy or an upload brought, otherwise what the app stored at run time. */
interface FilePath {
  readonly path: string;
  readonly source: boolean;
}

export interface FileEntry extends JsonObject {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** ISO. */
  readonly lastModified: string;
  readonly isDirectory: boolean;
}

interface FileCalls {
  /** Null when there is no such file. */
  'files.stat': { params: FilePath; result: FileEntry | null };
  /** At most `length` bytes from `offset`, as base64; `revision` binds later chunks to the file that the first came from. */
  'files.read': {
    params: FilePath & { readonly offset: number; readonly length: number; readonly revision: string | null };
    result: { readonly base64: string; readonly size: number; readonly revision: string } | null;
  };
  /** Opens an upload; nothing is visible until `files.commit`. */
  'files.begin': { params: { readonly path: string }; result: { readonly uploadId: string } };
  /** Chunks of at most 1 MiB before encoding, in order. */
  'files.append': { params: { readonly uploadId: string; readonly base64: string }; result: null };
  'files.commit': { params: { readonly uploadId: string }; result: FileEntry };
  'files.abort': { params: { readonly uploadId: string }; result: null };
  /** Null when there was no such file. */
  'files.remove': { params: { readonly path: string }; result: { readonly path: string } | null };
  'files.list': { params: FilePath; result: readonly FileEntry[] };
}

interface PlatformCalls {
  /** Text of a file that comes with the gateway (the viewer of API documents). Rejects with `not_found`. */
  'platform.file': { params: { readonly name: string }; result: string };
}

interface RouteCalls {
  /**
   * `app.internalFetch`: a request to an app on this gateway, treated like one from outside. `host` names the project or
   * space as a Host header would; `path` is path and query. Bodies are base64 and at most 4 MiB.
   */
  internalFetch: {
    params: {
      readonly host: string;
      readonly path: string;
      readonly method: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly base64: string | null;
    };
    result: {
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
      readonly base64: string;
    };
  };
}
