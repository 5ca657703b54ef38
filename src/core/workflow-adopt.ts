import { isPlainObject, type JsonObject } from './json.ts';
import type { WorkflowInstance } from './workflow.ts';
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
  if (hasEnded(document)) return null;
  const unfinished = listUnfinished(document);
  const isForked = unfinished.length > 1 && unfinished.includes(step);
  const previousStep = typeof carried.previousStep === 'string' ? carried.previousStep : null;
  return {
    operation: {
      type: 'resume',
      step: isForked ? (previousStep ?? step) : step,
      state: carried,
      previousStep,
      outcome: isForked ? { next: unfinished, patch: {} } : null,
    },
    createdAtMs: readCreatedAt(document),
  };
}

export interface WaitingPlan {
  readonly operation: Extract<WorkflowOperation, { type: 'adopt-waiting' }>;
  readonly createdAtMs: number | null;
}

/**
 * How an instance of that engine waits here for `continue`, when there is no task of it: its step called `wait`. Null when it
 * has ended.
 */
export function planWaiting(document: JsonObject): WaitingPlan | null {
  if (hasEnded(document)) return null;
  const unfinished = listUnfinished(document);
  const step = typeof document.nextStep === 'string' ? document.nextStep : unfinished[0];
  if (step === undefined) return null;
  const forked = unfinished.length > 1 ? unfinished : null;
  const previousStep = typeof document.previousStep === 'string' ? document.previousStep : null;
  return { operation: { type: 'adopt-waiting', step, forked, previousStep }, createdAtMs: readCreatedAt(document) };
}

/** True for an instance that waits since it was taken over, and has not been continued here. */
export function waitsAsAdopted({ control }: WorkflowInstance): boolean {
  const root = control.branches[''];
  return root?.state === 'waiting' && root.visit === 0;
}

function hasEnded(document: JsonObject): boolean {
  return document.nextStep === null || document.nextStep === undefined || document.status === 'cancelled';
}

function listUnfinished(document: JsonObject): string[] {
  return Object.entries(isPlainObject(document.parallelSteps) ? document.parallelSteps : {})
    .filter(([, entry]) => isPlainObject(entry) && entry.done !== true)
    .map(([name]) => name);
}

function readCreatedAt(document: JsonObject): number | null {
  const createdAtMs = typeof document.createdAt === 'string' ? Date.parse(document.createdAt) : Number.NaN;
  return Number.isNaN(createdAtMs) ? null : createdAtMs;
}
