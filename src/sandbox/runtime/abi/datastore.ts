import type { Json, JsonObject } from '../../../core/json.ts';
import { encodeFilter, isObject, parseFindArguments, parseTime, requireName } from './arguments.ts';
import { type CollectionOptions, createCollection, createDocuments, type WatchableCollection } from './documents.ts';
import type { Host } from './host.ts';
import type { QueuedJob, ScheduledCall } from './host-calls.ts';
import { createKeyValue } from './key-value.ts';

type Connection = ReturnType<typeof createConnection>;

export interface Datastore {
  /** A promise of the connection that carries the whole connection API itself: apps call it with and without `await`. */
  open(space?: string): Promise<Connection> & Connection;
  /** One collection, without opening a connection first. */
  collection(name: string, options?: CollectionOptions): WatchableCollection;
  close(): Promise<void>;
}

export function createDatastore(host: Host): Datastore {
  const connection = createConnection(host);
  const opened = Object.assign(Promise.resolve(connection), connection);
  return {
    open(space) {
      if (space === undefined || space === null) return opened;
      // The answer decides only whether this is the app's own space, so the methods need not wait for it.
      const checked = host.read('datastore.open', { space: String(space) }).then(() => connection);
      checked.catch(() => {});
      return Object.assign(checked, createConnection(createGatedHost(host, checked)));
    },
    collection: connection.collection,
    close: async () => {},
  };
}

function createConnection(host: Host) {
  const documents = createDocuments(host);
  return {
    ...documents,
    ...createKeyValue(host),
    ...createQueues(host),
    collection: (name: string, options?: CollectionOptions): WatchableCollection =>
      createCollection(host, documents, name, options),
    close: async (): Promise<void> => {},
  };
}

function createQueues(host: Host) {
  return {
    enqueue: async (topic: string, payload?: unknown, options?: unknown): Promise<QueuedJob> =>
      host.write('queue.enqueue', {
        topic: requireName(topic, 'enqueue', 'topic'),
        payload: toPayload(payload, 'enqueue'),
        options: (isObject(options) ? options : {}) as JsonObject,
      }),
    async enqueueMany(topic: string, payloads: readonly unknown[], options?: unknown) {
      const { ids } = await host.write('queue.enqueueMany', {
        topic: requireName(topic, 'enqueueMany', 'topic'),
        payloads: toPayloads(payloads),
        options: (isObject(options) ? options : {}) as JsonObject,
      });
      return { ids, count: ids.length };
    },
    async enqueueFromQuery(collection: string, query: unknown, topic: string, given?: unknown) {
      requireName(topic, 'enqueueFromQuery', 'topic');
      const { options } = parseFindArguments({}, given ?? {}, 'enqueueFromQuery');
      const filter = encodeFilter(query, 'enqueueFromQuery');
      const result = await host.readThenWrite('queue.enqueueFromQuery', { collection, filter, topic, options });
      return { JobId: result.jobId, jobId: result.jobId, count: result.count, queued: result.count };
    },
    runAt: async (date: unknown, payload: unknown, worker: string): Promise<ScheduledCall> =>
      host.write('schedule.runAt', {
        timeMs: parseTime(date),
        payload: toPayload(payload, 'runAt'),
        worker: requireName(worker, 'runAt', 'worker'),
      }),
  };
}

/** JSON.stringify leaves functions and symbols out silently; the worker would get nothing and nobody would know why. */
function toPayload(value: unknown, call: string): Json {
  if (value === undefined) return null;
  if (typeof value !== 'function' && typeof value !== 'symbol') return value as Json;
  throw new TypeError(`${call}: the payload is a ${typeof value}, which JSON cannot hold`);
}

/** What is no array at all is refused by the gateway. */
function toPayloads(values: readonly unknown[]): readonly Json[] {
  return Array.isArray(values) ? values.map((value) => toPayload(value, 'enqueueMany')) : (values as readonly Json[]);
}

/** Every call waits until the space is known to be the own one, and is refused when it is not. */
function createGatedHost(host: Host, checked: Promise<unknown>): Host {
  return {
    read: (method, params) => checked.then(() => host.read(method, params)),
    readText: (method, params) => checked.then(() => host.readText(method, params)),
    write: (method, params) => checked.then(() => host.write(method, params)),
    readThenWrite: (method, params) => checked.then(() => host.readThenWrite(method, params)),
  };
}
