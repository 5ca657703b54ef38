import { isPlainObject, type JsonObject } from './json.ts';
import type { WorkflowOperation } from './workflow-decide.ts';

export interface AdoptionPlan {
  readonly operation: Extract<WorkflowOperation, { type: 'resume' }>;
  /** From the document; null when it does not say. */
  readonly createdAtMs: number | null;
}

/**
 * How an instance of the original library's engine goes on here, from its document and what one of its waiting tasks carries
 * (spec 8.2). Null when it has ended. That engine keeps what a step gave to `goto` in the task only, and which branches of
 * a fork are done in the document; a fork goes on with those that are not. Visits are counted anew.
 */
export function planAdoption(document: JsonObject, carried: JsonObject, step: string): AdoptionPlan | null {
  if (document.nextStep === null || document.status === 'cancelled') return null;
  const unfinished = Object.entries(isPlainObject(document.parallelSteps) ? document.parallelSteps : {})
    .filter(([, entry]) => isPlainObject(entry) && entry.done !== true)
    .map(([name]) => name);
  const isForked = unfinished.length > 1 && unfinished.includes(step);
  const previousStep = typeof carried.previousStep === 'string' ? carried.previousStep : null;
  const createdAtMs = typeof document.createdAt === 'string' ? Date.parse(document.createdAt) : Number.NaN;
  return {
    operation: {
      type: 'resume',
      step: isForked ? (previousStep ?? step) : step,
      state: carried,
      previousStep,
      outcome: isForked ? { next: unfinished, patch: {} } : null,
    },
    createdAtMs: Number.isNaN(createdAtMs) ? null : createdAtMs,
  };
}
