import type { CountResult, DataStream, FindOptions, UpdateOptions } from './types.ts';

/** A schema of any library that follows https://standardschema.dev (Zod, Valibot, ArkType, Yup and others). */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

type AnySchema = StandardSchema<unknown, unknown>;
/** What a schema accepts, and what it makes of it. */
export type SchemaInput<Schema extends AnySchema> = NonNullable<Schema['~standard']['types']>['input'] & object;
export type SchemaOutput<Schema extends AnySchema> = NonNullable<Schema['~standard']['types']>['output'] & object;

/** A document as it is read: its fields, and the `_id` under which it is stored. */
export type Stored<Fields> = Omit<Fields, '_id'> & { _id: string };
/** A document to write: `_id` is made when it is missing; `_ttl` (milliseconds) lets it expire. */
export type Unstored<Fields> = Omit<Fields, '_id'> & { _id?: string; _ttl?: number };

type Operators<Value> = {
  $eq?: Value;
  $ne?: Value;
  $gt?: Value;
  $gte?: Value;
  $lt?: Value;
  $lte?: Value;
  $in?: readonly (Value | RegExp)[];
  $nin?: readonly (Value | RegExp)[];
  $exists?: boolean;
  $regex?: string | RegExp;
  $options?: string;
  $startsWith?: string;
  $endsWith?: string;
  $not?: unknown;
  $elemMatch?: object;
  $all?: readonly unknown[];
  $size?: number;
  $mod?: readonly [number, number];
  $type?: string | readonly string[];
};

type Element<Value> = Value extends readonly (infer Item)[] ? Item : never;
type Condition<Value> =
  | Value
  | Element<Value>
  | RegExp
  | Date
  | null
  | Operators<NonNullable<Value> | Element<NonNullable<Value>> | Date>;

/** A filter on documents of this shape, or the `_id` of one. Dotted names reach into nested fields. */
export type Filter<Fields> = string | FilterObject<Fields>;
type FilterObject<Fields> = { [Name in keyof Stored<Fields>]?: Condition<Stored<Fields>[Name]> } & {
  [path: `${string}.${string}`]: unknown;
  $and?: readonly FilterObject<Fields>[];
  $or?: readonly FilterObject<Fields>[];
  $nor?: readonly FilterObject<Fields>[];
};

type NumericNames<Fields> = {
  [Name in keyof Fields]-?: NonNullable<Fields[Name]> extends number ? Name : never;
}[keyof Fields];
type Each<Fields> = { [Name in keyof Fields]?: unknown };
type DeepPartial<Value> = Value extends readonly unknown[] | Date
  ? Value
  : Value extends object
    ? { [Name in keyof Value]?: DeepPartial<Value[Name]> }
    : Value;

/** Operators, or fields that are merged into the document. */
export type Update<Fields> =
  | DeepPartial<Fields>
  | {
      $set?: Partial<Fields>;
      $setOnInsert?: Partial<Fields>;
      $unset?: Each<Fields> | readonly (keyof Fields)[] | keyof Fields;
      $inc?: { [Name in NumericNames<Fields>]?: number };
      $mul?: { [Name in NumericNames<Fields>]?: number };
      $min?: Partial<Fields>;
      $max?: Partial<Fields>;
      $currentDate?: Each<Fields>;
      $push?: Each<Fields>;
      $pull?: Each<Fields>;
      $pullAll?: Each<Fields>;
      $pop?: Each<Fields>;
      $addToSet?: Each<Fields>;
      $rename?: { [Name in keyof Fields]?: string };
    };

/** The documents of a query as they come: an async iterable, an array, one call each, or JSON on the way to a response. */
export type TypedStream<Fields> = Omit<
  DataStream,
  'toArray' | 'forEach' | 'sort' | 'limit' | 'skip' | 'offset' | typeof Symbol.asyncIterator
> & {
  toArray(): Promise<Stored<Fields>[]>;
  forEach(callback: (document: Stored<Fields>, index: number) => unknown): Promise<void>;
  sort(sort: { [Name in keyof Stored<Fields>]?: 1 | -1 } | string): TypedStream<Fields>;
  limit(limit: number): TypedStream<Fields>;
  skip(offset: number): TypedStream<Fields>;
  offset(offset: number): TypedStream<Fields>;
  [Symbol.asyncIterator](): AsyncIterator<Stored<Fields>>;
};

/** A change of what a query finds; `document` is what it is now or, for `remove`, was last. */
export type Change<Fields> = {
  readonly type: 'insert' | 'update' | 'remove';
  readonly _id: string;
  readonly document: Stored<Fields>;
};

/**
 * Changes from now on, as they are committed: `insert` when a document comes to match the query, `update` when a match
 * changes, `remove` when it matches no longer or is gone. Iterate it once; leaving the loop ends it. The loop throws when
 * changes were missed (the reader was too slow, a large import, a dropped collection): read again, and watch again.
 */
export type ChangeFeed<Fields> = AsyncIterable<Change<Fields>> & {
  /** Resolves when every later change will be told. */
  readonly ready: Promise<void>;
  close(): void;
};

export type WatchOptions = { signal?: AbortSignal };

/** A collection as an object with types; `Input` is what may be written, where a schema turns it into something else. */
export interface TypedCollection<Fields extends object, Input extends object = Fields> {
  /** The first match. Rejects with "Not found" when there is none. */
  getOne(filter: Filter<Fields>): Promise<Stored<Fields>>;
  findOne(filter: Filter<Fields>): Promise<Stored<Fields>>;
  findOneOrNull(filter: Filter<Fields>): Promise<Stored<Fields> | null>;
  getMany(filter?: Filter<Fields>, options?: FindOptions): TypedStream<Fields>;
  find(filter?: Filter<Fields>, options?: FindOptions): TypedStream<Fields>;
  insertOne(document: Unstored<Input>): Promise<Stored<Fields>>;
  /** All of them or none. */
  insertOne(documents: readonly Unstored<Input>[]): Promise<Stored<Fields>[]>;
  /** Changes the first match; answers the whole document. Rejects when there is none, unless it may insert. */
  updateOne(filter: Filter<Fields>, update: Update<Fields>, options?: UpdateOptions): Promise<Stored<Fields>>;
  updateMany(filter: Filter<Fields>, update: Update<Fields>, options?: object): Promise<CountResult>;
  replaceOne(filter: Filter<Fields>, document: Unstored<Input>, options?: UpdateOptions): Promise<Stored<Fields>>;
  replaceMany(filter: Filter<Fields>, document: Unstored<Input>, options?: object): Promise<CountResult>;
  removeOne(filter: Filter<Fields>): Promise<{ _id: string }>;
  removeMany(filter: Filter<Fields>, options?: object): Promise<CountResult>;
  count(filter?: Filter<Fields>): Promise<CountResult>;
  watch(filter?: Filter<Fields>, options?: WatchOptions): ChangeFeed<Fields>;
  createIndex(fields: string | string[]): Promise<object>;
  removeIndex(fields: string | string[]): Promise<object>;
  /** A JSON Schema kept with the collection: every writer must fit it, also imports and the API. */
  setSchema(schema: object): Promise<object>;
  getSchema(): Promise<object>;
  removeSchema(): Promise<object>;
}

export interface OpenCollection {
  /**
   * With a schema, whatever is written through this object must fit it and is stored as the schema gives it back; a write
   * that does not rejects with an error whose `issues` say why.
   */
  <Schema extends AnySchema>(
    name: string,
    options: { schema: Schema },
  ): TypedCollection<SchemaOutput<Schema>, SchemaInput<Schema>>;
  // biome-ignore lint/suspicious/noExplicitAny: without a type of the app's own, fields are whatever it stored
  <Fields extends object = Record<string, any>>(name: string): TypedCollection<Fields>;
}
