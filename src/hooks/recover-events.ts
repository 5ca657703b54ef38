/** What an earlier process left unfinished: detached events run again, awaited ones are only closed. */
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Listener } from './dispatch/listener.ts';
import { createInterruptedRun } from './dispatch/unrun-records.ts';
import { getListenerId, type HookJournal, type OpenEvent } from './journal/journal.ts';
import type { HookLogger } from './logging/logger.ts';

export interface RecoveryTools {
  readonly journal: HookJournal;
  readonly dispatcher: Dispatcher;
  readonly match: (type: string, action: string, agentId: string | null) => readonly Listener[];
  readonly createId: () => string;
  readonly now: () => Date;
  readonly logger: HookLogger;
}

/** Returns how many events run again, each for the listeners without a recorded end. */
export async function recoverEvents(tools: RecoveryTools): Promise<number> {
  let count = 0;
  for (const open of await tools.journal.listOpenEvents()) {
    if (open.stored.mode === 'await') {
      closeAwaited(open, tools);
      continue;
    }
    resumeDetached(open, tools);
    count += 1;
  }
  return count;
}

/** Its producer is gone, so nobody would do anything with the outcome. */
function closeAwaited({ stored, settled }: OpenEvent, { journal, createId, now, logger }: RecoveryTools): void {
  const { event } = stored;
  logger.warn(
    'hooks',
    `The awaited event ${stored.id} (${event.type}:${event.action}) was not finished; it is not run again.`,
  );
  for (const listenerId of stored.listeners.filter((item) => !settled.has(item))) {
    const base = { id: createId(), eventId: stored.id, event, at: now() };
    journal.recordRun(createInterruptedRun(base, listenerId, stored.agentId));
  }
  journal.finishEvent(stored.id);
}

function resumeDetached({ stored, attempts, settled }: OpenEvent, { dispatcher, match }: RecoveryTools): void {
  const { id, event, agentId } = stored;
  const wanted = new Set(stored.listeners);
  const listeners = match(event.type, event.action, null).filter((listener) =>
    wanted.has(getListenerId(listener.hookName, listener.key)),
  );
  dispatcher.resume({ id, event, agentId, listeners, returnsMessages: false }, attempts, settled);
}
