import { Codehooks } from './codehooks.ts';
import { datastore } from './datastore.ts';
import type { Handler, StoredDocument, Untyped } from './types.ts';

/**
 * Events for clients that listen: a client connects to `GET <channel>/<listener id>` and gets, as server-sent events, those
 * whose `query` matches what the listener was created with.
 */
export const realtime = {
  createChannel: (path: string, ...hooks: Handler[]): void => Codehooks.getInstance().realtime(path, ...hooks),
  /** Without a query every listener of the channel gets the event. */
  publishEvent: async (channel: string, data: object, query: object = {}): Promise<StoredDocument> =>
    (await datastore.open()).insertOne(toCollection('publish', channel), {
      channel,
      data,
      query,
      timestamp: new Date().toISOString(),
    }),
  /** The `_id` of the result is what a client connects with. */
  createListener: async (channel: string, data?: object): Promise<StoredDocument> =>
    (await datastore.open()).insertOne(toCollection('listeners', channel), {
      subscribe: data,
      timestamp: new Date().toISOString(),
    }),
  getListeners: async (channel: string): Promise<StoredDocument[]> =>
    (await datastore.open()).find(toCollection('listeners', channel), {}).toArray(),
  getListener: async (channel: string, listenerId: string): Promise<StoredDocument> =>
    (await datastore.open()).findOne(toCollection('listeners', channel), { _id: listenerId }),
  removeListener: async (channel: string, listenerId: string): Promise<Untyped> =>
    (await datastore.open()).removeOne(toCollection('listeners', channel), { _id: listenerId }),
};

/** The collections that the platform watches. */
function toCollection(kind: 'publish' | 'listeners', channel: string): string {
  return `_event_${kind}_${channel.replace('/', '')}`;
}
