import type { JsonObject } from '../core/json.ts';
import { decodeStoredJson, decodeStoredText } from '../core/query/stored-text.ts';
import type { Command, Storage } from '../ports/storage.ts';
import { parseChannelCollection } from './channel-names.ts';
import type { Channels } from './channels.ts';

export interface ChannelStorageOptions {
  /** How long published events stay in their collection, in milliseconds. */
  readonly eventLifetimeMs: number;
  readonly clock: { now(): number };
}

type ChannelEvents = Pick<Channels, 'publish' | 'refresh' | 'closeSpace'>;

/**
 * The storage with one more thing to do: what is committed into the collections of a channel reaches those who listen. So
 * an event is delivered whoever publishes it (a request, a worker, a workflow step in its transaction, an import), by either
 * library, and only once it is durable.
 */
export function watchChannels(storage: Storage, channels: ChannelEvents, options: ChannelStorageOptions): Storage {
  async function commit(commands: readonly Command[], commitOptions: Parameters<Storage['commit']>[1]) {
    if (!commands.some(concernsChannel)) return storage.commit(commands as never, commitOptions);
    const expiresAtMs = options.clock.now() + options.eventLifetimeMs;
    const expiring = commands.map((command) => withExpiry(command, expiresAtMs));
    const results = await storage.commit(expiring as never, commitOptions);
    for (const command of expiring) tell(channels, command);
    return results;
  }

  return {
    commit: commit as Storage['commit'],
    read: (read) => storage.read(read),
    readKept: (read) => storage.readKept?.(read),
    backup: (targetPath) => storage.backup(targetPath),
    checkReady: () => storage.checkReady(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

function concernsChannel(command: Command): boolean {
  if (command.kind === 'space.drop') return true;
  return 'collection' in command && parseChannelCollection(command.collection) !== null;
}

function withExpiry(command: Command, expiresAtMs: number): Command {
  if (command.kind !== 'document.insert') return command;
  if (parseChannelCollection(command.collection)?.kind !== 'publish') return command;
  return { ...command, documents: command.documents.map((document) => ({ expiresAtMs, ...document })) };
}

function tell(channels: ChannelEvents, command: Command): void {
  if (command.kind === 'space.drop') channels.closeSpace(command.space);
  if (!('collection' in command)) return;
  const channel = parseChannelCollection(command.collection);
  if (channel === null) return;
  const { space } = command;
  if (channel.kind === 'publish') {
    // A staged batch is an import that may still be thrown away.
    if (command.kind !== 'document.insert' || command.stage !== undefined) return;
    for (const { body } of command.documents) {
      channels.publish(space, channel.channelName, decodeStoredJson(body) as JsonObject);
    }
    return;
  }
  if (command.kind === 'document.write' || command.kind === 'document.remove') {
    const ids = command.targets.map(({ id }) => decodeStoredText(id));
    channels.refresh(space, channel.channelName, ids);
  }
  if (command.kind === 'collection.drop') channels.refresh(space, channel.channelName, null);
}
