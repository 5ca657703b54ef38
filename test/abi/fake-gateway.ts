/**
 * A gateway in memory for tests of the ABI: answers host calls from Maps. Real: the query language and the updates (core),
 * and JSON on the way in and out. Fake: storage, queue and process; nothing is durable.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../../src/core/json.ts';
import { parseFindOptions, resolveSort } from '../../src/core/query/find-options.ts';
import { compileMatcher } from '../../src/core/query/match-filter.ts';
import { parseFilter } from '../../src/core/query/parse-filter.ts';
import { compareBySort } from '../../src/core/query/sort.ts';
import { applyUpdate } from '../../src/core/update/apply-update.ts';
import { buildUpsert } from '../../src/core/update/build-upsert.ts';
import { parseUpdate } from '../../src/core/update/parse-update.ts';
import type { HostChannel } from '../../src/sandbox/runtime/runtime-types.ts';

type Params = Record<string, unknown>;
type Answer = (params: Params) => unknown;

export interface FakeGateway {
  readonly channel: HostChannel;
  /** Every call in the order of arrival. */
  readonly calls: { readonly method: string; readonly params: Params }[];
  readonly collections: Map<string, JsonObject[]>;
  /** Content by path; those of the deployment begin with `source:`. */
  readonly files: Map<string, Buffer>;
  /** Documents per page of a find. */
  pageSize: number;
  /** How long a write takes to answer; reads answer at once. */
  writeDelayMs: number;
  /** Replaces the answer to a method. */
  answer(method: string, answer: Answer): void;
}

let lastId = 0;

function createObjectId(): string {
  lastId += 1;
  return lastId.toString(16).padStart(24, '0');
}

const now = () => new Date().toISOString();
const writeMethod = /\.(?:insert|update|replace|remove|set|incr|enqueue|drop|create)/;

export function createFakeGateway(): FakeGateway {
  const collections = new Map<string, JsonObject[]>();
  const keys = new Map<string, unknown>();
  const files = new Map<string, Buffer>();
  const overrides = new Map<string, Answer>();
  const gateway: FakeGateway = {
    calls: [],
    collections,
    files,
    pageSize: 100,
    writeDelayMs: 0,
    answer: (method, answer) => overrides.set(method, answer),
    channel: {
      call: async (method, params) => JSON.parse((await run(method, params)) ?? 'null'),
      callText: async (method, params) => (await run(method, params)) ?? 'null',
      log() {},
    },
  };
  const answers: Record<string, Answer> = {
    ...createDocumentAnswers(collections, () => gateway.pageSize),
    ...createKeyAnswers(keys),
    ...createFileAnswers(files),
    'queue.enqueue': ({ topic, payload }) => ({ _id: createObjectId(), jobId: 'job', topic, payload, _created: now() }),
    'queue.enqueueMany': ({ payloads }) => ({ ids: (payloads as unknown[]).map(() => createObjectId()) }),
    'queue.enqueueFromQuery': (params) => ({ jobId: 'job', count: select(collections, params).length }),
    'schedule.runAt': ({ timeMs, payload, worker }) => ({
      _id: createObjectId(),
      date: new Date(timeMs as number).toISOString(),
      payload,
      worker,
    }),
  };
  async function run(method: string, given: unknown): Promise<string | undefined> {
    const params = JSON.parse(JSON.stringify(given)) as Params;
    gateway.calls.push({ method, params });
    if (gateway.writeDelayMs > 0 && writeMethod.test(method)) await delay(gateway.writeDelayMs);
    else await new Promise<void>((resolve) => setImmediate(resolve));
    const answer = overrides.get(method) ?? answers[method];
    if (answer === undefined) throw Object.assign(new Error(`No host call ${method}`), { code: 'invalid_request' });
    return JSON.stringify(await answer(params));
  }
  return gateway;
}

function select(collections: Map<string, JsonObject[]>, { collection, filter }: Params): JsonObject[] {
  const matches = compileMatcher(parseFilter(filter));
  return (collections.get(collection as string) ?? []).filter(matches);
}

function createDocumentAnswers(collections: Map<string, JsonObject[]>, getPageSize: () => number) {
  const open = (name: unknown): JsonObject[] => {
    const list = collections.get(name as string) ?? [];
    collections.set(name as string, list);
    return list;
  };
  const insert = (name: unknown, document: JsonObject): JsonObject => {
    const { _id = createObjectId(), ...rest } = document;
    const stored = { ...rest, _id };
    open(name).push(stored);
    return stored;
  };
  const change = (params: Params, document: JsonObject, next: JsonObject): JsonObject => {
    const list = open(params.collection);
    const changed = { ...next, _id: document._id! };
    list[list.indexOf(document)] = changed;
    return changed;
  };
  const answers: Record<string, Answer> = {
    'documents.insert': ({ collection, documents }) =>
      (documents as JsonObject[]).map((document) => insert(collection, document)),
    'documents.findOne': (params) => select(collections, params)[0] ?? null,
    'documents.count': (params) => ({ count: select(collections, params).length }),
    'documents.find': (params) => {
      const options = parseFindOptions(params.options);
      const found = select(collections, params).sort(compareBySort(resolveSort(options)));
      if (options.count) return { next: null, documents: [{ count: found.length }] };
      const all = found.slice(options.skip, options.limit === null ? undefined : options.skip + options.limit);
      const start = Number(params.after ?? 0);
      const end = start + getPageSize();
      return { next: end < all.length ? String(end) : null, documents: all.slice(start, end) };
    },
    'documents.updateOne': (params) => {
      const [document] = select(collections, params);
      const update = parseUpdate(params.update);
      if (document)
        return { document: change(params, document, applyUpdate(document, update, { now: now() })), upserted: false };
      if (!params.upsert) return { document: null, upserted: false };
      return {
        document: insert(params.collection, buildUpsert(parseFilter(params.filter), update, { now: now() })),
        upserted: true,
      };
    },
    'documents.updateMany': (params) => {
      const update = parseUpdate(params.update);
      const found = select(collections, params);
      for (const document of found) change(params, document, applyUpdate(document, update, { now: now() }));
      return { count: found.length };
    },
    'documents.replaceOne': (params) => {
      const [document] = select(collections, params);
      return { document: document ? change(params, document, params.document as JsonObject) : null, upserted: false };
    },
    'documents.removeOne': (params) => {
      const [document] = select(collections, params);
      if (document) open(params.collection).splice(open(params.collection).indexOf(document), 1);
      return { removedId: document?._id ?? null };
    },
    'documents.removeMany': (params) => {
      const found = new Set(select(collections, params));
      collections.set(
        params.collection as string,
        open(params.collection).filter((document) => !found.has(document)),
      );
      return { count: found.size };
    },
  };
  return answers;
}

function createKeyAnswers(keys: Map<string, unknown>): Record<string, Answer> {
  const name = ({ keyspace, key }: Params) => `${keyspace ?? ''}/${key}`;
  return {
    'kv.set': (params) => {
      keys.set(name(params), params.value);
      return params.value;
    },
    'kv.get': (params) => keys.get(name(params)) ?? null,
    'kv.incr': (params) => {
      const next = Number(keys.get(name(params)) ?? 0) + (params.by as number);
      keys.set(name(params), next);
      return next;
    },
    'kv.remove': (params) => {
      const before = keys.get(name(params)) ?? null;
      keys.delete(name(params));
      return before;
    },
    'kv.list': (params) => {
      const prefix = `${params.keyspace ?? ''}/${params.prefix}`;
      const found = [...keys].filter(([key]) => key.startsWith(prefix)).sort();
      return { next: null, documents: found.map(([key, val]) => ({ key: key.slice(key.indexOf('/') + 1), val })) };
    },
  };
}

function createFileAnswers(files: Map<string, Buffer>): Record<string, Answer> {
  const uploads = new Map<string, { path: string; chunks: Buffer[] }>();
  const name = ({ path, source }: Params) => (source === true ? `source:${path}` : (path as string));
  const describe = (path: string, size: number) => ({
    name: path.split('/').at(-1)!,
    path,
    size,
    lastModified: now(),
    isDirectory: false,
  });
  return {
    'files.read': (params) => {
      const content = files.get(name(params));
      if (content === undefined) return null;
      const offset = params.offset as number;
      const base64 = content.subarray(offset, offset + (params.length as number)).toString('base64');
      return { base64, size: content.length, revision: '1' };
    },
    'files.begin': ({ path }) => {
      uploads.set('u', { path: path as string, chunks: [] });
      return { uploadId: 'u' };
    },
    'files.append': ({ base64 }) => {
      uploads.get('u')!.chunks.push(Buffer.from(base64 as string, 'base64'));
      return null;
    },
    'files.commit': () => {
      const { path, chunks } = uploads.get('u')!;
      const content = Buffer.concat(chunks);
      files.set(path, content);
      return describe(path, content.length);
    },
    'files.abort': () => null,
    'files.remove': ({ path }) => (files.delete(path as string) ? { path } : null),
    'files.list': ({ path }) =>
      [...files].filter(([key]) => key.startsWith(path as string)).map(([key, { length }]) => describe(key, length)),
  };
}
