import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { KeyValueOptions } from '../../keyvalue/index.ts';
import { audit, findSpace, type SpaceParams, sendNothing, targetOf } from './request-context.ts';
import { anyValue, integer, limit, object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const S = '/projects/:project/spaces/:space';

interface KeyParams extends SpaceParams {
  readonly key: string;
}

const keyspaceQuery = { schema: { querystring: object({ keyspace: text() }) } };

/** The key-value store of a space. */
export function registerKeyValueRoutes(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: { prefix: string; keyspace?: string; limit: number; after?: string } }>(
    `${S}/kv`,
    {
      schema: {
        querystring: object({
          prefix: text({ default: '' }),
          keyspace: text(),
          limit: limit(100, 10_000),
          after: text(),
        }),
      },
    },
    async (request) => {
      const { space } = findSpace(request, services);
      const { prefix, keyspace, limit: wanted, after } = request.query;
      const store = services.keyValueOf(space.id);
      const entries: { key: string; value: Json }[] = [];
      let next: string | null = after ?? null;
      do {
        const page = await store.list(prefix, optionsOf(keyspace), next);
        for (const { key, val } of JSON.parse(page.json) as { key: string; val: Json }[])
          entries.push({ key, value: val });
        next = page.next;
      } while (next !== null && entries.length < wanted);
      if (entries.length <= wanted) return { entries, next };
      // A page may hold more than was asked for; where to go on is the key of the last entry that is given out.
      return { entries: entries.slice(0, wanted), next: entries[wanted - 1]!.key };
    },
  );

  api.get<{ Params: KeyParams; Querystring: { keyspace?: string } }>(`${S}/kv/:key`, keyspaceQuery, async (request) => {
    const { space } = findSpace(request, services);
    const { key } = request.params;
    const json = await services.keyValueOf(space.id).get(key, optionsOf(request.query.keyspace));
    if (json === null) throw new TackleError('not_found', `There is no key ${key.slice(0, 80)}`);
    return { key, value: JSON.parse(json) as Json };
  });

  api.put<{ Params: KeyParams; Body: { value: Json; ttlMs?: number; keyspace?: string } }>(
    `${S}/kv/:key`,
    { schema: { body: object({ value: anyValue, ttlMs: integer({ minimum: 1 }), keyspace: text() }, ['value']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { key } = request.params;
      const { value, ttlMs, keyspace } = request.body;
      const options = { ...optionsOf(keyspace), ...(ttlMs === undefined ? {} : { ttl: ttlMs }) };
      const json = await services.keyValueOf(space.id).set(key, value, options);
      await audit(request, services, { action: 'key.set', target: targetOf(space, key) });
      return { key, value: JSON.parse(json) as Json };
    },
  );

  api.delete<{ Params: KeyParams; Querystring: { keyspace?: string } }>(
    `${S}/kv/:key`,
    keyspaceQuery,
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { key } = request.params;
      const removed = await services.keyValueOf(space.id).remove(key, optionsOf(request.query.keyspace));
      if (removed !== null) await audit(request, services, { action: 'key.remove', target: targetOf(space, key) });
      return sendNothing(reply);
    },
  );
}

function optionsOf(keyspace: string | undefined): KeyValueOptions {
  return keyspace === undefined || keyspace === '' ? {} : { keyspace };
}
