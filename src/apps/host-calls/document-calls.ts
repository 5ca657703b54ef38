import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { SpaceDocuments, WrittenDocument } from '../../documents/index.ts';
import type { HostCallContext, RawJson } from '../../ports/sandbox.ts';
import type { HostCallGroup, HostCallHandler } from '../host-functions.ts';
import { booleanParam, filterParam, listParam, objectParam, textOrNullParam, textParam } from './params.ts';

type Params = Readonly<Record<string, unknown>>;

/** Documents and collections, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createDocumentCalls(
  documentsOf: (spaceId: string, context: HostCallContext) => SpaceDocuments,
): HostCallGroup {
  const inCollection =
    (
      answer: (documents: SpaceDocuments, collection: string, params: Params) => Promise<Json | RawJson>,
    ): HostCallHandler =>
    (spaceId, params, context) =>
      answer(documentsOf(spaceId, context), textParam(params, 'collection'), params);

  return {
    'documents.insert': inCollection(async (documents, collection, params) =>
      raw(await documents.insertOne(collection, listParam(params, 'documents'))),
    ),
    'documents.findOne': inCollection(async (documents, collection, params) => {
      const found = await documents.findOneOrNull(collection, filterParam(params));
      return found === null ? null : raw(found);
    }),
    'documents.find': inCollection(async (documents, collection, params) => {
      const after = textOrNullParam(params, 'after');
      const page = await documents.find(collection, filterParam(params), objectParam(params, 'options'), after);
      return raw(`{"next":${JSON.stringify(page.next)},"documents":${page.json}}`);
    }),
    'documents.count': inCollection((documents, collection, params) =>
      documents.count(collection, filterParam(params)),
    ),
    'documents.updateOne': inCollection((documents, collection, params) =>
      written(
        documents.updateOne(
          collection,
          filterParam(params),
          objectParam(params, 'update'),
          undefined,
          upsertOf(params),
        ),
      ),
    ),
    'documents.updateMany': inCollection((documents, collection, params) =>
      documents.updateMany(collection, filterParam(params), objectParam(params, 'update'), {
        ...objectParam(params, 'options'),
        ...upsertOf(params),
      }),
    ),
    'documents.replaceOne': inCollection((documents, collection, params) =>
      written(documents.replaceOne(collection, filterParam(params), objectParam(params, 'document'), upsertOf(params))),
    ),
    'documents.replaceMany': inCollection((documents, collection, params) =>
      documents.replaceMany(
        collection,
        filterParam(params),
        objectParam(params, 'document'),
        objectParam(params, 'options'),
      ),
    ),
    'documents.removeOne': inCollection(async (documents, collection, params) => {
      try {
        return { removedId: (await documents.removeOne(collection, filterParam(params)))._id };
      } catch (error) {
        if (isNotFound(error)) return { removedId: null };
        throw error;
      }
    }),
    'documents.removeMany': inCollection((documents, collection, params) =>
      documents.removeMany(collection, filterParam(params), objectParam(params, 'options')),
    ),
    'collections.create': inCollection(async (documents, collection, params) =>
      asJson(await documents.createCollection(collection, objectParam(params, 'options'))),
    ),
    'collections.drop': inCollection(async (documents, collection) => documents.dropCollection(collection)),
    'collections.setSchema': inCollection(async (documents, collection, params) =>
      asJson(await documents.setSchema(collection, objectParam(params, 'schema'))),
    ),
    'collections.getSchema': inCollection((documents, collection) => documents.getSchema(collection)),
    'collections.removeSchema': inCollection(async (documents, collection) =>
      asJson(await documents.removeSchema(collection)),
    ),
    'collections.createIndex': inCollection(async (documents, collection, params) =>
      asJson(await documents.createIndex(collection, fieldsOf(params))),
    ),
    'collections.removeIndex': inCollection(async (documents, collection, params) =>
      asJson(await documents.removeIndex(collection, fieldsOf(params))),
    ),
  };
}

async function written(result: Promise<WrittenDocument>): Promise<RawJson> {
  try {
    const { json, upserted } = await result;
    return raw(`{"document":${json},"upserted":${upserted}}`);
  } catch (error) {
    if (isNotFound(error)) return raw('{"document":null,"upserted":false}');
    throw error;
  }
}

function raw(rawJson: string): RawJson {
  return { rawJson };
}

/** Port types are plain data; this says so to the compiler. */
function asJson(value: unknown): Json {
  return value as Json;
}

function upsertOf(params: Params): { upsert: boolean } {
  return { upsert: booleanParam(params, 'upsert') };
}

function fieldsOf(params: Params): string[] {
  return listParam(params, 'fields').map((field) => {
    if (typeof field !== 'string') throw new TackleError('invalid_request', 'Index fields must be strings.');
    return field;
  });
}

function isNotFound(error: unknown): boolean {
  return error instanceof TackleError && error.code === 'not_found';
}
