import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { KeyValueOptions, KeyValuePage, SpaceKeyValue } from '../../keyvalue/index.ts';
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
      return listEntries(services.keyValueOf(space.id), prefix, { keyspace, limit: wanted, after });
    },
  );

  api.get<{ Params: KeyParams; Querystring: { keyspace?: string } }>(`${S}/kv/:key`, keyspaceQuery, async (request) => {
    const { space } = findSpace(request, services);
    const { key } = request.params;
    const json = await services.keyValueOf(space.id).get(key, optionsOf(request.query.keyspace));
    if (json === null) throw new TackleError('not_found', `There is no key '${key.slice(0, 80)}'`);
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

interface Entry {
  readonly key: string;
  readonly value: Json;
}

/**
 * The store gives pages of its own size. Where to go on is therefore the page that was not used up, and how many of its
 * entries were.
 */
async function listEntries(
  store: SpaceKeyValue,
  prefix: string,
  { keyspace, limit: wanted, after }: { keyspace: string | undefined; limit: number; after: string | undefined },
): Promise<{ entries: Entry[]; next: string | null }> {
  const entries: Entry[] = [];
  let cursor: Cursor | null = after === undefined ? { page: null, used: 0 } : decodeCursor(after);
  while (cursor !== null && entries.length < wanted) {
    const page: KeyValuePage = await store.list(prefix, optionsOf(keyspace), cursor.page);
    const all = JSON.parse(page.json) as { key: string; val: Json }[];
    const taken = all.slice(cursor.used, cursor.used + wanted - entries.length);
    for (const { key, val } of taken) entries.push({ key, value: val });
    const used: number = cursor.used + taken.length;
    cursor = used < all.length ? { page: cursor.page, used } : page.next === null ? null : { page: page.next, used: 0 };
  }
  return { entries, next: cursor === null ? null : encodeCursor(cursor) };
}

interface Cursor {
  readonly page: string | null;
  readonly used: number;
}

function encodeCursor({ page, used }: Cursor): string {
  return Buffer.from(JSON.stringify([page, used])).toString('base64url');
}

function decodeCursor(text: string): Cursor {
  try {
    const [page, used] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [unknown, unknown];
    if ((page === null || typeof page === 'string') && Number.isSafeInteger(used) && (used as number) >= 0) {
      return { page, used: used as number };
    }
  } catch {}
  throw new TackleError('invalid_request', '"after" must be the "next" of an earlier answer');
}

function optionsOf(keyspace: string | undefined): KeyValueOptions {
  return keyspace === undefined || keyspace === '' ? {} : { keyspace };
}
