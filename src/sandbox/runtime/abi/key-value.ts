import type { Json } from '../../../core/json.ts';
import { isObject } from './arguments.ts';
import { createStream, type DataStream } from './data-stream.ts';
import type { Host } from './host.ts';

interface KeyOptions {
  readonly keyspace: string | null;
  readonly ttlMs: number | null;
}

/** The key-value methods of a connection. */
export function createKeyValue(host: Host) {
  const set = async (key: unknown, value: unknown, options?: unknown): Promise<Json> => {
    const stored = value === undefined ? null : (value as Json);
    return host.write('kv.set', { key: toKey(key, 'set'), value: stored, ...parseOptions(options) });
  };
  const get = async (key: unknown, options?: unknown): Promise<Json> =>
    host.read('kv.get', { key: toKey(key, 'get'), keyspace: parseOptions(options).keyspace });
  const incr = async (key: unknown, by: unknown = 1, options?: unknown): Promise<number> =>
    host.write('kv.incr', { key: toKey(key, 'incr'), by: toAmount(by, 'incr'), ...parseOptions(options) });
  return {
    set,
    get,
    incr,
    decr: async (key: unknown, by: unknown = 1, options?: unknown): Promise<number> =>
      incr(key, -toAmount(by, 'decr'), options),
    setObj: async (key: unknown, value: unknown, options?: unknown): Promise<Json> => {
      await set(key, JSON.stringify(value ?? null), options);
      return value as Json;
    },
    getObj: async (key: unknown, options?: unknown): Promise<Json> => parseObject(await get(key, options), key),
    getAll: (pattern?: unknown, options?: unknown): DataStream => createKeyStream(host, pattern, options),
    del: async (key: unknown, options?: unknown): Promise<Json> =>
      host.write('kv.remove', { key: toKey(key, 'del'), keyspace: parseOptions(options).keyspace }),
    delAll: async (pattern: unknown, options?: unknown): Promise<number> => {
      const { keyspace } = parseOptions(options);
      const { count } = await host.readThenWrite('kv.removePrefix', { keyspace, prefix: toPrefix(pattern, 'delAll') });
      return count;
    },
  };
}

function createKeyStream(host: Host, pattern: unknown, options: unknown): DataStream {
  const given = isObject(options) ? options : {};
  const prefix = toPrefix(pattern ?? '', 'getAll');
  return createStream({}, (chosen, after, asText) => {
    const params = {
      prefix,
      keyspace: parseOptions(options).keyspace,
      reverse: given.reverse === true,
      keysOnly: given.onlykeys === true,
      limit: typeof (chosen.limit ?? given.limit) === 'number' ? ((chosen.limit ?? given.limit) as number) : null,
      after,
    };
    return asText ? host.readText('kv.list', params) : host.read('kv.list', params);
  });
}

/** `'abc'` and `'abc*'` mean the same prefix. */
function toPrefix(pattern: unknown, method: string): string {
  const text = toText(pattern, method);
  return text.endsWith('*') ? text.slice(0, -1) : text;
}

function toKey(key: unknown, method: string): string {
  const text = toText(key, method);
  if (text === '') throw new TypeError(`${method}: the key must not be empty`);
  return text;
}

function toText(key: unknown, method: string): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'number') return String(key);
  throw new TypeError(`${method}: the key must be a string`);
}

function toAmount(by: unknown, method: string): number {
  const amount = typeof by === 'string' && by.trim() !== '' ? Number(by) : by;
  if (typeof amount === 'number' && Number.isFinite(amount)) return amount;
  throw new TypeError(`${method}: the amount must be a finite number`);
}

function parseOptions(options: unknown): KeyOptions {
  if (!isObject(options)) return { keyspace: null, ttlMs: null };
  const ttlMs = Number(options.ttl);
  return {
    keyspace: typeof options.keyspace === 'string' && options.keyspace !== '' ? options.keyspace : null,
    ttlMs: options.ttl !== null && ttlMs > 0 ? ttlMs : null,
  };
}

function parseObject(value: Json, key: unknown): Json {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as Json;
  } catch (error) {
    throw new TypeError(`getObj: the value of ${JSON.stringify(key)} is not JSON`, { cause: error });
  }
}
