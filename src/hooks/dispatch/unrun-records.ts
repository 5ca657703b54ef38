/** Records of handlers that did not run, so that nobody has to guess why. */
import type { HookEvent } from '../../core/hook-event.ts';
import type { RunRecord } from '../journal/journal.ts';
import type { Listener } from './listener.ts';

export interface UnrunBase {
  readonly id: string;
  readonly eventId: string;
  readonly event: HookEvent;
  readonly at: Date;
}

function createBase({ id, eventId, event, at }: UnrunBase) {
  return {
    id,
    eventId,
    key: `${event.type}:${event.action}`,
    startedAt: at.toISOString(),
    durationMs: 0,
    logs: '',
    messages: [],
    attempts: 0,
    changeBytes: 0,
  };
}

/** The event was not fired at all. */
export function createSuppressedRun(base: UnrunBase, listener: Listener, reason: string): RunRecord {
  const { key: listenerKey, hookName: hook, source } = listener;
  return { ...createBase(base), listenerKey, hook, source, outcome: 'skipped', reason };
}

/** The process ended meanwhile, and whoever waited for the event is gone. `listenerId` is `hook@listenerKey`. */
export function createInterruptedRun(base: UnrunBase, listenerId: string, agentId: string): RunRecord {
  const separator = listenerId.lastIndexOf('@');
  return {
    ...createBase(base),
    listenerKey: listenerId.slice(separator + 1),
    hook: listenerId.slice(0, separator),
    source: 'unknown',
    agentId,
    outcome: 'crashed',
    error: { name: 'Interrupted', message: 'the gateway ended before the handler had' },
  };
}
