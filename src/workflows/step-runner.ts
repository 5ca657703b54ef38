import { randomInt } from 'node:crypto';
import { serializeError, TackleError } from '../core/errors.ts';
import { isPlainObject, type Json, type JsonObject } from '../core/json.ts';
import { ObjectIds } from '../core/object-id.ts';
import type { AttemptOutcome, TaskLease } from '../core/task.ts';
import { describeControl, isEnded, type StepOutcome, stepTopic, type WorkflowInstance } from '../core/workflow.ts';
import type { WorkflowDefinition } from '../core/workflow-definition.ts';
import type { CancelSource } from '../ports/sandbox.ts';
import type { ClaimedTask, TopicRef } from '../ports/storage/tasks.ts';
import type { StepReport, StepReportResult, WorkflowView } from '../ports/storage/workflows.ts';
import type { Queues } from '../queues/queues.ts';
import { type RunContext, type RunResult, toOutcome } from '../queues/topic-consumer.ts';
import { readStepAnswer, type StepAnswer } from './step-answer.ts';
import { commitStepWithWrites } from './step-writes.ts';

/** One run of a step in the app. */
export interface StepRun {
  readonly space: string;
  /** Deployment that must run it; null for the live one. */
  readonly version: string | null;
  readonly workflow: string;
  readonly step: string;
  readonly input: {
    readonly instanceId: string;
    /** The whole document, control fields included. */
    readonly state: JsonObject;
    readonly visit: number;
    /** 1 for the first try of this visit. */
    readonly attempt: number;
    /** What earlier tries of this visit remembered, by name. */
    readonly memory: JsonObject;
  };
  readonly lease: TaskLease;
  readonly timeoutMs: number;
  readonly signal: CancelSource;
}

export interface StepRunnerOptions {
  readonly queues: Queues;
  /** Runs the step function in the app. Rejects with the app's error, or `app_crashed`, `app_timeout` and the like. */
  runStep(run: StepRun): Promise<Json>;
  findDefinition(space: string, workflow: string): WorkflowDefinition | null;
  liveVersion(space: string): string | null;
  onApplied(space: string, instance: WorkflowInstance, result: Extract<StepReportResult, { type: 'applied' }>): void;
  onWarning(space: string, message: string): void;
}

interface StepPayload {
  readonly stepsName?: string;
  readonly instanceId: string;
  readonly branch: string;
  readonly visit: number;
  readonly timer?: boolean;
}

/** How often a step is run again at once because others changed what its transaction had read. */
const mostConflicts = 5;

const system = { lane: { lane: 'system' } } as const;

/** The handler of every step topic: loads the instance, has the app run the step, and reports how it ended. */
export class StepRunner {
  readonly #options: StepRunnerOptions;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  async run(task: ClaimedTask, context: RunContext, conflicts = 0): Promise<RunResult> {
    const payload = readPayload(task.payload);
    if (payload === null) return this.#adopt(task);
    if (payload.timer === true) return this.#fireTimer(task, payload);
    const { storage, clock } = this.#options.queues;
    const { visit } = payload;
    const read = { kind: 'workflow.load', steps: [this.#refOf(task, payload)] } as const;
    // Only the first attempt begins a visit, which remembers nothing.
    const [loaded] = (task.attempt === 1 ? storage.readKept?.(read) : undefined) ?? (await storage.read(read));
    const view = loaded?.view;
    const branch = view?.instance.control.branches[payload.branch];
    // Whoever comes too late, or for an instance that ended, has nothing to do; that is no error.
    if (view === undefined || branch?.ticket !== task.seq || isEnded(view.instance.control.status)) {
      return { type: 'done' };
    }
    const startedAtMs = clock.now();
    const reporter = new StepReporter(this.#options, { task, view, branch: payload.branch, startedAtMs, context });
    const definition = this.#options.findDefinition(task.space, view.instance.name);
    if (view.instance.version === null && definition?.steps.includes(branch.step) !== true) {
      return reporter.report({ type: 'unknown-step', step: branch.step, next: null, patch: {} });
    }
    if (view.document === null) return reporter.report({ type: 'wait', patch: {} });
    const run = { task, view, step: branch.step, visit, memory: loaded!.memory, context, conflicts };
    return this.#runInApp(run, view.document, reporter);
  }

  #refOf({ space }: ClaimedTask, { instanceId: id, visit, stepsName }: StepPayload) {
    const collection = this.#options.findDefinition(space, stepsName ?? '')?.collection;
    return { space, id, visit, ...(collection === undefined ? {} : { collection }) };
  }

  async #runInApp(
    run: {
      readonly task: ClaimedTask;
      readonly view: WorkflowView;
      readonly step: string;
      readonly visit: number;
      readonly memory: JsonObject;
      readonly context: RunContext;
      readonly conflicts: number;
    },
    document: string,
    reporter: StepReporter,
  ): Promise<RunResult> {
    const { task, view, context } = run;
    let answer: StepAnswer;
    try {
      const output = await this.#options.runStep({
        space: task.space,
        version: view.instance.version,
        workflow: view.instance.name,
        step: run.step,
        input: {
          instanceId: view.id,
          state: this.#readState(task.space, view.instance, document),
          visit: run.visit,
          attempt: task.failures + 1,
          memory: run.memory,
        },
        lease: { seq: task.seq, attempt: task.attempt },
        timeoutMs: context.timeoutMs,
        signal: context.signal,
      });
      answer = readStepAnswer(output);
    } catch (error) {
      return reporter.reportFailure(toOutcome(error));
    }
    const result = reporter.reportAnswer(answer);
    const writes = answer.type === 'goto' || answer.type === 'wait' ? answer.writes : null;
    if (writes === null || result.type !== 'report') return result;
    try {
      return await commitStepWithWrites(this.#options.queues, task, result, writes);
    } catch (error) {
      if (!(error instanceof TackleError) || error.status >= 500) {
        // It may have been written: then the task is settled, and giving it back changes nothing.
        this.#options.queues.dispatcher.onError('A step could not be written; it is given back', error);
        return { type: 'released' };
      }
      if (error.code === 'lease_lost') return { type: 'done' };
      const mayRunAgain = error.code === 'conflict' && run.conflicts < mostConflicts && !context.signal.aborted;
      if (mayRunAgain) return this.run(task, context, run.conflicts + 1);
      return reporter.reportFailure({ type: 'failed', error: serializeError(error), retryable: true });
    }
  }

  /** The document, with the control fields as the row has them: what an app wrote there has no effect. */
  #readState(space: string, instance: WorkflowInstance, document: string): JsonObject {
    const state = JSON.parse(document) as JsonObject;
    const { nextStep, status } = instance.control;
    if (state.nextStep === nextStep && state.status === status) return state;
    this.#options.onWarning(
      space,
      `Control fields of the workflow instance ${instance.id} were changed in its document; that has no effect.`,
    );
    return { ...state, ...describeControl(instance) };
  }

  /** A task that the original library's engine left: its instance goes on here (foundations 11). */
  async #adopt(task: ClaimedTask): Promise<RunResult> {
    const { findDefinition, liveVersion, queues } = this.#options;
    const original = readOriginalPayload(task.payload);
    const definition = original === null ? null : findDefinition(task.space, original.stepsName);
    if (original === null || definition === null || stepTopic(definition, original.goto) !== task.topic) {
      return { type: 'failed', error: notOurs(task), retryable: false };
    }
    const { name, collection, queuePrefix, maxStepCount, versioning } = definition;
    const version = versioning === 'pinned' ? liveVersion(task.space) : null;
    const instance = { name, collection, queuePrefix, maxStepCount, version, parent: null };
    try {
      const [change] = await queues.dispatcher.guard('change', () =>
        queues.storage.commit(
          [
            {
              kind: 'workflow.adopt',
              instance: { space: task.space, id: original.instanceId, ...instance },
              step: original.goto,
              state: original.state,
              lease: { seq: task.seq, attempt: task.attempt },
              nowMs: queues.clock.now(),
            },
          ],
          system,
        ),
      );
      if (change !== null) queues.dispatcher.notify(change.topics);
      return { type: 'settled' };
    } catch (error) {
      if (!(error instanceof TackleError) || error.status >= 500) throw error;
      return { type: 'failed', error: serializeError(error), retryable: false };
    }
  }

  /** A wait took too long. The timer's own task is settled in the commit that tells the instance. */
  async #fireTimer(task: ClaimedTask, { instanceId, branch }: StepPayload): Promise<RunResult> {
    const { queues } = this.#options;
    const nowMs = queues.clock.now();
    const settlements = [{ seq: task.seq, attempt: task.attempt, settlement: { type: 'done' } as const }];
    try {
      const [change] = await queues.dispatcher.guard('timer', () =>
        queues.storage.commit(
          [
            {
              kind: 'workflow.apply',
              space: task.space,
              id: instanceId,
              operation: { type: 'timer', branch, ticket: task.seq },
              nowMs,
            },
            { kind: 'task.settle', settlements, nowMs },
          ],
          system,
        ),
      );
      queues.dispatcher.notify(change.topics);
      return { type: 'settled' };
    } catch (error) {
      if (error instanceof TackleError && error.code === 'not_found') return { type: 'done' };
      throw error;
    }
  }
}

interface StepInProgress {
  readonly task: ClaimedTask;
  readonly view: WorkflowView;
  readonly branch: string;
  readonly startedAtMs: number;
  readonly context: RunContext;
}

/** Turns what a step answered into the report that the queue commits. */
class StepReporter {
  readonly #options: StepRunnerOptions;
  readonly #step: StepInProgress;
  #hasFailed = false;

  constructor(options: StepRunnerOptions, step: StepInProgress) {
    this.#options = options;
    this.#step = step;
  }

  reportAnswer(answer: StepAnswer): RunResult {
    switch (answer.type) {
      case 'goto':
        return this.#reportGoto(answer);
      case 'wait':
        return this.report(answer);
      case 'sleep':
      case 'event':
        return this.report({ type: 'suspend', request: answer });
      case 'child':
        return this.#reportChild(answer);
      case 'failed':
        return this.reportFailure({
          type: 'failed',
          error: { code: 'internal', message: answer.message },
          retryable: answer.retryable,
        });
    }
  }

  /** Retries are decided by the queue's policy; the instance is told which way it went. */
  reportFailure(outcome: AttemptOutcome): RunResult {
    if (outcome.type === 'released' || outcome.type === 'done') return outcome;
    this.#hasFailed = true;
    const settlement = this.#step.context.decide(this.#step.task, outcome);
    if (settlement.type === 'release') return { type: 'released' };
    const type = settlement.type === 'dead' ? 'failed' : 'retrying';
    return this.#build({ type, error: outcome.error }, settlement, []);
  }

  report(outcome: StepOutcome): RunResult {
    return this.#build(outcome, { type: 'done' }, []);
  }

  #reportGoto(answer: Extract<StepAnswer, { type: 'goto' }>): RunResult {
    const { task, view } = this.#step;
    const { instance } = view;
    const steps = answer.next === null ? [] : typeof answer.next === 'string' ? [answer.next] : answer.next;
    const definition = this.#options.findDefinition(task.space, instance.name);
    const unknown =
      instance.version === null ? steps.find((step) => definition?.steps.includes(step) !== true) : undefined;
    if (unknown !== undefined) {
      return this.report({ type: 'unknown-step', step: unknown, next: answer.next, patch: answer.patch });
    }
    const nextTopics = steps.map((step) => ({ space: task.space, topic: stepTopic(instance, step) }));
    return this.#build(answer, { type: 'done' }, nextTopics);
  }

  #reportChild(answer: Extract<StepAnswer, { type: 'child' }>): RunResult {
    const { space } = this.#step.task;
    const definition = this.#options.findDefinition(space, answer.workflow);
    if (definition === null) {
      const message = `There is no workflow "${answer.workflow}" in this app to start as a child.`;
      return this.reportFailure({ type: 'failed', error: { code: 'not_found', message }, retryable: false });
    }
    const childId = createInstanceId(this.#options.queues.clock.now());
    return this.#build(
      {
        type: 'suspend',
        request: { type: 'child', memo: answer.memo, childId },
        child: {
          workflow: definition.name,
          collection: definition.collection,
          queuePrefix: definition.queuePrefix,
          maxStepCount: definition.maxStepCount,
          version: definition.versioning === 'pinned' ? this.#options.liveVersion(space) : null,
          firstStep: definition.steps[0]!,
          input: answer.input,
        },
      },
      { type: 'done' },
      [],
    );
  }

  #build(outcome: StepOutcome, settlement: StepReport['settlement'], nextTopics: readonly TopicRef[]): RunResult {
    const { task, view, branch, startedAtMs } = this.#step;
    const lease = { seq: task.seq, attempt: task.attempt };
    return {
      type: 'report',
      report: {
        space: task.space,
        id: view.id,
        branch,
        onlyIn: mayConcernOthers(view.instance, outcome) ? null : view.instance.collection,
        lease,
        startedAtMs,
        outcome,
        settlement,
      },
      nextTopics,
      onResult: (result) => this.#acceptResult(result),
    };
  }

  #acceptResult(result: StepReportResult): RunResult | null {
    const { task, view } = this.#step;
    if (result.type === 'applied') {
      this.#options.onApplied(task.space, view.instance, result);
      return null;
    }
    if (result.type === 'stale') return null;
    // Not even the failure can be written into the document: the task says why, in the dead-letter list.
    if (this.#hasFailed) return { type: 'failed', error: result.error, retryable: false };
    return this.reportFailure({ type: 'failed', error: result.error, retryable: true });
  }
}

/** Parents are told of an end, children are started and cancelled; and other branches may start some meanwhile. */
function mayConcernOthers({ parent, control }: WorkflowInstance, outcome: StepOutcome): boolean {
  if (parent !== null || control.children.length > 0 || outcome.type === 'suspend') return true;
  return Object.keys(control.branches).length > 1;
}

const instanceIds = new ObjectIds(randomInt(2 ** 30));

/** 24 lower-case hex digits that grow with time, like every generated `_id`: rows of one time lie beside each other. */
export function createInstanceId(nowMs: number): string {
  return instanceIds.create(nowMs);
}

function readPayload(text: string): StepPayload | null {
  const payload = JSON.parse(text) as Partial<StepPayload> | null;
  const isOurs = typeof payload?.instanceId === 'string' && typeof payload.branch === 'string';
  return isOurs && typeof payload.visit === 'number' ? (payload as StepPayload) : null;
}

interface OriginalPayload {
  readonly stepsName: string;
  readonly goto: string;
  readonly instanceId: string;
  readonly state: JsonObject;
}

/** What the engine of the original library puts into the topic of a step (spec 8.2). */
function readOriginalPayload(text: string): OriginalPayload | null {
  const payload: unknown = JSON.parse(text);
  if (!isPlainObject(payload)) return null;
  const { stepsName, goto, instanceId, state } = payload as JsonObject;
  if (typeof stepsName !== 'string' || typeof goto !== 'string' || typeof instanceId !== 'string') return null;
  return { stepsName, goto, instanceId, state: isPlainObject(state) ? (state as JsonObject) : {} };
}

function notOurs(task: ClaimedTask): ReturnType<typeof serializeError> {
  return serializeError(
    new TackleError(
      'invalid_request',
      `The task ${task.id} in the step topic "${task.topic}" was not made by the engine.`,
    ),
  );
}
