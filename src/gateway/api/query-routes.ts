import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { FindOptions, FindPage } from '../../documents/index.ts';
import type { Space } from '../../projects/index.ts';
import type { CollectionParams } from './collection-routes.ts';
import { type ListFormat, streamPages } from './json-stream.ts';
import { audit, findSpace, targetOf } from './request-context.ts';
import { parseRestQuery } from './rest-query.ts';
import { anyObject, anyValue, boolean, integer, list, object, oneOf, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const C = '/projects/:project/spaces/:space/collections/:collection';

interface QueryBody {
  readonly query?: string | Record<string, unknown>;
  readonly count?: boolean;
  readonly fields?: string | readonly string[] | Record<string, unknown>;
  readonly sort?: string | readonly string[] | Record<string, unknown>;
  readonly limit?: number;
  readonly offset?: number;
  readonly reverse?: boolean;
  readonly useIndex?: string;
  readonly start?: unknown;
  readonly end?: unknown;
  readonly delete?: boolean;
  readonly update?: Record<string, unknown>;
  readonly replace?: Record<string, unknown>;
}

const textOrListOrObject = { anyOf: [text(), list(text()), anyObject] };
const querySchema = object({
  query: { anyOf: [text(), anyObject] },
  count: boolean,
  fields: textOrListOrObject,
  sort: textOrListOrObject,
  limit: integer({ minimum: 0 }),
  offset: integer({ minimum: 0 }),
  reverse: boolean,
  useIndex: text({ minLength: 1 }),
  start: anyValue,
  end: anyValue,
  delete: boolean,
  update: anyObject,
  replace: anyObject,
});

/** Queries, changes by query, and exports. */
export function registerQueryRoutes(api: FastifyInstance, services: ApiServices): void {
  api.post<{ Params: CollectionParams; Body: QueryBody }>(
    `${C}/query`,
    { schema: { body: querySchema } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { body } = request;
      const changes = [body.delete === true, body.update !== undefined, body.replace !== undefined].filter(Boolean);
      if (changes.length > 1) {
        throw new TackleError('invalid_request', 'delete, update and replace exclude one another');
      }
      return changes.length === 1 ? runChange(services, request, space) : runRead(services, request, space, reply);
    },
  );

  api.get<{ Params: CollectionParams; Querystring: { format: 'json' | 'ndjson' } }>(
    `${C}/export`,
    {
      exposeHeadRoute: false,
      schema: { querystring: object({ format: { ...oneOf('json', 'ndjson'), default: 'json' } }) },
    },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { format } = request.query;
      const pages = services.documentsOf(space.id).pages(request.params.collection, {}, {});
      return sendPages(services, request, reply, { pages, format });
    },
  );
}

const contentTypes = { json: 'application/json; charset=utf-8', ndjson: 'application/x-ndjson' } as const;

async function sendPages(
  services: ApiServices,
  request: FastifyRequest,
  reply: FastifyReply,
  { pages, format }: { readonly pages: AsyncIterable<FindPage>; readonly format: ListFormat },
): Promise<FastifyReply> {
  const onError = (error: unknown) =>
    services.onError(error, { requestId: request.id, what: `${request.method} ${request.url.split('?')[0]}` });
  return reply.type(contentTypes[format]).send(await streamPages(pages, { format, onError }));
}

async function runRead(
  services: ApiServices,
  request: FastifyRequest<{ Params: CollectionParams; Body: QueryBody }>,
  space: Space,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { body } = request;
  const { collection } = request.params;
  const documents = services.documentsOf(space.id);
  const { filter, options } = readQuery(body);
  if (body.count === true) return reply.send(await documents.count(collection, filter));
  return sendPages(services, request, reply, { pages: documents.pages(collection, filter, options), format: 'json' });
}

async function runChange(
  services: ApiServices,
  request: FastifyRequest<{ Params: CollectionParams; Body: QueryBody }>,
  space: Space,
): Promise<{ count: number }> {
  const { body } = request;
  const { collection } = request.params;
  if (body.query === undefined) {
    throw new TackleError('invalid_request', 'Say which documents to change with "query"; {} stands for all');
  }
  const { filter, options } = readQuery(body);
  const documents = services.documentsOf(space.id);
  const { action, result } =
    body.update !== undefined
      ? { action: 'documents.update', result: documents.updateMany(collection, filter, body.update, options) }
      : body.replace !== undefined
        ? { action: 'documents.replace', result: documents.replaceMany(collection, filter, body.replace, options) }
        : { action: 'documents.delete', result: documents.removeMany(collection, filter, options) };
  const { count } = await result;
  await audit(request, services, { action, target: targetOf(space, collection), details: { count } });
  return { count };
}

/** Options of the body win over those inside of a query text. */
function readQuery(body: QueryBody): { filter: Record<string, unknown>; options: FindOptions } {
  const { query = {}, fields, sort, limit, offset, reverse, useIndex, start, end } = body;
  const parsed = typeof query === 'string' ? parseRestQuery(query) : { filter: query, options: {} };
  const given = {
    fields,
    sort: Array.isArray(sort) ? sort.join(',') : sort,
    limit,
    offset,
    reverse,
    useIndex,
    startIndex: start,
    endIndex: end,
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { filter: parsed.filter, options: { ...parsed.options, ...Object.fromEntries(present) } };
}
