import { runStep, type StepAnswer } from '../workflows/run-step.ts';
import type { StepFunction } from '../workflows/types.ts';

/** An entry of `workflow.getHistory(id)`. */
export interface RecordedStep {
  readonly step: string;
  readonly outcome: string;
  readonly next: unknown;
  /** JSON text. */
  readonly stateBefore: string;
}

/** Where the code went then, and where it goes now. */
export interface ReplayDifference {
  readonly step: string;
  readonly recorded: unknown;
  readonly now: unknown;
}

/** Runs the steps with the states that they had, and answers where they go elsewhere. */
export async function replayHistory(
  steps: Readonly<Record<string, StepFunction>>,
  history: readonly RecordedStep[],
): Promise<readonly ReplayDifference[]> {
  const differences: ReplayDifference[] = [];
  for (const entry of history) {
    const fn = steps[entry.step];
    if (entry.outcome !== 'goto') continue;
    const state = JSON.parse(entry.stateBefore) as Record<string, unknown>;
    const answer: StepAnswer =
      fn === undefined
        ? { type: 'failed', message: 'the step is gone', retryable: false }
        : await runStep(fn, { instanceId: 'replay', state, visit: 1, attempt: 1, memory: {} });
    const now = answer.type === 'goto' ? answer.next : answer.type;
    if (JSON.stringify(now) !== JSON.stringify(entry.next)) {
      differences.push({ step: entry.step, recorded: entry.next, now });
    }
  }
  return differences;
}
