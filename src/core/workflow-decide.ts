import type { SerializedError } from './errors.ts';
import { TackleError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import { clampDelayMs } from './task.ts';
import { isEnded, type StepOutcome, type WorkflowInstance, withoutProtectedFields } from './workflow.ts';
import { WorkflowDraft } from './workflow-draft.ts';

/**
 * Every change of a workflow instance, as a pure function: (instance, what happened, now) to (instance, what else must be
 * written in the same commit). Storage engines run it inside their writer, the simulator over a Map; neither decides
 * anything itself.
 */
export type WorkflowOperation =
  | { readonly type: 'start'; readonly step: string; readonly state: JsonObject; readonly delayMs: number }
  | {
      readonly type: 'step';
      readonly branch: string;
      /** The task that reports; an outcome from any other than the expected one is stale. */
      readonly ticket: number;
      readonly attempt: number;
      readonly startedAtMs: number;
      readonly outcome: StepOutcome;
    }
  | { readonly type: 'timer'; readonly branch: string; readonly ticket: number }
  | { readonly type: 'event'; readonly branch: string; readonly visit: number; readonly payload: Json }
  | {
      readonly type: 'child';
      readonly branch: string;
      readonly visit: number;
      readonly memo: string;
      readonly childId: string;
      readonly result: Json;
    }
  | { readonly type: 'continue'; readonly reset: boolean }
  | { readonly type: 'update'; readonly patch: JsonObject; readonly continue: boolean }
  | { readonly type: 'cancel'; readonly reason: string | null }
  /** The code that is deployed cannot go on with any of it. */
  | { readonly type: 'park'; readonly reason: string }
  /** A deployment knows these steps now. */
  | { readonly type: 'unpark'; readonly steps: readonly string[] }
  /** An instance of another engine, which waits in this step; or in these, when it had forked. */
  | {
      readonly type: 'adopt-waiting';
      readonly step: string;
      readonly forked: readonly string[] | null;
      readonly previousStep: string | null;
    }
  /** A new instance that goes on where another stood. */
  | {
      readonly type: 'resume';
      readonly step: string;
      readonly state: JsonObject;
      readonly previousStep: string | null;
      /** Taken as what the step said, instead of running it. */
      readonly outcome: { readonly next: string | readonly string[] | null; readonly patch: JsonObject } | null;
    };

export type WorkflowEffect =
  /** `ticket` is the number that the task must get. A timer only ends a wait. */
  | {
      readonly type: 'enqueue';
      readonly ticket: number;
      readonly step: string;
      readonly branch: string;
      readonly visit: number;
      readonly delayMs: number;
      readonly timer: boolean;
    }
  | { readonly type: 'drop'; readonly ticket: number }
  | {
      readonly type: 'listen';
      readonly branch: string;
      readonly visit: number;
      readonly event: string;
      readonly key: string | null;
    }
  | { readonly type: 'unlisten'; readonly branch: string }
  | { readonly type: 'remember'; readonly visit: number; readonly memo: string; readonly value: Json }
  | {
      readonly type: 'start-child';
      readonly branch: string;
      readonly visit: number;
      readonly memo: string;
      readonly childId: string;
    }
  | { readonly type: 'cancel-child'; readonly childId: string }
  /** The instance ended; its parent, if any, waits for the result. */
  | { readonly type: 'ended' };

export interface StepRecord {
  readonly step: string;
  readonly branch: string;
  readonly visit: number;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly outcome: StepOutcome['type'];
  readonly next: string | readonly string[] | null;
  readonly patch: JsonObject | null;
  readonly error: SerializedError | null;
}

export interface WorkflowDecision {
  /** True when the operation came from a task that no longer may report; then nothing else changes. */
  readonly stale: boolean;
  readonly instance: WorkflowInstance;
  /** User fields to set in the document; the control fields are written in any case. */
  readonly patch: JsonObject;
  readonly effects: readonly WorkflowEffect[];
  readonly record: StepRecord | null;
}

export interface DecisionContext {
  readonly nowMs: number;
  /** The next number of the queue. */
  allocateTicket(): number;
  /** Takes the oldest stored event for the address, if one came before anybody waited. */
  takeEvent(event: string, key: string | null): { readonly payload: Json } | null;
}

export function decideWorkflow(
  instance: WorkflowInstance,
  operation: WorkflowOperation,
  context: DecisionContext,
): WorkflowDecision {
  const draft = new WorkflowDraft(instance, context);
  switch (operation.type) {
    case 'start':
      draft.patch = withoutProtectedFields(operation.state);
      draft.enter('', null, operation.step, '', clampDelayMs(operation.delayMs));
      return draft.finish();
    case 'resume':
      draft.patch = withoutProtectedFields(operation.state);
      draft.previousStep = operation.previousStep;
      draft.enter('', null, operation.step, '', 0);
      if (operation.outcome !== null) takeOutcome(draft, operation.outcome);
      return draft.finish();
    case 'adopt-waiting':
      draft.previousStep = operation.previousStep;
      draft.waitAsAdopted(operation.step, operation.forked);
      return draft.finish();
    case 'step':
      return decideStep(draft, operation);
    case 'timer':
      return decideTimer(draft, operation);
    case 'event':
      return decideEvent(draft, operation);
    case 'child':
      return decideChild(draft, operation);
    case 'continue':
      draft.refuseIfEnded('continued');
      continueBranches(draft, operation.reset);
      return draft.finish();
    case 'update':
      draft.patch = withoutProtectedFields(operation.patch);
      if (operation.continue) {
        draft.refuseIfEnded('continued');
        continueBranches(draft, false);
      }
      return draft.finish();
    case 'cancel':
      return decideCancel(draft, operation.reason);
    case 'park':
      return decidePark(draft, operation.reason);
    case 'unpark':
      for (const [id, branch] of draft.branchesIn('parked')) {
        const wanted = branch.pendingNext ?? branch.step;
        const steps = typeof wanted === 'string' ? [wanted] : wanted;
        if (steps.every((step) => operation.steps.includes(step))) draft.unpark(id);
      }
      return draft.finish();
  }
}

function decideStep(draft: WorkflowDraft, operation: Extract<WorkflowOperation, { type: 'step' }>): WorkflowDecision {
  const branch = draft.branches[operation.branch];
  const mayReport = branch?.state === 'queued' || branch?.state === 'failed';
  if (branch === undefined || branch.ticket !== operation.ticket || !mayReport || isEnded(draft.status)) {
    return draft.stale();
  }
  const { outcome } = operation;
  draft.record = describeStep(operation, branch.step, branch.visit, draft.nowMs);
  if (outcome.type === 'retrying') {
    draft.setError(operation.branch, outcome.error, operation.attempt);
    return draft.finish();
  }
  draft.replaceBranch(operation.branch, { ticket: 0 });
  if (outcome.type === 'failed') {
    draft.setError(operation.branch, outcome.error, operation.attempt);
    // The ticket stays good, so that redriving the dead-lettered task takes the instance up again.
    draft.replaceBranch(operation.branch, { state: 'failed', ticket: operation.ticket });
    return draft.finish();
  }
  if (outcome.type === 'unknown-step') {
    const message = `The step "${outcome.step}" is not part of the deployed workflow; deploy code that has it, or cancel.`;
    draft.setError(operation.branch, { code: 'not_found', message }, operation.attempt);
    draft.patch = withoutProtectedFields(outcome.patch);
    if (outcome.next !== null) draft.countFinished(branch.step, operation.startedAtMs);
    draft.park(operation.branch, outcome.step, outcome.next);
    return draft.finish();
  }
  if (outcome.type === 'suspend') {
    suspend(draft, operation.branch, outcome);
    return draft.finish();
  }
  draft.patch = withoutProtectedFields(outcome.patch);
  draft.countFinished(branch.step, operation.startedAtMs);
  draft.clearError(operation.branch);
  if (outcome.type === 'wait') draft.replaceBranch(operation.branch, { state: 'waiting' });
  else draft.leave(operation.branch, outcome);
  return draft.finish();
}

function suspend(draft: WorkflowDraft, id: string, outcome: Extract<StepOutcome, { type: 'suspend' }>): void {
  const branch = draft.branches[id]!;
  const { request } = outcome;
  draft.replaceBranch(id, { state: 'suspended', waitingFor: request });
  if (request.type === 'sleep') {
    draft.remember(branch.visit, request.memo, { type: 'sleep', untilMs: request.untilMs });
    draft.requeue(id, clampDelayMs(request.untilMs - draft.nowMs));
    return;
  }
  if (request.type === 'child') {
    draft.children.add(request.childId);
    draft.effects.push({
      type: 'start-child',
      branch: id,
      visit: branch.visit,
      memo: request.memo,
      childId: request.childId,
    });
    return;
  }
  const stored = draft.takeEvent(request.event, request.key);
  if (stored !== null) {
    draft.remember(branch.visit, request.memo, { type: 'event', payload: stored.payload });
    draft.requeue(id, 0);
    return;
  }
  draft.effects.push({ type: 'listen', branch: id, visit: branch.visit, event: request.event, key: request.key });
  if (request.timeoutMs !== null) draft.setTimer(id, clampDelayMs(request.timeoutMs));
}

function decideTimer(draft: WorkflowDraft, operation: Extract<WorkflowOperation, { type: 'timer' }>): WorkflowDecision {
  const branch = draft.branches[operation.branch];
  const request = branch?.waitingFor;
  if (branch?.timer !== operation.ticket || request?.type !== 'event' || isEnded(draft.status)) return draft.stale();
  draft.remember(branch.visit, request.memo, { type: 'event', payload: null, timedOut: true });
  draft.effects.push({ type: 'unlisten', branch: operation.branch });
  draft.replaceBranch(operation.branch, { timer: 0 });
  draft.requeue(operation.branch, 0);
  return draft.finish();
}

function decideEvent(draft: WorkflowDraft, operation: Extract<WorkflowOperation, { type: 'event' }>): WorkflowDecision {
  const branch = draft.branches[operation.branch];
  const request = branch?.waitingFor;
  if (branch?.visit !== operation.visit || branch.state !== 'suspended' || request?.type !== 'event')
    return draft.stale();
  draft.remember(branch.visit, request.memo, { type: 'event', payload: operation.payload });
  draft.effects.push({ type: 'unlisten', branch: operation.branch });
  draft.requeue(operation.branch, 0);
  return draft.finish();
}

function decideChild(draft: WorkflowDraft, operation: Extract<WorkflowOperation, { type: 'child' }>): WorkflowDecision {
  const branch = draft.branches[operation.branch];
  if (!draft.children.delete(operation.childId) || isEnded(draft.status)) return draft.stale();
  if (branch === undefined || branch.visit !== operation.visit) return draft.finish();
  draft.remember(branch.visit, operation.memo, { type: 'child', result: operation.result });
  const { waitingFor } = branch;
  if (waitingFor?.type === 'child' && waitingFor.childId === operation.childId) {
    if (branch.state === 'suspended') draft.requeue(operation.branch, 0);
    else if (branch.state === 'parked')
      draft.replaceBranch(operation.branch, { parkedFrom: 'queued', waitingFor: null });
  }
  return draft.finish();
}

/** Takes everything out of the queue, so that no other code gets it, and remembers how to go on. */
function decidePark(draft: WorkflowDraft, reason: string): WorkflowDecision {
  if (isEnded(draft.status)) return draft.stale();
  for (const [id, branch] of Object.entries(draft.branches)) {
    if (branch.ticket !== 0) draft.effects.push({ type: 'drop', ticket: branch.ticket });
    if (branch.timer !== 0) draft.effects.push({ type: 'drop', ticket: branch.timer });
    draft.replaceBranch(id, { ticket: 0, timer: 0 });
    const { state, waitingFor } = branch;
    if (state !== 'queued' && state !== 'waiting' && state !== 'suspended') continue;
    if (waitingFor?.type === 'event') draft.effects.push({ type: 'unlisten', branch: id });
    draft.setError(id, { code: 'conflict', message: reason }, 0);
    draft.replaceBranch(id, { state: 'parked', parkedFrom: state });
  }
  return draft.finish();
}

/** Takes up every branch that nothing else will take up; what is queued or suspended goes on by itself. */
function continueBranches(draft: WorkflowDraft, reset: boolean): void {
  if (reset) draft.resetCounts();
  for (const state of ['waiting', 'failed', 'parked'] as const) {
    for (const [id, branch] of draft.branchesIn(state)) {
      draft.resetCount(branch.step);
      // A step that was finished by `wait` is visited anew; one that failed is tried again with what it remembers.
      const isWaiting = state === 'waiting' || branch.parkedFrom === 'waiting';
      if (isWaiting && branch.pendingNext !== null) draft.unpark(id);
      else if (isWaiting) draft.enter(id, branch.parent, branch.step, branch.label, 0);
      else draft.unpark(id);
    }
  }
}

function decideCancel(draft: WorkflowDraft, reason: string | null): WorkflowDecision {
  if (draft.status === 'cancelled') return draft.finish();
  if (draft.status === 'completed') {
    throw new TackleError('conflict', `Workflow instance ${draft.id} has completed and cannot be cancelled.`);
  }
  for (const [id, branch] of Object.entries(draft.branches)) {
    if (branch.ticket !== 0) draft.effects.push({ type: 'drop', ticket: branch.ticket });
    if (branch.timer !== 0) draft.effects.push({ type: 'drop', ticket: branch.timer });
    if (branch.waitingFor?.type === 'event') draft.effects.push({ type: 'unlisten', branch: id });
  }
  for (const childId of draft.children) draft.effects.push({ type: 'cancel-child', childId });
  draft.end('cancelled', reason);
  return draft.finish();
}

function takeOutcome(
  draft: WorkflowDraft,
  outcome: { readonly next: string | readonly string[] | null; readonly patch: JsonObject },
): void {
  draft.effects.length = 0;
  draft.replaceBranch('', { ticket: 0 });
  draft.countFinished(draft.branches['']!.step, draft.nowMs);
  draft.patch = { ...draft.patch, ...withoutProtectedFields(outcome.patch) };
  draft.leave('', { type: 'goto', next: outcome.next, patch: outcome.patch, delayMs: 0, join: true });
}

function describeStep(
  operation: Extract<WorkflowOperation, { type: 'step' }>,
  step: string,
  visit: number,
  nowMs: number,
): StepRecord {
  const { outcome } = operation;
  return {
    step,
    branch: operation.branch,
    visit,
    attempt: operation.attempt,
    startedAtMs: operation.startedAtMs,
    finishedAtMs: nowMs,
    outcome: outcome.type,
    next: outcome.type === 'goto' || outcome.type === 'unknown-step' ? outcome.next : null,
    patch: 'patch' in outcome ? withoutProtectedFields(outcome.patch) : null,
    error: outcome.type === 'failed' || outcome.type === 'retrying' ? outcome.error : null,
  };
}
