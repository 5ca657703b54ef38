import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { SpaceDocuments } from '../../documents/index.ts';
import type { CollectionInfo } from '../../ports/storage/documents.ts';
import { audit, findSpace, type SpaceParams, sendNothing, targetOf } from './request-context.ts';
import { anyObject, boolean, integer, list, nullable, object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const S = '/projects/:project/spaces/:space';
const C = `${S}/collections/:collection`;

export interface CollectionParams extends SpaceParams {
  readonly collection: string;
}

/** Collections and what is set for them: schema, cap, indexes. */
export function registerCollectionRoutes(api: FastifyInstance, services: ApiServices): void {
  registerLifecycleRoutes(api, services);
  registerSchemaRoutes(api, services);
  registerCapRoutes(api, services);
  registerIndexRoutes(api, services);
}

function registerLifecycleRoutes(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: { system?: boolean } }>(
    `${S}/collections`,
    { schema: { querystring: object({ system: boolean }) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const includeSystem = request.query.system ?? false;
      const collections = await services.documentsOf(space.id).listCollections({ includeSystem });
      return { collections: collections.map(viewCollection) };
    },
  );

  api.post<{ Body: { name: string; schema?: Json; cap?: number | null; capDelayMs?: number } }>(
    `${S}/collections`,
    {
      schema: {
        body: object(
          { name: text(), schema: nullable(anyObject), cap: nullable(positive()), capDelayMs: integer({ minimum: 0 }) },
          ['name'],
        ),
      },
    },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { name, schema, cap, capDelayMs } = request.body;
      const created = await services.documentsOf(space.id).createCollection(name, {
        ...(schema === undefined ? {} : { schema }),
        ...(cap === undefined ? {} : { cap }),
        ...(capDelayMs === undefined ? {} : { capdelay: capDelayMs }),
      });
      await audit(request, services, { action: 'collection.create', target: targetOf(space, name) });
      return reply.code(201).send(viewCollection(created));
    },
  );

  api.get<{ Params: CollectionParams }>(C, async (request) => {
    const { space } = findSpace(request, services);
    return viewCollection(await requireCollection(services.documentsOf(space.id), request.params.collection));
  });

  api.delete<{ Params: CollectionParams }>(C, async (request, reply) => {
    const { space } = findSpace(request, services);
    const { collection } = request.params;
    const { dropped } = await services.documentsOf(space.id).dropCollection(collection);
    if (!dropped) throw noCollection(collection);
    await audit(request, services, { action: 'collection.drop', target: targetOf(space, collection) });
    return sendNothing(reply);
  });
}

function registerSchemaRoutes(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Params: CollectionParams }>(`${C}/schema`, async (request) => {
    const { space } = findSpace(request, services);
    const { schema } = await requireCollection(services.documentsOf(space.id), request.params.collection);
    return { schema };
  });

  api.put<{ Params: CollectionParams; Body: { schema: Json } }>(
    `${C}/schema`,
    { schema: { body: object({ schema: anyObject }, ['schema']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { collection } = request.params;
      const { schema } = await services.documentsOf(space.id).setSchema(collection, request.body.schema);
      await audit(request, services, { action: 'schema.set', target: targetOf(space, collection) });
      return { schema };
    },
  );

  api.delete<{ Params: CollectionParams }>(`${C}/schema`, async (request, reply) => {
    const { space } = findSpace(request, services);
    const { collection } = request.params;
    const documents = services.documentsOf(space.id);
    await requireCollection(documents, collection);
    await documents.removeSchema(collection);
    await audit(request, services, { action: 'schema.remove', target: targetOf(space, collection) });
    return sendNothing(reply);
  });
}

function registerCapRoutes(api: FastifyInstance, services: ApiServices): void {
  api.put<{ Params: CollectionParams; Body: { cap: number; capDelayMs?: number } }>(
    `${C}/cap`,
    { schema: { body: object({ cap: positive(), capDelayMs: integer({ minimum: 0 }) }, ['cap']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { collection } = request.params;
      const { cap, capDelayMs } = await services
        .documentsOf(space.id)
        .capCollection(collection, request.body.cap, request.body.capDelayMs);
      await audit(request, services, { action: 'cap.set', target: targetOf(space, collection), details: { cap } });
      return { cap, capDelayMs };
    },
  );

  api.delete<{ Params: CollectionParams }>(`${C}/cap`, async (request, reply) => {
    const { space } = findSpace(request, services);
    const { collection } = request.params;
    const documents = services.documentsOf(space.id);
    await requireCollection(documents, collection);
    await documents.uncapCollection(collection);
    await audit(request, services, { action: 'cap.remove', target: targetOf(space, collection) });
    return sendNothing(reply);
  });
}

function registerIndexRoutes(api: FastifyInstance, services: ApiServices): void {
  api.post<{ Params: CollectionParams; Body: { fields: string[] } }>(
    `${C}/indexes`,
    {
      schema: { body: object({ fields: { ...list(text({ minLength: 1 })), minItems: 1, maxItems: 64 } }, ['fields']) },
    },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { collection } = request.params;
      const { fields } = request.body;
      const { indexes } = await services.documentsOf(space.id).createIndex(collection, fields);
      await audit(request, services, {
        action: 'index.create',
        target: targetOf(space, collection),
        details: { fields },
      });
      return reply.code(201).send({ indexes: indexes.map(({ field }) => field) });
    },
  );

  api.delete<{ Params: CollectionParams & { field: string } }>(`${C}/indexes/:field`, async (request) => {
    const { space } = findSpace(request, services);
    const { collection, field } = request.params;
    const documents = services.documentsOf(space.id);
    const before = await requireCollection(documents, collection);
    if (!before.indexes.some((index) => index.field === field)) {
      throw new TackleError('not_found', `Collection ${collection} has no index on ${field}`);
    }
    const after = await documents.removeIndex(collection, field);
    await audit(request, services, { action: 'index.remove', target: targetOf(space, collection), details: { field } });
    return { indexes: after?.indexes.map((index) => index.field) ?? [] };
  });
}

export function viewCollection(info: CollectionInfo) {
  const { name, documents, bytes, cap, capDelayMs, schema, indexes, createdAtMs } = info;
  const fields = indexes.map(({ field }) => field);
  return { name, count: documents, bytes, indexes: fields, schema, cap, capDelayMs, createdAt: createdAtMs };
}

async function requireCollection(documents: SpaceDocuments, name: string): Promise<CollectionInfo> {
  const info = await documents.getCollection(name);
  if (info === null) throw noCollection(name);
  return info;
}

function noCollection(name: string): TackleError {
  return new TackleError('not_found', `There is no collection ${name.slice(0, 80)}; the first write creates it`);
}

function positive() {
  return integer({ minimum: 1 });
}
