import { isPlainObject, type JsonObject } from '../core/json.ts';
import { compileMatcher } from '../core/query/match-filter.ts';
import { parseFilter } from '../core/query/parse-filter.ts';
import { Channel, type EventSink, type Listening, sendOrCut } from './channel.ts';

export interface ChannelsOptions {
  /** The listener as it is stored, or null when there is none (any more). */
  findListener(spaceId: string, channelName: string, listenerId: string): Promise<JsonObject | null>;
  /** Removes listeners whose clients are gone. */
  removeListeners(spaceId: string, channelName: string, listenerIds: readonly string[]): Promise<void>;
  /** For the log of the app. */
  onWarning(spaceId: string, message: string): void;
  readonly maxClientsPerSpace: number;
  readonly clock: { now(): number };
}

export type ConnectResult = 'open' | 'unknown-listener' | 'too-many';

/**
 * Clients that listen to channels, of all spaces. Delivery is at most once: who is not connected gets nothing later.
 * A listener whose last client has been gone for half a minute is removed; within that time it may connect again.
 */
export interface Channels extends AsyncDisposable {
  /**
   * `open` starts the stream; it is called before the first event, and not at all unless the result is `open`. Its `onClose`
   * must call the listener also when the client has left already.
   */
  connect(client: Client, open: () => EventSink & { onClose(listener: () => void): void }): Promise<ConnectResult>;
  /** A published event: `{data, query}` and whatever else. Returns at once. */
  publish(spaceId: string, channelName: string, event: JsonObject): void;
  /** Stored listeners were changed or removed: what is connected under these ids follows. Null: any of the channel. */
  refresh(spaceId: string, channelName: string, listenerIds: readonly string[] | null): void;
  /** Ends all streams of a space that is being removed. */
  closeSpace(spaceId: string): void;
  /** All clients connected to a channel, for the sweep of listeners that nobody uses. */
  listConnected(spaceId: string, channelName: string): ReadonlySet<string>;
  readonly clientCount: number;
  /** Ends all streams; listeners stay, so that clients may connect to the gateway that comes next. */
  close(): void;
}

const pingIntervalMs = 25_000;
const sweepIntervalMs = 10_000;
const graceMs = 30_000;
const ping = Buffer.from(':ping\n\n');
const greeting = Buffer.from(':ok\n\n');
const pingSlice = 500;

export function createChannels(options: ChannelsOptions): Channels {
  const channels = new Map<string, Channel>();
  const countBySpace = new Map<string, number>();
  /** When the last client of a listener left, by channel and listener. */
  const departed = new Map<string, Departed>();
  /** Clients whose listener is being read. */
  const connecting = new Set<Pending>();
  /** How often the listener of a client was changed. */
  const refreshes = new WeakMap<Listening, number>();
  let clientCount = 0;
  let isClosed = false;

  const timers = [
    setInterval(() => void pingAll(channels), pingIntervalMs),
    setInterval(() => removeDeparted(), sweepIntervalMs),
  ];
  for (const timer of timers) timer.unref();

  function removeDeparted(): void {
    const oldest = options.clock.now() - graceMs;
    const gone = new Map<string, Departed & { readonly listenerIds: string[] }>();
    for (const [key, entry] of departed) {
      if (entry.leftAt > oldest) break;
      departed.delete(key);
      const channelKey = keyOf(entry.spaceId, entry.channelName);
      const group = gone.get(channelKey) ?? { ...entry, listenerIds: [] };
      group.listenerIds.push(entry.listenerId);
      gone.set(channelKey, group);
    }
    for (const { spaceId, channelName, listenerIds } of gone.values()) {
      options.removeListeners(spaceId, channelName, listenerIds).catch((error: unknown) => {
        options.onWarning(spaceId, `Listeners of ${channelName} could not be removed: ${String(error)}`);
      });
    }
  }

  function leave(spaceId: string, channelName: string, client: Listening): void {
    const key = keyOf(spaceId, channelName);
    const channel = channels.get(key);
    channel?.delete(client);
    if (channel?.size === 0) channels.delete(key);
    clientCount -= 1;
    addCount(countBySpace, spaceId, -1);
    if (channel?.isConnected(client.listenerId) !== true) noteDeparture(spaceId, channelName, client.listenerId);
  }

  function noteDeparture(spaceId: string, channelName: string, listenerId: string): void {
    if (isClosed) return;
    const key = `${keyOf(spaceId, channelName)}\n${listenerId}`;
    // At the end of the map again, which is in the order of leaving.
    departed.delete(key);
    departed.set(key, { spaceId, channelName, listenerId, leftAt: options.clock.now() });
  }

  function isFull(spaceId: string): boolean {
    return isClosed || (countBySpace.get(spaceId) ?? 0) >= options.maxClientsPerSpace;
  }

  async function readSubscribe({ spaceId, channelName, listenerId }: Client): Promise<JsonObject | null> {
    const listener = await options.findListener(spaceId, channelName, listenerId);
    if (listener === null) return null;
    return isPlainObject(listener.subscribe) ? (listener.subscribe as JsonObject) : {};
  }

  /** As `readSubscribe`; what is changed while it reads counts. */
  async function readForConnect(client: Client): Promise<JsonObject | null> {
    const pending: Pending = { ...client, isOutdated: false };
    connecting.add(pending);
    try {
      for (;;) {
        pending.isOutdated = false;
        const subscribe = await readSubscribe(client);
        if (!pending.isOutdated) return subscribe;
      }
    } finally {
      connecting.delete(pending);
    }
  }

  /** Reads of one client may overtake one another: only what the last change has read is taken. */
  async function refreshClient(spaceId: string, channelName: string, client: Listening): Promise<void> {
    const order = (refreshes.get(client) ?? 0) + 1;
    refreshes.set(client, order);
    const subscribe = await readSubscribe({ spaceId, channelName, listenerId: client.listenerId });
    if (refreshes.get(client) !== order) return;
    if (subscribe === null) client.sink.end();
    else client.subscribe = subscribe;
  }

  return {
    async connect({ spaceId, channelName, listenerId }, open) {
      if (isFull(spaceId)) return 'too-many';
      const key = keyOf(spaceId, channelName);
      // It came back: the listener must not be removed while it is being read.
      const wasDeparted = departed.delete(`${key}\n${listenerId}`);
      const subscribe = await readForConnect({ spaceId, channelName, listenerId });
      if (subscribe === null) return 'unknown-listener';
      // Others connected meanwhile.
      if (isFull(spaceId)) {
        if (wasDeparted) noteDeparture(spaceId, channelName, listenerId);
        return 'too-many';
      }
      const sink = open();
      const channel = channels.get(key) ?? new Channel();
      channels.set(key, channel);
      const client: Listening = { listenerId, sink, subscribe };
      channel.add(client);
      clientCount += 1;
      addCount(countBySpace, spaceId, 1);
      sink.onClose(() => leave(spaceId, channelName, client));
      sink.send(greeting);
      return 'open';
    },

    publish(spaceId, channelName, event) {
      const channel = channels.get(keyOf(spaceId, channelName));
      if (channel === undefined) return;
      const chunk = Buffer.from(`data: ${JSON.stringify(event.data ?? null)}\n\n`);
      try {
        const matches = compileMatcher(parseFilter(event.query ?? {}));
        if (channel.publish({ chunk, matches })) return;
        options.onWarning(
          spaceId,
          `Events of ${channelName} come faster than they can be sent; the oldest are dropped`,
        );
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        options.onWarning(spaceId, `An event of ${channelName} was sent to nobody: ${reason}`);
      }
    },

    refresh(spaceId, channelName, listenerIds) {
      const asked = listenerIds === null ? null : new Set(listenerIds);
      for (const pending of connecting) {
        const isAsked = pending.spaceId === spaceId && pending.channelName === channelName;
        if (isAsked && asked?.has(pending.listenerId) !== false) pending.isOutdated = true;
      }
      const channel = channels.get(keyOf(spaceId, channelName));
      if (channel === undefined) return;
      for (const client of channel.clients) {
        if (asked?.has(client.listenerId) === false) continue;
        refreshClient(spaceId, channelName, client).catch(() => client.sink.destroy());
      }
    },

    closeSpace(spaceId) {
      for (const pending of connecting) if (pending.spaceId === spaceId) pending.isOutdated = true;
      for (const [key, channel] of channels) {
        if (key.startsWith(`${spaceId}\n`)) endAll(channel);
      }
    },

    listConnected(spaceId, channelName) {
      const channel = channels.get(keyOf(spaceId, channelName));
      return new Set([...(channel?.clients ?? [])].map(({ listenerId }) => listenerId));
    },

    get clientCount() {
      return clientCount;
    },

    close() {
      isClosed = true;
      for (const timer of timers) clearInterval(timer);
      for (const channel of channels.values()) endAll(channel);
    },

    async [Symbol.asyncDispose]() {
      this.close();
    },
  };
}

/** Who listens, or wants to. */
interface Client {
  readonly spaceId: string;
  readonly channelName: string;
  readonly listenerId: string;
}

interface Departed extends Client {
  readonly leftAt: number;
}

interface Pending extends Client {
  /** The listener was changed since its reading began. */
  isOutdated: boolean;
}

function keyOf(spaceId: string, channelName: string): string {
  return `${spaceId}\n${channelName}`;
}

function endAll(channel: Channel): void {
  for (const { sink } of channel.clients) sink.end();
}

function addCount(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** Keeps connections open through proxies, and finds those that are dead. */
async function pingAll(channels: ReadonlyMap<string, Channel>): Promise<void> {
  let sent = 0;
  for (const channel of channels.values()) {
    for (const { sink } of channel.clients) {
      // Who has something waiting for it needs no ping.
      if (sink.bufferedBytes === 0) sendOrCut(sink, ping);
      sent += 1;
      if (sent % pingSlice === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
