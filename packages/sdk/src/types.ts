/**
 * The types that app code sees, under the names that `codehooks-js` gives them. Written for the behaviour of this platform:
 * where the original declares less than it does (streams, requests), the whole of it is declared here.
 */

import type {
  ChangeFeed,
  OpenCollection,
  SchemaInput,
  SchemaOutput,
  StandardSchema,
  TypedCollection,
  WatchOptions,
} from './collection-types.ts';

/**
 * What only the app knows: bodies, payloads, key-value. `codehooks-js` declares these as `any`, and apps written against
 * it read fields of them without a check.
 */
// biome-ignore lint/suspicious/noExplicitAny: part of the contract that apps are compiled against
export type Untyped = any;

/** A document as it is stored: whatever JSON the app put in, and its `_id`. */
export type StoredDocument = { _id: string; [field: string]: unknown };

/** A filter: MongoDB's query language, or the `_id` of one document. */
export type Query = string | object;

export type keyvalOptions = {
  /** Time to live in milliseconds. */
  ttl?: number;
  /** Name of an isolated set of keys. */
  keyspace?: string;
};

export type FindOptions = {
  sort?: Record<string, number> | string;
  limit?: number;
  offset?: number;
  skip?: number;
  /** Descending by `_id`, or by `useIndex`. */
  reverse?: boolean;
  hints?: object;
  fields?: object | string;
  useIndex?: string;
  startIndex?: unknown;
  endIndex?: unknown;
  [option: string]: unknown;
};

export type UpdateOptions = { upsert?: boolean };
export type CountResult = { count: number };

/** Documents as they come: events, an array, one call each, or JSON on the way to a response. Not a promise. */
export type DataStream = {
  on(event: string, callback: (data: Untyped) => Untyped): DataStream;
  once(event: string, callback: (data: Untyped) => Untyped): DataStream;
  toArray<T extends object = StoredDocument>(): Promise<T[]>;
  forEach<T extends object = StoredDocument>(callback: (document: T, index: number) => Untyped): Promise<Untyped>;
  forEach(callback: object): Promise<Untyped>;
  json(response: httpResponse | object): Untyped;
  pipe(target: httpResponse | object): Untyped;
  sort(sort: object | string): DataStream;
  limit(limit: number): DataStream;
  skip(offset: number): DataStream;
  offset(offset: number): DataStream;
  pause(): DataStream;
  resume(): DataStream;
  cancel(): DataStream;
  end(): DataStream;
  [Symbol.asyncIterator](): AsyncIterator<StoredDocument>;
};

/** What the methods on documents have in common; `Args` is the name of the collection, or nothing within one. */
type DocumentMethods<Args extends unknown[]> = {
  /** The first match. Rejects with "Not found" when there is none. */
  getOne<T extends object = StoredDocument>(...args: [...Args, query: Query]): Promise<T>;
  findOne<T extends object = StoredDocument>(...args: [...Args, query: Query]): Promise<T>;
  findOneOrNull<T extends object = StoredDocument>(...args: [...Args, query: Query]): Promise<T | null>;
  getMany(...args: [...Args, query?: Query, options?: FindOptions | object]): DataStream;
  find(...args: [...Args, query?: Query, options?: FindOptions | object]): DataStream;
  insertOne<T extends object = StoredDocument>(...args: [...Args, document: object]): Promise<T>;
  /** Patches, or applies operators to, the first match; answers the whole document. Rejects when there is none. */
  updateOne<T extends object = StoredDocument>(
    ...args: [...Args, query: Query, update?: object, operatorsOrOptions?: object, options?: UpdateOptions | object]
  ): Promise<T>;
  updateMany(...args: [...Args, query: Query, update: object, options?: object]): Promise<CountResult>;
  replaceOne<T extends object = StoredDocument>(
    ...args: [...Args, query: Query, document: object, options?: UpdateOptions | object]
  ): Promise<T>;
  replaceMany(...args: [...Args, query: Query, document: object, options?: object]): Promise<CountResult>;
  removeOne(...args: [...Args, query: Query]): Promise<{ _id: string }>;
  removeMany(...args: [...Args, query: Query, options?: object]): Promise<CountResult>;
  count(...args: [...Args, query?: Query]): Promise<CountResult>;
  createSchema(...args: [...Args, schema: object]): Promise<object>;
  setSchema(...args: [...Args, schema: object]): Promise<object>;
  getSchema(...args: Args): Promise<object>;
  removeSchema(...args: Args): Promise<object>;
  createIndex(...args: [...Args, fields: string | string[]]): Promise<object>;
  removeIndex(...args: [...Args, fields: string | string[]]): Promise<object>;
};

export type NoSQLAPI = DocumentMethods<[]> & {
  /** What becomes of the documents that match, from now on. */
  watch(query?: Query, options?: WatchOptions): ChangeFeed<StoredDocument>;
};

export type QueuedJob = { _id: string; jobId: string; topic: string; payload: unknown; _created: string };

export type DatastoreAPI = DocumentMethods<[collection: string]> & {
  collection(name: string): NoSQLAPI;
  collection<Schema extends StandardSchema<unknown, unknown>>(
    name: string,
    options: { schema: Schema },
  ): TypedCollection<SchemaOutput<Schema>, SchemaInput<Schema>>;
  createCollection(name: string, options?: { cap?: number; capdelay?: number; schema?: object }): Promise<object>;
  dropCollection(name: string): Promise<object>;
  set(key: string, value: string | object, options?: keyvalOptions | object): Promise<Untyped>;
  /** Null when there is no such key, or it has expired. */
  get(key: string, options?: keyvalOptions | object): Promise<Untyped>;
  setObj(key: string, value: object, options?: keyvalOptions | object): Promise<Untyped>;
  getObj(key: string, options?: keyvalOptions | object): Promise<Untyped>;
  getAll(pattern: string, options?: keyvalOptions | object): DataStream;
  /** Atomic; answers the new number. */
  incr(key: string, value: number, options?: keyvalOptions | object): Promise<number>;
  decr(key: string, value: number, options?: keyvalOptions | object): Promise<number>;
  del(key: string, options?: keyvalOptions | object): Promise<Untyped>;
  delAll(pattern: string, options?: keyvalOptions | object): Promise<Untyped>;
  enqueue(topic: string, payload: Untyped, options?: object): Promise<QueuedJob>;
  /** At most 1,000 tasks in one commit: all of them or none. `ids` are in the order of the payloads. */
  enqueueMany(
    topic: string,
    payloads: readonly Untyped[],
    options?: object,
  ): Promise<{ ids: readonly string[]; count: number }>;
  enqueueFromQuery(
    collection: string,
    query: Query,
    topic: string,
    options?: object,
  ): Promise<{ JobId: string; jobId: string; count: number; queued: number }>;
  runAt(date: Date | string | number, payload: Untyped, worker: string): Promise<Untyped>;
  close(): Promise<void>;
};

export type Datastore = {
  /** The promise carries the whole API itself, so `open().insertOne(…)` works without `await`. */
  open(space?: string): Promise<DatastoreAPI> & DatastoreAPI;
  /** One collection as a typed object, without opening a connection first. */
  collection: OpenCollection;
};

export type httpRequest = {
  headers: Untyped;
  query: Untyped;
  params: Untyped;
  /** JSON and forms parsed; text as a string; `{}` for other bodies, which are read as a stream. */
  body: Untyped;
  /** The exact text of a JSON, form or text body. */
  rawBody: string;
  path: string;
  apiPath: string;
  originalUrl: string;
  url: string;
  method: string;
  hostname: string;
  ip: string;
  connection: { remoteAddress: string };
  /** Aborts when the client leaves or the time is over; for `fetch` and whatever else takes a signal. */
  signal: AbortSignal;
  on(event: string, callback: (data: Untyped) => Untyped): Untyped;
  pipe(target: Untyped): Untyped;
  /** Middleware may leave anything here. */
  [property: string]: Untyped;
};

export type httpResponse = {
  status(code: number): Untyped;
  json(document?: Untyped): Untyped;
  send(data?: Untyped): Untyped;
  end(data?: Untyped): Untyped;
  write(data: Untyped, type?: string): Untyped;
  set(header: string | object, value?: string | string[]): Untyped;
  setHeader(header: string, value: string | string[]): Untyped;
  headers: ((headers: object) => Untyped) & { [header: string]: Untyped };
  removeHeader(header: string): Untyped;
  type(mime: string): Untyped;
  redirect(statusCodeOrUrl: number | string, url?: string): Untyped;
  render(template: string, context?: object): Untyped;
  cookie(name: string, value: Untyped, options?: object): Untyped;
  clearCookie(name: string, options?: object): Untyped;
  /** Media types or their short names, each with what answers it, and `default`. */
  format(handlers: Record<string, (request: httpRequest, response: httpResponse) => Untyped>): Untyped;
  /** A file of the deployment, or else of the app: `sendFile(path, options?, done?)`. */
  sendFile(path: string, ...rest: Untyped[]): Untyped;
  /** `download(path, name?, options?, done?)`: the same, for the browser to save. */
  download(path: string, ...rest: Untyped[]): Untyped;
  /** A Node Writable: `stream.pipe(res.writable)`. */
  writable: Untyped;
  /** Turns the response into a stream of server-sent events; its head goes out at once. */
  sse(options?: EventStreamOptions): EventStream;
  on(event: string, callback: (data?: Untyped) => Untyped): Untyped;
  headersSent: boolean;
  statusCode: number;
  [property: string]: Untyped;
};

export type EventStreamOptions = {
  /** A comment is sent this often while nothing else is, in milliseconds; 0 for never. 15 s unless set. */
  pingMs?: number;
  /** How long clients wait before they connect again, in milliseconds. */
  retryMs?: number;
};

/**
 * Server-sent events to one client. The promises resolve when the client takes more: a loop that awaits them goes as fast as
 * its reader. When the client is gone they resolve at once, and nothing is sent.
 */
export type EventStream = {
  /** `name` null is a plain `message`. Strings are sent as they are, anything else as JSON. */
  send(name: string | null, data?: unknown, id?: string | number): Promise<void>;
  /** A line that clients pass over. */
  comment(text: string): Promise<void>;
  ping(): Promise<void>;
  close(): void;
  readonly closed: boolean;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly done: Promise<void>;
};

export type nextFunction = (error?: string) => void;

/** A route handler, middleware, auth hook, worker or job. */
export type Handler = (request: httpRequest, response: httpResponse, next: nextFunction) => Untyped;

export type Request = httpRequest;
export type Response = httpResponse;
export type NextFunction = nextFunction;

export type WorkerOptions = {
  /** How many of this topic run at once; 1 unless set. */
  workers?: number;
  timeout?: number;
  [option: string]: Untyped;
};

/** The files of a space, as `filestore` gives them. */
export type Filesystem = {
  getReadStream(path: string, options?: object): Promise<Untyped>;
  readFile(path: string, options?: object): Promise<string>;
  saveFile(path: string, content: Untyped, options?: object): Promise<Untyped>;
  deleteFile(path: string, options?: object): Promise<Untyped>;
  list(path: string, options?: object): Promise<Untyped>;
  readFileAsBuffer(path: string, options?: object): Promise<Untyped>;
};
