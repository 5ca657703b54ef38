import type { Json, JsonObject } from '../../../core/json.ts';
import {
  encodeFilter,
  encodeSingleFilter,
  encodeStrictFilter,
  isObject,
  parseFindArguments,
  parseIndexFields,
  parseRemoveManyArguments,
  parseReplaceArguments,
  parseUpdateArguments,
  parseUpdateManyArguments,
  requireDocument,
  requireName,
} from './arguments.ts';
import { ChangeFeed, type WatchOptions } from './change-feed.ts';
import { createDocumentStream, type DataStream } from './data-stream.ts';
import { hasRegularExpression } from './encode-query.ts';
import type { Host } from './host.ts';
import type { CountResult, FilterParam, WrittenDocument } from './host-calls.ts';
import { createNotFoundError } from './host-error.ts';
import { requireSchema } from './standard-schema.ts';
import { ValidatedCollection } from './validated-collection.ts';

type Document = JsonObject;
type Documents = ReturnType<typeof createDocuments>;

/** The document methods of a connection; the collection is the first argument of each. */
export function createDocuments(host: Host) {
  const findOneOrNull = async (collection: string, query: unknown): Promise<Document | null> => {
    const filter = encodeSingleFilter(query, 'findOne');
    return filter === null ? null : host.read('documents.findOne', { collection, filter });
  };
  const findOne = async (collection: string, query: unknown): Promise<Document> =>
    (await findOneOrNull(collection, query)) ?? throwNotFound();
  const find = (collection: string, query?: unknown, options?: unknown): DataStream =>
    createDocumentStream(host, collection, parseFindArguments(query, options, 'getMany'));
  return {
    getOne: findOne,
    findOne,
    findOneOrNull,
    getMany: find,
    find,
    ...createDocumentWrites(host),
    count: async (collection: string, query?: unknown): Promise<CountResult> =>
      host.read('documents.count', { collection, filter: encodeFilter(query, 'count') }),
    ...createCollections(host),
  };
}

function createDocumentWrites(host: Host) {
  // A regular expression is matched outside of the writer, so such a write reads before it writes.
  const single = (filter: FilterParam) => (hasRegularExpression(filter) ? host.readThenWrite : host.write);
  return {
    async insertOne(collection: string, document: unknown): Promise<Document | readonly Document[]> {
      const documents = (Array.isArray(document) ? document : [document]) as unknown[];
      for (const item of documents) requireDocument(item, 'insertOne');
      if (documents.length === 0) return [];
      const stored = await host.write('documents.insert', { collection, documents: documents as Document[] });
      return Array.isArray(document) ? stored : stored[0]!;
    },
    async updateOne(collection: string, query: unknown, update: unknown, fourth?: unknown, fifth?: unknown) {
      const filter = encodeSingleFilter(query, 'updateOne') ?? throwNotFound();
      const change = parseUpdateArguments(update, fourth, fifth, 'updateOne');
      return toWritten(await single(filter)('documents.updateOne', { collection, filter, ...change }));
    },
    async updateMany(collection: string, query: unknown, update: unknown, options?: unknown): Promise<CountResult> {
      return host.readThenWrite('documents.updateMany', {
        collection,
        ...parseUpdateManyArguments(query, update, options),
      });
    },
    async replaceOne(collection: string, query: unknown, document: unknown, options?: unknown) {
      const filter = encodeSingleFilter(query, 'replaceOne') ?? throwNotFound();
      const { document: replacement, upsert } = parseReplaceArguments(document, options, 'replaceOne');
      const params = { collection, filter, document: replacement, upsert };
      return toWritten(await single(filter)('documents.replaceOne', params));
    },
    async replaceMany(collection: string, query: unknown, document: unknown, given?: unknown): Promise<CountResult> {
      const filter = encodeStrictFilter(query, 'replaceMany');
      const { document: replacement, options } = parseReplaceArguments(document, given, 'replaceMany');
      return host.readThenWrite('documents.replaceMany', { collection, filter, document: replacement, options });
    },
    async removeOne(collection: string, query: unknown): Promise<{ _id: string }> {
      const filter = encodeSingleFilter(query, 'removeOne') ?? throwNotFound();
      const { removedId } = await single(filter)('documents.removeOne', { collection, filter });
      return { _id: removedId ?? throwNotFound() };
    },
    async removeMany(collection: string, query?: unknown, given?: unknown): Promise<CountResult> {
      const { filter, options } = parseRemoveManyArguments(query, given);
      return host.readThenWrite('documents.removeMany', { collection, filter, options });
    },
  };
}

function createCollections(host: Host) {
  const setSchema = async (collection: string, schema: unknown): Promise<Json> =>
    host.readThenWrite('collections.setSchema', { collection, schema: requireDocument(schema, 'setSchema') });
  return {
    createCollection: async (collection: string, options?: unknown): Promise<Json> =>
      host.readThenWrite('collections.create', {
        collection: requireName(collection, 'createCollection', 'name'),
        options: (isObject(options) ? options : {}) as JsonObject,
      }),
    dropCollection: async (collection: string): Promise<Json> =>
      host.readThenWrite('collections.drop', { collection: requireName(collection, 'dropCollection', 'name') }),
    setSchema,
    createSchema: setSchema,
    getSchema: async (collection: string): Promise<Json> => host.read('collections.getSchema', { collection }),
    removeSchema: async (collection: string): Promise<Json> =>
      host.readThenWrite('collections.removeSchema', { collection }),
    createIndex: async (collection: string, fields: unknown): Promise<Json> =>
      host.readThenWrite('collections.createIndex', { collection, fields: parseIndexFields(fields, 'createIndex') }),
    removeIndex: async (collection: string, fields: unknown): Promise<Json> =>
      host.readThenWrite('collections.removeIndex', { collection, fields: parseIndexFields(fields, 'removeIndex') }),
  };
}

const collectionMethods = [
  ...(['getOne', 'findOne', 'findOneOrNull', 'getMany', 'find', 'insertOne', 'updateOne', 'updateMany'] as const),
  ...(['replaceOne', 'replaceMany', 'removeOne', 'removeMany', 'count', 'createSchema', 'setSchema'] as const),
  ...(['getSchema', 'removeSchema', 'createIndex', 'removeIndex'] as const),
];

/** The same methods without their first argument. */
export type Collection = {
  [Name in (typeof collectionMethods)[number]]: Documents[Name] extends (
    collection: string,
    ...rest: infer Rest
  ) => infer Result
    ? (...rest: Rest) => Result
    : never;
};

export interface CollectionOptions {
  /** A Standard Schema that whatever is written through this collection must fit. */
  readonly schema?: unknown;
}

/** A collection as an object; changes of what is in it can be watched. */
export interface WatchableCollection extends Collection {
  watch(query?: unknown, options?: WatchOptions): ChangeFeed;
}

export function createCollection(
  host: Host,
  documents: Documents,
  name: string,
  options: CollectionOptions = {},
): WatchableCollection {
  requireName(name, 'collection', 'name');
  const methods = documents as unknown as Record<string, (...args: unknown[]) => unknown>;
  const entries = collectionMethods.map((method) => [method, methods[method]!.bind(null, name)]);
  const collection: WatchableCollection = {
    ...(Object.fromEntries(entries) as Collection),
    watch: (query, watchOptions = {}) => new ChangeFeed(host, name, encodeFilter(query, 'watch'), watchOptions),
  };
  const { schema } = options;
  if (schema === undefined || schema === null) return collection;
  return new ValidatedCollection(host, name, requireSchema(schema, name)).wrap(collection);
}

function throwNotFound(): never {
  throw createNotFoundError();
}

/** The full document; when it was inserted, a hidden `upsertedId` tells (some apps probe it). */
function toWritten({ document, upserted }: WrittenDocument): Document {
  if (document === null) throw createNotFoundError();
  if (upserted) Object.defineProperty(document, 'upsertedId', { value: document._id, configurable: true });
  return document;
}
