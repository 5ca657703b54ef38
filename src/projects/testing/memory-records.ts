import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { StoredRecord } from '../../ports/storage/records.ts';
import type { Command, Read, Storage } from '../../ports/storage.ts';

/**
 * The record commands and reads of the storage port in memory, for tests of this room: keys in binary order,
 * preconditions, all or nothing, values as copies. Every other command rejects.
 */
export function createMemoryRecords(): Storage {
  let records = new Map<string, StoredRecord>();
  const idOf = (type: string, key: string) => `${type}\n${key}`;

  function apply(target: Map<string, StoredRecord>, command: Command): unknown {
    switch (command.kind) {
      case 'record.put': {
        const id = idOf(command.type, command.key);
        const revision = target.get(id)?.revision ?? 0;
        if (command.expect === 'absent' ? revision !== 0 : command.expect !== 'any' && command.expect !== revision) {
          throw new TackleError('conflict', `${command.type} ${command.key} has revision ${revision}`);
        }
        const value: Json = structuredClone(command.value);
        target.set(id, { type: command.type, key: command.key, value, revision: revision + 1 });
        return { revision: revision + 1 };
      }
      case 'record.remove': {
        const id = idOf(command.type, command.key);
        if (command.expect !== undefined && target.get(id)?.revision !== command.expect) {
          throw new TackleError('conflict', `${command.type} ${command.key} has another revision`);
        }
        return { removed: target.delete(id) };
      }
      case 'record.removePrefix': {
        const found = select(target, command.type, command.prefix).slice(0, command.limit);
        for (const record of found) target.delete(idOf(record.type, record.key));
        return { removed: found.length };
      }
      default:
        throw new TackleError('internal', `${command.kind} is not part of this fake`);
    }
  }

  function select(source: Map<string, StoredRecord>, type: string, prefix: string): StoredRecord[] {
    return [...source.values()]
      .filter((record) => record.type === type && record.key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  function read(request: Read): unknown {
    if (request.kind === 'record.get') return structuredClone(records.get(idOf(request.type, request.key)) ?? null);
    if (request.kind !== 'record.list') throw new TackleError('internal', `${request.kind} is not part of this fake`);
    const { type, prefix, after, reverse = false, limit } = request;
    const found = select(records, type, prefix);
    if (reverse) found.reverse();
    const rest = after === undefined ? found : found.filter(({ key }) => (reverse ? key < after : key > after));
    return structuredClone(rest.slice(0, limit));
  }

  const storage = {
    async commit(commands: readonly Command[]) {
      const next = new Map(records);
      const results = commands.map((command) => apply(next, command));
      records = next;
      return results;
    },
    read: async (request: Read) => read(request),
    backup: async () => {
      throw new TackleError('internal', 'backup is not part of this fake');
    },
    checkReady: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return storage as unknown as Storage;
}
