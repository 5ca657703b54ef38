import type { Documents } from '../documents/index.ts';
import type { Storage } from '../ports/storage.ts';
import { watchChannels } from '../realtime/channel-storage.ts';
import { type Channels, createChannels } from '../realtime/channels.ts';
import { createListenerStore, sweepListeners } from '../realtime/listener-store.ts';

export interface OpenRealtimeOptions {
  readonly storage: Storage;
  /** Known only after the storage that this makes. */
  getDocuments(): Documents;
  listSpaceIds(): readonly string[];
  onWarning(spaceId: string, message: string): void;
  onSweepError(error: unknown): void;
}

export interface Realtime extends AsyncDisposable {
  readonly channels: Channels;
  /** The storage for everybody else: what it commits reaches those who listen. */
  readonly storage: Storage;
}

const eventLifetimeMs = 600_000;
const maxClientsPerSpace = 20_000;
const sweepIntervalMs = 3_600_000;

export function openRealtime(options: OpenRealtimeOptions): Realtime {
  const store = () => createListenerStore(options.getDocuments());
  const channels = createChannels({
    findListener: (...target) => store().findListener(...target),
    removeListeners: (...target) => store().removeListeners(...target),
    onWarning: options.onWarning,
    maxClientsPerSpace,
    clock: Date,
  });
  let sweeping: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    const { listSpaceIds } = options;
    const sweep = () => sweepListeners({ documents: options.getDocuments(), channels, listSpaceIds, clock: Date });
    sweeping = sweeping.then(sweep).catch(options.onSweepError);
  }, sweepIntervalMs);
  timer.unref();
  return {
    channels,
    storage: watchChannels(options.storage, channels, { eventLifetimeMs, clock: Date }),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await channels[Symbol.asyncDispose]();
      await sweeping;
    },
  };
}
