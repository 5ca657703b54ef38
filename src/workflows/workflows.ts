import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { TaskLease } from '../core/task.ts';
import { clampDelayMs } from '../core/task.ts';
import { stepTopic, type WorkflowInstance, type WorkflowStatus } from '../core/workflow.ts';
import type { WorkflowOperation } from '../core/workflow-decide.ts';
import type { WorkflowDefinition } from '../core/workflow-definition.ts';
import type { TopicRef } from '../ports/storage/tasks.ts';
import type { HistoryEntry, StepReportResult, WorkflowChange, WorkflowView } from '../ports/storage/workflows.ts';
import type { ReadResult } from '../ports/storage.ts';
import type { Queues } from '../queues/queues.ts';
import { adoptWaiting, parkAll, parkedForOriginal } from './original-engine.ts';
import { createInstanceId, type StepRun, StepRunner } from './step-runner.ts';
import { StepTopics } from './step-topics.ts';

export interface WorkflowsOptions {
  readonly queues: Queues;
  runStep(run: StepRun): Promise<Json>;
  /** Tells listeners in the app that something happened; at most once, nothing depends on it. */
  emit(space: string, workflow: string, event: string, data: JsonObject): void;
  onWarning(space: string, message: string): void;
}

export interface ForkRequest {
  /** Entry of the history, or the name of a step: the last time that it ran. */
  readonly from: number | string;
  /** Laid over the state that the step was given; null removes a field. */
  readonly patch?: JsonObject;
  /** Take this as the outcome of the step instead of running it again. */
  readonly outcome?: { readonly next: string | readonly string[] | null; readonly patch: JsonObject } | null;
  /** Laid over what `run`, `sleep` and the like remember: name to result. */
  readonly memory?: JsonObject;
  /** Keep what the step remembered, so that `run` functions are not called again. Default true. */
  readonly keepMemory?: boolean;
}

export interface EventRequest {
  readonly event: string;
  readonly payload: Json;
  /** To one instance, or with `key` to whoever waits for (event, key). */
  readonly instanceId?: string | null;
  readonly key?: string | null;
  /** How long it is kept while nobody waits. Default 7 days. */
  readonly ttlMs?: number;
  /** The same id for the same address is delivered once. */
  readonly id?: string | null;
}

interface DeclaredSpace {
  readonly version: string | null;
  readonly definitions: ReadonlyMap<string, WorkflowDefinition>;
  /** Settles when the topics of the definitions are served. */
  readonly declared: Promise<void>;
  /** A bundle with the original library is live: its engine has the topics. */
  readonly isForeign: boolean;
}

const system = { lane: { lane: 'system' } } as const;
const eventTtlMs = 7 * 86_400_000;
const unparkedAtOnce = 200;

/** Durable workflows: instances of what the live deployments declare. One per gateway. */
export class Workflows {
  readonly #options: WorkflowsOptions;
  readonly #queues: Queues;
  readonly #topics: StepTopics;
  readonly #spaces = new Map<string, DeclaredSpace>();

  constructor(options: WorkflowsOptions) {
    this.#options = options;
    this.#queues = options.queues;
    const runner = new StepRunner({
      queues: options.queues,
      runStep: (run) => options.runStep(run),
      findDefinition: (space, workflow) => this.#spaces.get(space)?.definitions.get(workflow) ?? null,
      liveVersion: (space) => this.#spaces.get(space)?.version ?? null,
      onApplied: (space, instance, result) => this.#noteApplied(space, instance, result),
      onWarning: (space, message) => options.onWarning(space, message),
    });
    this.#topics = new StepTopics(options.queues, runner);
  }

  /**
   * Takes the workflows of a deployment that just went live. `version` null: there is none any more; instances stay where
   * they are, as the tasks of workers do, and go on with the next deployment.
   */
  async declare(
    space: string,
    definitions: readonly WorkflowDefinition[],
    version: string | null,
    { isForeign = false } = {},
  ): Promise<void> {
    const { promise: declared, resolve } = Promise.withResolvers<void>();
    const byName = new Map(definitions.map((definition) => [definition.name, definition]));
    this.#spaces.set(space, { version, definitions: byName, declared, isForeign });
    try {
      await this.#topics.declare(space, definitions, { orphans: version !== null });
    } finally {
      resolve();
    }
    for (const { name, steps } of definitions) await this.#unpark(space, name, steps);
  }

  /**
   * A deployment with the original library goes live, whose engine names its topics alike: no instance of ours goes on from
   * now on, and none of their tasks is left in the queue. Those that had not ended are parked.
   */
  async yieldTo(space: string, version: string): Promise<void> {
    this.#spaces.set(space, { version, definitions: new Map(), declared: Promise.resolve(), isForeign: true });
    // What was on its way to another status while one was listed is found by looking again.
    const isLeft = async (statuses: readonly WorkflowStatus[]): Promise<boolean> =>
      (await this.report(space)).some(({ status }) => statuses.includes(status));
    if (!(await isLeft(['running', 'waiting', 'failed']))) return;
    do {
      for (const status of ['running', 'waiting', 'failed'] as const) await parkAll(this.#queues, space, status);
    } while (await isLeft(['running', 'waiting']));
  }

  /** Leaves topics to workers of a deployment with the original library, whose engine names them alike. */
  release(space: string, topicNames: readonly string[]): Promise<void> {
    return this.#topics.release(space, topicNames);
  }

  /** Knows nothing more of a space that is being removed. */
  forgetSpace(space: string): void {
    this.#spaces.delete(space);
    this.#topics.forget(space);
  }

  definitions(space: string): readonly WorkflowDefinition[] {
    return [...(this.#spaces.get(space)?.definitions.values() ?? [])];
  }

  /** Rejects with `not_found` (no such workflow), `duplicate_id`, `schema_violation`. Resolves the document as JSON text. */
  async start(
    space: string,
    workflow: string,
    state: JsonObject,
    options: { readonly id?: string; readonly delayMs?: number; readonly leases?: readonly TaskLease[] } = {},
  ): Promise<string> {
    this.#queues.requireOpen(space);
    const definition = this.#require(space, workflow);
    const id = options.id ?? createInstanceId(this.#queues.clock.now());
    const plans = this.#queues.dispatcher.planClaims([{ space, topic: stepTopic(definition, definition.steps[0]!) }]);
    try {
      const [, change, claims] = await this.#queues.dispatcher.guard('start', () =>
        this.#queues.storage.commit(
          [
            { kind: 'task.fence', leases: options.leases ?? [] },
            {
              kind: 'workflow.start',
              instance: {
                space,
                id,
                name: definition.name,
                collection: definition.collection,
                queuePrefix: definition.queuePrefix,
                maxStepCount: definition.maxStepCount,
                version: definition.versioning === 'pinned' ? (this.#spaces.get(space)?.version ?? null) : null,
                parent: null,
              },
              step: definition.steps[0]!,
              state,
              delayMs: clampDelayMs(options.delayMs),
              nowMs: this.#queues.clock.now(),
            },
            this.#queues.dispatcher.claimCommand(plans),
          ],
          { lane: { lane: 'space', space } },
        ),
      );
      this.#noteTopics(change.topics);
      this.#queues.dispatcher.takeClaims(plans, claims);
      return change.document;
    } catch (error) {
      this.#queues.dispatcher.takeClaims(plans, null);
      throw error;
    }
  }

  /** Takes up an instance that waits, failed or is parked. Rejects with `not_found`, `conflict` when it has ended. */
  async continue(space: string, id: string, reset: boolean): Promise<void> {
    await this.#apply(space, id, { type: 'continue', reset });
  }

  /** Sets user fields; resolves the document as JSON text. */
  async updateState(space: string, id: string, patch: JsonObject, continues: boolean): Promise<string> {
    return (await this.#apply(space, id, { type: 'update', patch, continue: continues })).document;
  }

  /** No further step runs; a step that is running cannot commit any more. */
  async cancel(space: string, id: string, reason: string | null = null): Promise<string> {
    const change = await this.#apply(space, id, { type: 'cancel', reason });
    for (const { instance } of await this.#viewsOf(space, change.ended)) this.#abortSteps(space, instance);
    return change.document;
  }

  /** Answers the id of the instance that got it, or null when it is kept for whoever asks first. */
  async send(space: string, request: EventRequest): Promise<string | null> {
    this.#queues.requireOpen(space);
    const nowMs = this.#queues.clock.now();
    const [result, claims] = await this.#queues.dispatcher.guard('event', () =>
      this.#queues.storage.commit(
        [
          {
            kind: 'workflow.send',
            space,
            event: request.event,
            key: request.key ?? null,
            instanceId: request.instanceId ?? null,
            payload: request.payload,
            expiresAtMs: nowMs + (clampDelayMs(request.ttlMs) || eventTtlMs),
            dedupeId: request.id ?? null,
            nowMs,
          },
          this.#queues.dispatcher.claimCommand([]),
        ],
        { lane: { lane: 'space', space } },
      ),
    );
    this.#noteTopics(result.topics);
    this.#queues.dispatcher.takeClaims([], claims);
    return result.delivered;
  }

  /** Keeps the result of `run(name, fn)` in the step that holds `lease`. */
  async remember(
    space: string,
    request: {
      readonly id: string;
      readonly lease: TaskLease;
      readonly visit: number;
      readonly memo: string;
      readonly value: Json;
    },
  ): Promise<void> {
    await this.#queues.dispatcher.guard('remember', () =>
      this.#queues.storage.commit([{ kind: 'workflow.remember', space, ...request }], {
        lane: { lane: 'space', space },
      }),
    );
  }

  /** Rejects with `not_found`. */
  async get(space: string, id: string): Promise<WorkflowView> {
    const view = await this.#queues.storage.read({ kind: 'workflow.get', space, id });
    if (view === null) throw new TackleError('not_found', `No steps found with instanceId: ${id}`);
    return view;
  }

  list(params: {
    readonly space: string;
    readonly name?: string;
    readonly status?: WorkflowStatus;
    readonly limit: number;
    readonly after?: string;
  }): Promise<readonly WorkflowInstance[]> {
    return this.#queues.storage.read({ kind: 'workflow.list', ...params });
  }

  async history(space: string, id: string): Promise<readonly HistoryEntry[]> {
    await this.get(space, id);
    return this.#queues.storage.read({ kind: 'workflow.history', space, id });
  }

  /** How many instances stand at which step. */
  report(space: string, name?: string): Promise<ReadResult<'workflow.report'>> {
    return this.#queues.storage.read({ kind: 'workflow.report', space, ...(name === undefined ? {} : { name }) });
  }

  /**
   * How many instances stand at steps that the live deployment does not have: they are parked when their turn comes. Those of
   * pinned workflows are left out, they have deployments of their own.
   */
  async listStranded(space: string): Promise<{ workflow: string; step: string; count: number }[]> {
    const definitions = this.#spaces.get(space)?.definitions;
    const stranded: { workflow: string; step: string; count: number }[] = [];
    for (const { name, status, step, count } of await this.report(space)) {
      const definition = definitions?.get(name);
      const isOpen = step !== null && (status === 'running' || status === 'waiting' || status === 'parked');
      if (!isOpen || definition?.versioning === 'pinned' || definition?.steps.includes(step) === true) continue;
      stranded.push({ workflow: name, step, count });
    }
    return stranded;
  }

  /** Deployments that must be kept because instances are bound to them. */
  async usedVersions(space: string): Promise<readonly string[]> {
    const rows = await this.#queues.storage.read({ kind: 'workflow.versions', space });
    return rows.map(({ version }) => version);
  }

  /** A new instance that goes on from an earlier step of another one. Resolves its document as JSON text. */
  async fork(space: string, id: string, request: ForkRequest): Promise<string> {
    this.#queues.requireOpen(space);
    this.#refuseForeign(space);
    const view = await this.get(space, id);
    const number = typeof request.from === 'number' ? request.from : await this.#findEntry(space, id, request.from);
    const definition = this.#require(space, view.instance.name);
    const [change, claims] = await this.#queues.dispatcher.guard('change', () =>
      this.#queues.storage.commit(
        [
          {
            kind: 'workflow.fork',
            from: { space, id },
            number,
            id: createInstanceId(this.#queues.clock.now()),
            patch: request.patch ?? {},
            outcome: request.outcome ?? null,
            memory: request.memory ?? {},
            keepMemory: request.keepMemory ?? true,
            version: definition.versioning === 'pinned' ? view.instance.version : null,
            nowMs: this.#queues.clock.now(),
          },
          this.#queues.dispatcher.claimCommand([]),
        ],
        { lane: { lane: 'space', space } },
      ),
    );
    this.#noteTopics(change.topics);
    this.#queues.dispatcher.takeClaims([], claims);
    return change.document;
  }

  async #findEntry(space: string, id: string, step: string): Promise<number> {
    const history = await this.#queues.storage.read({ kind: 'workflow.history', space, id });
    const entry = history.findLast((candidate) => candidate.step === step && candidate.branch === '');
    if (entry !== undefined) return entry.number;
    throw new TackleError('not_found', `The instance ${id} has not run the step "${step}" outside of a fork.`);
  }

  #require(space: string, workflow: string): WorkflowDefinition {
    const definition = this.#spaces.get(space)?.definitions.get(workflow);
    if (definition !== undefined) return definition;
    if ((this.#spaces.get(space)?.version ?? null) === null) {
      throw new TackleError('not_found', 'No app is deployed in this space.');
    }
    throw new TackleError('not_found', `The app that is deployed has no workflow "${workflow}".`);
  }

  async #apply(
    space: string,
    id: string,
    operation: Extract<WorkflowOperation, { type: 'continue' | 'update' | 'cancel' }>,
  ): Promise<WorkflowChange> {
    const goesOn = operation.type === 'continue' || (operation.type === 'update' && operation.continue);
    if (goesOn) this.#refuseForeign(space);
    try {
      return await this.#applyOnce(space, id, operation);
    } catch (error) {
      const isUnknown = error instanceof TackleError && error.code === 'not_found';
      if (!isUnknown || !(await this.#adopt(space, id))) throw error;
      return this.#applyOnce(space, id, operation);
    }
  }

  #refuseForeign(space: string): void {
    if (this.#spaces.get(space)?.isForeign === true) throw new TackleError('conflict', parkedForOriginal);
  }

  /** Takes over an instance that the original library's engine left in `wait`. False when there is none. */
  async #adopt(space: string, id: string): Promise<boolean> {
    for (const definition of this.definitions(space)) {
      if (await this.adoptWaiting(space, definition, [id])) return true;
    }
    return false;
  }

  /** Gives documents that the original library's engine left in `wait` an instance here. True when one was taken over. */
  adoptWaiting(space: string, definition: WorkflowDefinition, ids: readonly string[]): Promise<boolean> {
    return adoptWaiting(this.#queues, {
      space,
      definition,
      ids,
      liveVersion: this.#spaces.get(space)?.version ?? null,
    });
  }

  async #applyOnce(
    space: string,
    id: string,
    operation: Extract<WorkflowOperation, { type: 'continue' | 'update' | 'cancel' }>,
  ): Promise<WorkflowChange> {
    this.#queues.requireOpen(space);
    const [change, claims] = await this.#queues.dispatcher.guard('change', () =>
      this.#queues.storage.commit(
        [
          { kind: 'workflow.apply', space, id, operation, nowMs: this.#queues.clock.now() },
          this.#queues.dispatcher.claimCommand([]),
        ],
        { lane: { lane: 'space', space } },
      ),
    );
    this.#noteTopics(change.topics);
    this.#queues.dispatcher.takeClaims([], claims);
    return change;
  }

  #noteTopics(topics: readonly TopicRef[]): void {
    this.#queues.dispatcher.notify(topics);
    for (const topic of topics) if (!this.#queues.hasHandler(topic)) void this.#serveLate(topic);
  }

  /** Steps of older deployments have topics that no definition names; they are served as soon as they get a task. */
  async #serveLate(topic: TopicRef): Promise<void> {
    try {
      const declared = this.#spaces.get(topic.space);
      await declared?.declared;
      if (declared !== undefined && declared.version !== null) await this.#topics.serveLate(topic);
    } catch (error) {
      this.#options.onWarning(topic.space, `The step topic "${topic.topic}" could not be served: ${String(error)}`);
    }
  }

  async #unpark(space: string, name: string, steps: readonly string[]): Promise<void> {
    for (;;) {
      const [{ count, topics }] = await this.#queues.storage.commit(
        [{ kind: 'workflow.unpark', space, name, steps, limit: unparkedAtOnce, nowMs: this.#queues.clock.now() }],
        system,
      );
      this.#noteTopics(topics);
      if (count < unparkedAtOnce) return;
    }
  }

  #noteApplied(
    space: string,
    instance: WorkflowInstance,
    result: Extract<StepReportResult, { type: 'applied' }>,
  ): void {
    this.#noteTopics(result.topics);
    const definition = this.#spaces.get(space)?.definitions.get(instance.name);
    const isCompleted = result.status === 'completed' && result.ended.includes(instance.id);
    if (isCompleted && definition?.listens.includes('completed') === true) {
      this.#options.emit(space, instance.name, 'completed', JSON.parse(result.document) as JsonObject);
    }
  }

  async #viewsOf(space: string, ids: readonly string[]): Promise<WorkflowView[]> {
    const views = await Promise.all(ids.map((id) => this.#queues.storage.read({ kind: 'workflow.get', space, id })));
    return views.filter((view) => view !== null);
  }

  /** Tells running steps of a cancelled instance to stop; their lease is gone already. */
  #abortSteps(space: string, instance: WorkflowInstance): void {
    for (const step of Object.keys(instance.control.stepCount)) {
      const consumer = this.#queues.dispatcher.find({ space, topic: stepTopic(instance, step) });
      consumer?.abortTasksOf(instance.id);
    }
  }
}
