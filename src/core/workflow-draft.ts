import type { SerializedError } from './errors.ts';
import { TackleError } from './errors.ts';
import { toIsoTime } from './iso-time.ts';
import type { Json, JsonObject } from './json.ts';
import type {
  BranchState,
  ParallelStep,
  StepCount,
  StepOutcome,
  WorkflowBranch,
  WorkflowError,
  WorkflowInstance,
  WorkflowStatus,
} from './workflow.ts';
import { isEnded, withoutProtectedFields } from './workflow.ts';
import type { DecisionContext, StepRecord, WorkflowDecision, WorkflowEffect } from './workflow-decide.ts';

type GotoOutcome = Extract<StepOutcome, { type: 'goto' }>;

/** One decision in the making: a mutable copy of the control fields, and the effects collected so far. */
export class WorkflowDraft {
  readonly effects: WorkflowEffect[] = [];
  readonly branches: Record<string, WorkflowBranch>;
  readonly children: Set<string>;
  readonly nowMs: number;
  patch: JsonObject = {};
  record: StepRecord | null = null;
  previousStep: string | null;
  readonly #instance: WorkflowInstance;
  readonly #context: DecisionContext;
  readonly #stepCount: Record<string, StepCount>;
  #parallelSteps: Record<string, ParallelStep>;
  #endedAs: WorkflowStatus | null;
  #lastVisit: number;
  #nextStep: string | null;
  #lastError: WorkflowError | null;
  #totalTime: number | null;

  constructor(instance: WorkflowInstance, context: DecisionContext) {
    const { control } = instance;
    this.#instance = instance;
    this.#context = context;
    this.nowMs = context.nowMs;
    this.branches = { ...control.branches };
    this.children = new Set(control.children);
    this.previousStep = control.previousStep;
    this.#stepCount = { ...control.stepCount };
    this.#parallelSteps = { ...control.parallelSteps };
    this.#endedAs = isEnded(control.status) ? control.status : null;
    this.#lastVisit = control.lastVisit;
    this.#nextStep = control.nextStep;
    this.#lastError = control.lastError;
    this.#totalTime = control.totalTime;
  }

  get id(): string {
    return this.#instance.id;
  }

  get status(): WorkflowStatus {
    if (this.#endedAs !== null) return this.#endedAs;
    const states = new Set(Object.values(this.branches).map((branch) => branch.state));
    if (states.has('failed')) return 'failed';
    if (states.has('parked')) return 'parked';
    return states.has('queued') ? 'running' : 'waiting';
  }

  branchesIn(state: BranchState): [string, WorkflowBranch][] {
    return Object.entries(this.branches).filter(([, branch]) => branch.state === state);
  }

  replaceBranch(id: string, change: Partial<WorkflowBranch>): void {
    this.branches[id] = { ...this.branches[id]!, ...change };
  }

  takeEvent(event: string, key: string | null): { readonly payload: Json } | null {
    return this.#context.takeEvent(event, key);
  }

  remember(visit: number, memo: string, value: Json): void {
    this.effects.push({ type: 'remember', visit, memo, value });
  }

  refuseIfEnded(verb: string): void {
    if (this.#endedAs === null) return;
    const state = this.#endedAs === 'completed' ? 'has already completed' : 'was cancelled';
    throw new TackleError('conflict', `Workflow ${this.id} ${state} and cannot be ${verb}`);
  }

  /** Lets a branch begin a step: counts the visit and queues it, or fails it when it came here too often. */
  enter(id: string, parent: string | null, step: string, label: string, delayMs: number): void {
    this.#lastVisit += 1;
    this.branches[id] = {
      parent,
      state: 'queued',
      step,
      visit: this.#lastVisit,
      ticket: 0,
      timer: 0,
      open: 0,
      target: null,
      label,
      waitingFor: null,
      pendingNext: null,
      error: null,
    };
    this.#nextStep = step;
    const known = this.#stepCount[step];
    const visits = (known?.visits ?? 0) + 1;
    this.#stepCount[step] = { visits, startTime: this.#iso(this.nowMs), totalTime: 0 };
    if (visits > this.#instance.maxStepCount) {
      const limit = this.#instance.maxStepCount;
      const message = `Step ${step} has been executed ${visits} times, which is greater than the maximum step count of ${limit}`;
      this.setError(id, { code: 'conflict', message }, 0);
      this.replaceBranch(id, { state: 'failed' });
      return;
    }
    this.requeue(id, delayMs);
  }

  /** Queues the step of a branch (again), on a new ticket. */
  requeue(id: string, delayMs: number): void {
    const branch = this.branches[id]!;
    if (branch.timer !== 0) this.effects.push({ type: 'drop', ticket: branch.timer });
    const ticket = this.#context.allocateTicket();
    const { dueAtMs: _dueAtMs, parkedFrom: _parkedFrom, ...known } = branch;
    const due = delayMs > 0 ? { dueAtMs: this.nowMs + delayMs } : {};
    this.branches[id] = { ...known, ...due, state: 'queued', ticket, timer: 0, waitingFor: null, pendingNext: null };
    const { step, visit } = branch;
    this.effects.push({ type: 'enqueue', ticket, step, branch: id, visit, delayMs, timer: false });
  }

  /** Leaves a branch where it is until code comes that knows `step`. */
  park(id: string, step: string, pendingNext: string | readonly string[] | null): void {
    this.replaceBranch(id, { state: 'parked', pendingNext });
    this.#nextStep = step;
  }

  /** The step of another engine called `wait`; its first visit here is still to come. */
  waitAsAdopted(step: string, forked: readonly string[] | null): void {
    this.enter('', null, step, '', 0);
    this.effects.length = 0;
    this.replaceBranch('', { state: 'waiting', visit: 0, ticket: 0, pendingNext: forked });
    this.resetCount(step);
  }

  /** Takes a parked branch up again: at its step, or where that wanted to go; not before it was due. */
  unpark(id: string): void {
    const { pendingNext, parkedFrom, waitingFor, dueAtMs } = this.branches[id]!;
    // Who waits for `continue` or a child goes on to wait; for an event its step asks again.
    if (parkedFrom === 'waiting' && pendingNext === null) this.#restore(id, 'waiting');
    else if (parkedFrom === 'suspended' && waitingFor?.type === 'child') this.#restore(id, 'suspended');
    else if (pendingNext === null) this.requeue(id, Math.max(0, (dueAtMs ?? 0) - this.nowMs));
    else this.leave(id, { type: 'goto', next: pendingNext, patch: {}, delayMs: 0, join: true });
  }

  #restore(id: string, state: 'waiting' | 'suspended'): void {
    const { parkedFrom: _parkedFrom, ...known } = this.branches[id]!;
    this.branches[id] = { ...known, state };
    this.clearError(id);
  }

  setTimer(id: string, delayMs: number): void {
    const { step, visit } = this.branches[id]!;
    const ticket = this.#context.allocateTicket();
    this.replaceBranch(id, { timer: ticket });
    this.effects.push({ type: 'enqueue', ticket, step, branch: id, visit, delayMs, timer: true });
  }

  /** A step said where to go: on, apart, together, or to the end. */
  leave(id: string, outcome: GotoOutcome): void {
    const branch = this.branches[id]!;
    this.previousStep = branch.step;
    if (Array.isArray(outcome.next)) {
      this.#fork(id, outcome.next, outcome.delayMs);
      return;
    }
    const next = outcome.next as string | null;
    const goesOn = branch.parent === null || (!outcome.join && next !== null);
    if (goesOn) this.#goOn(id, next, outcome.delayMs);
    else this.#join(id, next, withoutProtectedFields(outcome.patch), outcome.delayMs);
  }

  #goOn(id: string, next: string | null, delayMs: number): void {
    const { parent, label } = this.branches[id]!;
    if (next === null) this.end('completed', null);
    else this.enter(id, parent, next, label, delayMs);
  }

  #fork(id: string, steps: readonly string[], delayMs: number): void {
    const branch = this.branches[id]!;
    if (branch.parent === null) this.#parallelSteps = {};
    this.replaceBranch(id, { state: 'forked', open: steps.length, target: null });
    for (const [index, step] of steps.entries()) {
      const label = this.#freeLabel(step);
      this.#parallelSteps[label] = { done: false, startTime: this.#iso(this.nowMs), previousStep: branch.step };
      this.enter(`${id}${id === '' ? '' : '.'}${branch.visit}-${index}`, id, step, label, delayMs);
    }
  }

  /** A list may name a step twice; each gets its own entry. */
  #freeLabel(step: string): string {
    if (!Object.hasOwn(this.#parallelSteps, step)) return step;
    let number = 2;
    while (Object.hasOwn(this.#parallelSteps, `${step}#${number}`)) number += 1;
    return `${step}#${number}`;
  }

  #join(id: string, next: string | null, result: JsonObject, delayMs: number): void {
    const branch = this.branches[id]!;
    const parentId = branch.parent!;
    const parent = this.branches[parentId]!;
    if (next !== null && parent.target !== null && parent.target !== next) {
      const message = `Parallel steps must join to the same next step: "${branch.label}" goes to "${next}", others to "${parent.target}"`;
      this.setError(id, { code: 'conflict', message }, 0);
      this.replaceBranch(id, { state: 'failed' });
      return;
    }
    const entry = this.#parallelSteps[branch.label];
    if (entry !== undefined) this.#parallelSteps[branch.label] = { ...entry, done: true, nextStep: next, result };
    delete this.branches[id];
    const open = parent.open - 1;
    const target = next ?? parent.target;
    this.replaceBranch(parentId, { open, target });
    if (open > 0) return;
    if (parent.parent === null) this.#goOn(parentId, target, delayMs);
    else if (target === null) this.#join(parentId, null, {}, delayMs);
    else this.enter(parentId, parent.parent, target, parent.label, delayMs);
  }

  end(status: 'completed' | 'cancelled', reason: string | null): void {
    this.#endedAs = status;
    for (const id of Object.keys(this.branches)) delete this.branches[id];
    this.children.clear();
    this.#totalTime = this.nowMs - this.#instance.createdAtMs;
    if (status === 'completed') this.#nextStep = null;
    if (reason !== null) this.setError('', { code: 'conflict', message: reason }, 0);
    this.effects.push({ type: 'ended' });
  }

  countFinished(step: string, startedAtMs: number): void {
    const count = this.#stepCount[step];
    if (count === undefined) return;
    this.#stepCount[step] = {
      visits: count.visits,
      startTime: this.#iso(startedAtMs),
      finishTime: this.#iso(this.nowMs),
      totalTime: Math.max(0, this.nowMs - startedAtMs),
    };
  }

  resetCount(step: string): void {
    this.#stepCount[step] = { visits: 0, startTime: this.#iso(this.nowMs), totalTime: 0 };
  }

  resetCounts(): void {
    for (const step of Object.keys(this.#stepCount)) this.resetCount(step);
  }

  setError(id: string, error: SerializedError, attempt: number): void {
    const step = this.branches[id]?.step ?? this.#nextStep ?? '';
    this.#lastError = { message: error.message, code: error.code, step, attempt, time: this.#iso(this.nowMs) };
    if (this.branches[id] !== undefined) this.replaceBranch(id, { error: this.#lastError });
  }

  /** A step that succeeded after all takes its error with it; one of another branch may still stand. */
  clearError(id: string): void {
    if (this.branches[id]!.error === null) return;
    this.replaceBranch(id, { error: null });
    this.#lastError = Object.values(this.branches).find((branch) => branch.error !== null)?.error ?? null;
  }

  stale(): WorkflowDecision {
    return { stale: true, instance: this.#instance, patch: {}, effects: [], record: null };
  }

  finish(): WorkflowDecision {
    const instance: WorkflowInstance = {
      ...this.#instance,
      control: {
        status: this.status,
        branches: this.branches,
        lastVisit: this.#lastVisit,
        nextStep: this.#nextStep,
        previousStep: this.previousStep,
        stepCount: this.#stepCount,
        parallelSteps: this.#parallelSteps,
        lastError: this.#lastError,
        updatedAtMs: this.nowMs,
        totalTime: this.#totalTime,
        children: [...this.children],
        ...(this.#ownsStatus() ? { ownsStatus: true } : {}),
      },
    };
    return { stale: false, instance, patch: this.patch, effects: this.effects, record: this.record };
  }

  /** A status that an app read and gives back unchanged is still ours. */
  #ownsStatus(): boolean {
    const { ownsStatus = false, status } = this.#instance.control;
    return ownsStatus || (this.patch.status !== undefined && this.patch.status !== status);
  }

  #iso(timeMs: number): string {
    return toIsoTime(timeMs);
  }
}

/** The control fields of an instance that has not begun. */
export function createControl(nowMs: number): WorkflowInstance['control'] {
  return {
    status: 'running',
    branches: {},
    lastVisit: 0,
    nextStep: null,
    previousStep: null,
    stepCount: {},
    parallelSteps: {},
    lastError: null,
    updatedAtMs: nowMs,
    totalTime: null,
    children: [],
  };
}
