const publishPrefix = '_event_publish_';
const listenersPrefix = '_event_listeners_';

/** A channel as its collections name it: `/chat` is `chat`. Both libraries leave out the first slash only. */
export function toChannelName(path: string): string {
  return path.replace('/', '');
}

export function listenersCollection(channelName: string): string {
  return listenersPrefix + channelName;
}

/** What a collection is to realtime: null for all others. */
export function parseChannelCollection(
  collection: string,
): { readonly kind: 'publish' | 'listeners'; readonly channelName: string } | null {
  if (!collection.startsWith('_event_')) return null;
  if (collection.startsWith(publishPrefix)) {
    return { kind: 'publish', channelName: collection.slice(publishPrefix.length) };
  }
  if (collection.startsWith(listenersPrefix)) {
    return { kind: 'listeners', channelName: collection.slice(listenersPrefix.length) };
  }
  return null;
}
