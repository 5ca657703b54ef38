/** Runs handlers again for events that they failed at; the event is the stored one, the code today's. */
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Listener } from './dispatch/listener.ts';
import type { ReplayFilter, ReplayReport } from './engine-types.ts';
import type { HookJournal, RunRecord } from './journal/journal.ts';

export interface ReplayTools {
  readonly journal: HookJournal;
  readonly dispatcher: Dispatcher;
  readonly match: (type: string, action: string, agentId: string | null) => readonly Listener[];
}

const failures: readonly RunRecord['outcome'][] = ['dead', 'error', 'timeout', 'crashed'];

export async function replayRuns(filter: ReplayFilter, tools: ReplayTools): Promise<ReplayReport> {
  const named = filter.runId !== undefined || filter.eventId !== undefined;
  const outcomes = filter.outcomes ?? (named ? [...failures, 'ok'] : ['dead']);
  const limit = filter.limit ?? 1_000;
  const found = await tools.journal.listRuns({
    hook: filter.hook,
    eventId: filter.eventId,
    outcomes,
    limit: filter.runId === undefined ? limit : 100_000,
  });
  const wanted = filter.runId === undefined ? found : found.filter((run) => run.id === filter.runId);
  const replayed: ReplayReport['replayed'][number][] = [];
  const skipped: ReplayReport['skipped'][number][] = [];
  const seen = new Set<string>();
  // Oldest first, so that a session's events are repeated in their order.
  for (const run of [...wanted].reverse()) {
    const identity = `${run.eventId}\u0000${run.hook}\u0000${run.listenerKey}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    const { eventId, hook, key } = run;
    const stored = await tools.journal.readEvent(eventId);
    const listeners =
      stored === null
        ? []
        : tools
            .match(stored.event.type, stored.event.action, null)
            .filter((item) => item.hookName === hook && item.key === run.listenerKey);
    if (stored === null || listeners.length === 0) {
      skipped.push({
        eventId,
        hook,
        reason: stored === null ? 'the event is no longer stored' : 'the hook no longer listens',
      });
      continue;
    }
    if (filter.dryRun) {
      replayed.push({ eventId, key, hook });
      continue;
    }
    const { runs } = await tools.dispatcher.dispatchAwaited({
      id: eventId,
      event: stored.event,
      agentId: stored.agentId,
      listeners,
      returnsMessages: false,
      isStored: true,
    });
    replayed.push({ eventId, key, hook, outcome: runs[0]?.outcome });
  }
  return { replayed, skipped };
}
