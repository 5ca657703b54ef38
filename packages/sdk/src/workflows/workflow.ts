import { Emitter } from './emitter.ts';
import { callPlatform } from './platform-calls.ts';
import type {
  ForkOptions,
  SendEventOptions,
  StartOptions,
  StepDefinitions,
  StepFunction,
  StepOptions,
  WorkflowOptions,
  WorkflowState,
} from './types.ts';

/** The collection interface that a workflow needs of the datastore. */
interface WorkflowStore {
  open(): Promise<{
    findOneOrNull(collection: string, id: string): Promise<WorkflowState | null>;
    getMany(collection: string, query: object): { toArray(): Promise<WorkflowState[]> };
    replaceOne(collection: string, id: string, document: object): Promise<unknown>;
  }>;
}

export interface TimeoutReport {
  readonly isTimedOut: boolean;
  readonly step: string;
  readonly reason?: string;
  readonly runningTime?: number;
  readonly executionTime?: number;
  readonly timeout?: number;
  readonly startTime?: string;
  readonly currentTime?: string;
  readonly finishTime?: string;
  readonly timeoutSource?: string;
}

/** Of an instance of which no step runs. */
const restingStatuses = new Set(['waiting', 'failed', 'parked', 'completed', 'cancelled']);

const defaults = { timeout: 30_000, workers: 1, maxStepCount: 3, maxRetries: 3 };

/** A durable workflow: its steps run in the app, everything else in the gateway (docs/workflows.md). */
export class Workflow extends Emitter {
  readonly name: string;
  readonly description: string;
  readonly steps: StepDefinitions;
  readonly #store: WorkflowStore;
  #options: WorkflowOptions = {};

  constructor(
    name: string,
    description: string,
    steps: StepDefinitions,
    options: WorkflowOptions,
    store: WorkflowStore,
  ) {
    super();
    this.name = name;
    this.description = description;
    this.steps = steps;
    this.#store = store;
    this.configure(options);
  }

  /** Takes effect with the next deployment, when it is called before `app.init()` with this one. */
  configure(options: WorkflowOptions): this {
    this.#options = { ...this.#options, ...options, steps: { ...this.#options.steps, ...options.steps } };
    return this;
  }

  /** What the deployment declares about it. */
  describe(): object {
    return {
      name: this.name,
      description: this.description,
      steps: Object.keys(this.steps),
      options: this.#options,
      listens: this.eventNames(),
    };
  }

  // biome-ignore format: one accessor a line reads best as a table
  setCollectionName(collectionName: string): void { this.configure({ collectionName: requireText(collectionName, 'Collection name') }); }
  getCollectionName(): string {
    return this.#options.collectionName ?? 'workflowdata';
  }
  setQueuePrefix(queuePrefix: string): void {
    this.configure({ queuePrefix: requireText(queuePrefix, 'Queue prefix') });
  }
  getQueuePrefix(): string {
    return this.#options.queuePrefix ?? 'workflowqueue';
  }
  setTimeout(timeout: number): void {
    this.configure({ timeout: requirePositive(timeout, 'Timeout') });
  }
  getTimeout(): number {
    return this.#options.timeout ?? defaults.timeout;
  }
  setMaxStepCount(maxStepCount: number): void {
    this.configure({ maxStepCount: requirePositive(maxStepCount, 'Maximum step count') });
  }
  getMaxStepCount(): number {
    return this.#options.maxStepCount ?? defaults.maxStepCount;
  }
  setStepsConfig(steps: Record<string, StepOptions>): void {
    this.configure({ steps });
  }
  getStepsConfig(): Record<string, StepOptions> {
    return this.#options.steps ?? {};
  }
  setDefaultWorkers(workers: number): void {
    this.configure({ workers: requirePositive(workers, 'Workers') });
  }
  getDefaultWorkers(): number {
    return this.#options.workers ?? defaults.workers;
  }
  setDefaultTimeout(timeout: number): void {
    this.setTimeout(timeout);
  }
  getDefaultTimeout(): number {
    return this.getTimeout();
  }
  /** How often a failed step is tried again. */
  get retries(): number {
    return this.#options.maxRetries ?? defaults.maxRetries;
  }

  getWorkersForStep(step: string): number {
    return this.getStepsConfig()[step]?.workers ?? this.getDefaultWorkers();
  }
  getTimeoutForStep(step: string): number {
    return this.getStepsConfig()[step]?.timeout ?? this.getTimeout();
  }

  getDefinition(name: string, step: string): StepFunction {
    const fn = name === this.name ? this.steps[step] : undefined;
    if (fn === undefined) throw new Error(`No step function found for ${name} ${step}`);
    return fn;
  }

  validateStepDefinition(step: unknown): void {
    if (typeof step !== 'function') throw new Error('Step definition must be a function');
  }

  /** Starts an instance and resolves its document; `_id` is the id of the instance. */
  async start(initialState: object = {}, options: StartOptions = {}): Promise<WorkflowState> {
    this.emit('workflowStarted', { name: this.name, initialState });
    return callPlatform('workflow.start', {
      workflow: this.name,
      state: initialState,
      id: options.id ?? null,
      delayMs: options.delay ?? 0,
    });
  }

  /** Sets fields of an instance and, unless told otherwise, continues it. Resolves its document. */
  async updateState(
    instanceId: string,
    state: object,
    options: { readonly continue?: boolean } = { continue: true },
  ): Promise<WorkflowState> {
    this.emit('stepsStateUpdating', { name: this.name, instanceId, state });
    return callPlatform('workflow.update', { instanceId, state, continue: options.continue !== false });
  }

  /** Takes up an instance that waits, failed or is parked. Rejects when there is none, or it has ended. */
  async continue(instanceId: string, reset = false): Promise<{ instanceId: string }> {
    const { nextStep } = await callPlatform<{ nextStep: string }>('workflow.continue', { instanceId, reset });
    this.emit('workflowContinued', { name: this.name, step: nextStep, instanceId });
    return { instanceId };
  }

  /** Replaces the fields of an instance; those of the engine stay what they are. */
  async setState(instanceId: string, { _id, state }: { readonly _id?: string; readonly state: object }): Promise<void> {
    const store = await this.#store.open();
    await store.replaceOne(this.getCollectionName(), _id ?? instanceId, state);
  }

  /** The document of an instance. Rejects when there is none. */
  async getStepsStatus(instanceId: string): Promise<WorkflowState> {
    const store = await this.#store.open();
    const found = await store.findOneOrNull(this.getCollectionName(), instanceId);
    if (found === null) throw new Error(`No steps found with instanceId: ${instanceId}`);
    return found;
  }

  getWorkflowStatus(instanceId: string): Promise<WorkflowState> {
    return this.getStepsStatus(instanceId);
  }

  getState(instanceId: string): Promise<WorkflowState> {
    return this.getStepsStatus(instanceId);
  }

  async getInstances(filter: object = {}): Promise<WorkflowState[]> {
    const store = await this.#store.open();
    return store.getMany(this.getCollectionName(), filter).toArray();
  }

  /** No further step runs. Resolves the document. */
  async cancelSteps(instanceId: string): Promise<WorkflowState> {
    const document = await callPlatform<WorkflowState>('workflow.cancel', { instanceId });
    this.emit('cancelled', { id: instanceId });
    return document;
  }

  cancelWorkflow(instanceId: string): Promise<WorkflowState> {
    return this.cancelSteps(instanceId);
  }

  /** Gives an event to the instance (or key) that waits for it, or keeps it until one does. Resolves who got it. */
  async sendEvent(name: string, payload: unknown, options: SendEventOptions): Promise<{ deliveredTo: string | null }> {
    return callPlatform('workflow.send', {
      event: name,
      payload: payload === undefined ? null : payload,
      instanceId: options.instanceId ?? null,
      key: options.key ?? null,
      ttlMs: options.ttl ?? 0,
      id: options.id ?? null,
    });
  }

  /** What every step did: when, how often it was tried, with which result. */
  async getHistory(instanceId: string): Promise<object[]> {
    return callPlatform('workflow.history', { instanceId });
  }

  /** A new instance that goes on from an earlier step of this one. `from` is a step or the number of a history entry. */
  async fork(instanceId: string, from: string | number, options: ForkOptions = {}): Promise<WorkflowState> {
    return callPlatform('workflow.fork', {
      instanceId,
      from,
      patch: options.state ?? {},
      outcome:
        options.outcome === undefined ? null : { next: options.outcome.next, patch: options.outcome.state ?? {} },
      results: options.results ?? {},
      keepResults: options.keepResults !== false,
    });
  }

  /** By the engine's own status, whatever the app keeps in the field of that name. */
  async #listIds(status: string): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = null; ; ) {
      const page: { ids: string[]; next: string | null } = await callPlatform('workflow.instances', {
        workflow: this.name,
        status,
        after,
      });
      ids.push(...page.ids);
      if (page.next === null) return ids;
      after = page.next;
    }
  }

  isStepTimedOut(workflow: WorkflowState): TimeoutReport {
    const step = String(workflow.nextStep);
    const entry = workflow.nextStep ? workflow.stepCount?.[step] : undefined;
    if (entry === undefined) return { isTimedOut: false, reason: 'Step not found in workflow', step };
    const timeout = this.getTimeoutForStep(step);
    const started = Date.parse(entry.startTime);
    const timeoutSource = this.getStepsConfig()[step]?.timeout ? 'stepConfig' : 'globalTimeout';
    const shared = { timeout, step, startTime: entry.startTime as string, timeoutSource };
    if (entry.finishTime) {
      const executionTime = Date.parse(entry.finishTime) - started;
      return { isTimedOut: executionTime > timeout, executionTime, finishTime: entry.finishTime, ...shared };
    }
    const now = Date.now();
    const runningTime = now - started;
    const isTimedOut = !restingStatuses.has(String(workflow.status)) && runningTime > timeout;
    return { isTimedOut, runningTime, currentTime: new Date(now).toISOString(), ...shared };
  }

  async findTimedOutSteps(filter: object = {}): Promise<object[]> {
    const running = new Set(await this.#listIds('running'));
    const found = await this.getInstances({ ...filter, workflowName: this.name, nextStep: { $ne: null } });
    return found
      .filter((workflow) => running.has(workflow._id))
      .map((workflow) => ({
        workflowId: workflow._id,
        workflowName: workflow.workflowName,
        ...this.isStepTimedOut(workflow),
      }))
      .filter((report) => report.isTimedOut);
  }

  /** Continues what failed; an instance that waits or runs is left alone, since nothing of it can be lost. */
  async continueAllTimedOut(): Promise<{ instanceId: string }[]> {
    const continued: { instanceId: string }[] = [];
    // One after the other: there may be many, and each is a commit.
    for (const id of await this.#listIds('failed')) continued.push(await this.continue(id, true));
    return continued;
  }
}

function requireText(value: unknown, what: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw new Error(`${what} must be a non-empty string`);
}

function requirePositive(value: unknown, what: string): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new Error(`${what} must be a positive number`);
}
