import type { JsonObject } from '../core/json.ts';
import type { Documents } from '../documents/index.ts';
import { listenersCollection, parseChannelCollection } from './channel-names.ts';
import type { Channels, ChannelsOptions } from './channels.ts';

/** Listeners as documents: apps make, list and remove them through their collection. */
export function createListenerStore(documents: Documents): Pick<ChannelsOptions, 'findListener' | 'removeListeners'> {
  return {
    async findListener(spaceId, channelName, listenerId) {
      const collection = listenersCollection(channelName);
      const found = await documents.forSpace(spaceId).findOneOrNull(collection, { _id: listenerId });
      return found === null ? null : (JSON.parse(found) as JsonObject);
    },
    async removeListeners(spaceId, channelName, listenerIds) {
      const filter = { _id: { $in: [...listenerIds] } };
      await documents.forSpace(spaceId).removeMany(listenersCollection(channelName), filter);
    },
  };
}

export interface SweepOptions {
  readonly documents: Documents;
  readonly channels: Pick<Channels, 'listConnected'>;
  listSpaceIds(): readonly string[];
  readonly clock: { now(): number };
}

/** How long a listener may wait for its client. */
const unusedAfterMs = 86_400_000;
const removedAtOnce = 500;

/** Removes listeners that were made a day ago or more and that nobody is connected to. */
export async function sweepListeners(options: SweepOptions): Promise<void> {
  const oldest = new Date(options.clock.now() - unusedAfterMs).toISOString();
  for (const spaceId of options.listSpaceIds()) {
    const space = options.documents.forSpace(spaceId);
    for (const { name } of await space.listCollections({ includeSystem: true })) {
      const channel = parseChannelCollection(name);
      if (channel?.kind !== 'listeners') continue;
      const unused: string[] = [];
      const connected = options.channels.listConnected(spaceId, channel.channelName);
      for await (const page of space.pages(name, { timestamp: { $lt: oldest } }, { fields: { _id: 1 } })) {
        for (const { _id } of JSON.parse(page.json) as { _id: string }[]) if (!connected.has(_id)) unused.push(_id);
      }
      for (let start = 0; start < unused.length; start += removedAtOnce) {
        await space.removeMany(name, { _id: { $in: unused.slice(start, start + removedAtOnce) } });
      }
    }
  }
}
