/** Listeners of the engine's own process: trusted code that subscribes with a function. */
import type { HookEvent } from '../core/hook-event.ts';
import { type Listener, readListenerSettings } from './dispatch/listener.ts';
import type { HookRegistry } from './dispatch/registry.ts';
import type { OnOptions } from './engine-types.ts';

export interface InProcessListeners {
  /** In the order in which they came; every new registry takes them over. */
  readonly all: readonly Listener[];
  /** Returns the function that removes it. */
  readonly add: (key: string, handler: (event: HookEvent) => unknown, options: OnOptions) => () => void;
}

export function createInProcessListeners(getRegistry: () => HookRegistry | undefined): InProcessListeners {
  const all: Listener[] = [];

  function add(key: string, handler: (event: HookEvent) => unknown, options: OnOptions): () => void {
    const listener: Listener = {
      key,
      hookId: `in-process:${options.name}`,
      hookName: options.name,
      source: 'in-process',
      agents: options.agentId === undefined ? null : [options.agentId],
      settings: readListenerSettings({ ...options }),
      place: 'in-process',
      handler,
    };
    all.push(listener);
    const owner = getRegistry();
    const remove = owner?.add(listener);
    return () => {
      const index = all.indexOf(listener);
      if (index !== -1) all.splice(index, 1);
      remove?.();
      // After a reload, or when the engine started later, the listener sits in another registry.
      const current = getRegistry();
      if (current !== owner) current?.remove(listener);
    };
  }

  return { all, add };
}
