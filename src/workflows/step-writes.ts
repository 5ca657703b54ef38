import type { JsonObject } from '../core/json.ts';
import type { ClaimedTask } from '../ports/storage/tasks.ts';
import type { StepReportResult } from '../ports/storage/workflows.ts';
import type { ClaimResult } from '../queues/dispatcher.ts';
import type { Queues } from '../queues/queues.ts';
import type { RunResult } from '../queues/topic-consumer.ts';
import { readTransaction } from './transaction-calls.ts';

/**
 * Commits the outcome of a step together with what its transactions write, all or nothing. Rejects with `conflict` when
 * something that they read has changed, with `lease_lost` when the step may not report any more, and with whatever the
 * writes or the document of the instance are refused for.
 */
export async function commitStepWithWrites(
  queues: Queues,
  task: ClaimedTask,
  { report, nextTopics, onResult }: Extract<RunResult, { type: 'report' }>,
  writes: JsonObject,
): Promise<RunResult> {
  const { dispatcher } = queues;
  const nowMs = queues.clock.now();
  const { commands, tasks } = readTransaction(task.space, writes, nowMs);
  queues.requireOpen(task.space);
  const plans = dispatcher.planClaims(nextTopics);
  let claims: ClaimResult | null = null;
  let reports: readonly StepReportResult[];
  try {
    const results = (await dispatcher.guard('step', () =>
      queues.storage.commit(
        [
          { kind: 'task.fence', leases: [report.lease] },
          ...commands,
          { kind: 'task.enqueue', tasks, nowMs },
          { kind: 'workflow.steps', reports: [report], nowMs, strict: true },
          dispatcher.claimCommand(plans),
        ] as never,
        { lane: { lane: 'space', space: task.space } },
      ),
    )) as readonly unknown[];
    reports = (results.at(-2) as { readonly reports: readonly StepReportResult[] }).reports;
    claims = results.at(-1) as ClaimResult;
  } finally {
    dispatcher.takeClaims(plans, claims);
  }
  queues.noteEnqueued(tasks);
  for (const result of reports) onResult(result);
  return { type: 'settled' };
}
