/** How many detached events wait for each hook, and how many of them may run at the same time. */
import type { Listener } from './listener.ts';
import { createSlots, type Slots } from './ordering.ts';

export interface HookQueues {
  readonly isFull: (listener: Listener) => boolean;
  /** Resolves when an event has left the hook's queue. */
  readonly waitForRoom: (listener: Listener) => Promise<void>;
  readonly enter: (listener: Listener) => void;
  readonly leave: (listener: Listener) => void;
  readonly getSlots: (listener: Listener) => Slots;
}

interface QueueState {
  waiting: number;
  readonly slots: Slots;
  /** Producers that wait for room. */
  readonly blocked: (() => void)[];
}

const maxParallelPerHook = 16;

export function createHookQueues(): HookQueues {
  const queues = new Map<string, QueueState>();

  function getQueue({ hookId }: Listener): QueueState {
    const known = queues.get(hookId);
    if (known !== undefined) return known;
    const created: QueueState = { waiting: 0, slots: createSlots(maxParallelPerHook), blocked: [] };
    queues.set(hookId, created);
    return created;
  }

  function leave(listener: Listener): void {
    const queue = getQueue(listener);
    queue.waiting -= 1;
    if (queue.waiting < listener.settings.queueLimit) queue.blocked.shift()?.();
    if (queue.waiting === 0 && queue.blocked.length === 0) queues.delete(listener.hookId);
  }

  return {
    isFull: (listener) => getQueue(listener).waiting >= listener.settings.queueLimit,
    waitForRoom: (listener) => new Promise((resolve) => getQueue(listener).blocked.push(resolve)),
    enter: (listener) => {
      getQueue(listener).waiting += 1;
    },
    leave,
    getSlots: (listener) => getQueue(listener).slots,
  };
}
