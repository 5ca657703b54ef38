/** Literal event keys to ordered lists of listeners. No wildcards: a key is heard exactly as it was registered. */
import { knownHookEvents } from '../../core/hook-event.ts';
import type { Listener } from './listener.ts';

export interface HookRegistry {
  /** Returns the function that removes the listener again. */
  readonly add: (listener: Listener) => () => void;
  readonly remove: (listener: Listener) => void;
  readonly keys: () => readonly string[];
  readonly all: () => readonly Listener[];
  /**
   * Listeners of the family, then of the exact key, each by priority and then in order of registration. The list is
   * a copy: what registers during a dispatch hears only later events.
   */
  readonly match: (type: string, action: string, agentId: string | null) => readonly Listener[];
}

export interface RegistryOptions {
  /** False keeps events that only this server fires from listeners of their whole family. */
  readonly futureEventsToFamilies: boolean;
}

const futureKeys: ReadonlySet<string> = new Set(
  knownHookEvents.filter((event) => event.ours).map((event) => event.key),
);

export function createHookRegistry(options: RegistryOptions): HookRegistry {
  const lists = new Map<string, Listener[]>();

  function add(listener: Listener): () => void {
    const list = lists.get(listener.key) ?? [];
    lists.set(listener.key, list);
    // Behind all of the same or higher priority, so equal priorities keep the order of registration.
    const index = list.findIndex((other) => other.settings.priority < listener.settings.priority);
    list.splice(index === -1 ? list.length : index, 0, listener);
    return () => remove(listener);
  }

  function remove(listener: Listener): void {
    const list = lists.get(listener.key) ?? [];
    const at = list.indexOf(listener);
    if (at !== -1) list.splice(at, 1);
    if (list.length === 0) lists.delete(listener.key);
  }

  function hears(listener: Listener, agentId: string | null): boolean {
    return agentId === null || listener.agents === null || listener.agents.includes(agentId);
  }

  function match(type: string, action: string, agentId: string | null): Listener[] {
    const key = `${type}:${action}`;
    const reachesFamily = options.futureEventsToFamilies || !futureKeys.has(key);
    const family = reachesFamily ? (lists.get(type) ?? []) : [];
    return [...family, ...(lists.get(key) ?? [])].filter((listener) => hears(listener, agentId));
  }

  return { add, remove, keys: () => [...lists.keys()], all: () => [...lists.values()].flat(), match };
}
