import { runStep, type StepAnswer } from '../workflows/run-step.ts';
import type { JsonValue, StepFunction } from '../workflows/types.ts';
import type { TestWrites } from './test-store.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What stands in for a step: the fields and target it would give, or an error. */
export type StepMock = { readonly next: string | readonly string[] | null; readonly state?: object } | Error;

export interface TestInstance {
  readonly id: string;
  readonly workflow: string;
  status: 'running' | 'waiting' | 'completed' | 'cancelled' | 'failed';
  state: Record<string, unknown>;
  readonly history: { readonly step: string; readonly outcome: string; readonly next: unknown }[];
  lastError: string | null;
}

/** The workflows of an app, as `app` of the SDK holds them. */
export interface WorkflowsUnderTest {
  find(name: string): {
    readonly steps: Record<string, StepFunction>;
    getTimeoutForStep(step: string): number;
    readonly retries: number;
  } | null;
}

export interface TestWorkflowsOptions {
  readonly clock: VirtualClock;
  /** Told of work that has begun, so that the test can wait for it. */
  track(work: Promise<unknown>): void;
  /** Writes what a step's transactions hold; false when something that they read was changed meanwhile. */
  commit(writes: TestWrites): boolean;
}

/** As in the gateway. */
const mostConflicts = 5;

interface Branch {
  readonly group: ForkGroup | null;
  /** What its step remembers, by name; `visit` is the address under which it is found. */
  readonly memory: Record<string, never>;
  readonly visit: number;
}

interface ForkGroup {
  readonly parent: Branch;
  open: number;
  target: string | null;
}

interface Waiter {
  readonly event: string;
  readonly wake: (payload: JsonValue) => void;
}

/** Runs the steps of instances, as the gateway does it, but in memory and under the clock of the test. */
export class TestWorkflows {
  readonly #workflows: WorkflowsUnderTest;
  readonly #options: TestWorkflowsOptions;
  readonly #instances = new Map<string, TestInstance>();
  readonly #mocks = new Map<string, StepMock>();
  readonly #timeouts = new Set<string>();
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #events = new Map<string, JsonValue[]>();
  readonly #branches = new Map<number, Branch>();
  /** What each instance that called `wait` goes on with. */
  readonly #waiting = new Map<string, () => void>();
  #skipsSleeps = false;

  constructor(workflows: WorkflowsUnderTest, options: TestWorkflowsOptions) {
    this.#workflows = workflows;
    this.#options = options;
  }

  mockStep(workflow: string, step: string, mock: StepMock): void {
    this.#mocks.set(`${workflow}/${step}`, mock);
  }

  skipSleeps(): void {
    this.#skipsSleeps = true;
  }

  forceTimeout(workflow: string, step: string): void {
    this.#timeouts.add(`${workflow}/${step}`);
  }

  start(workflow: string, state: object = {}): TestInstance {
    const steps = this.stepsOf(workflow);
    const id = (this.#instances.size + 1).toString(16).padStart(24, '0');
    const instance: TestInstance = {
      id,
      workflow,
      status: 'running',
      state: { ...state, _id: id },
      history: [],
      lastError: null,
    };
    this.#instances.set(id, instance);
    this.#enter(instance, Object.keys(steps)[0]!, this.#branch(null), 0);
    return instance;
  }

  get(id: string): TestInstance {
    const found = this.#instances.get(id);
    if (found === undefined) throw new Error(`There is no instance ${id} in this test`);
    return found;
  }

  /** Sets fields and, unless told otherwise, runs the step again that called `wait`. */
  updateState(instanceId: string, state: object, options: { readonly continue?: boolean } = {}): TestInstance {
    const instance = this.get(instanceId);
    Object.assign(instance.state, state);
    return options.continue === false ? instance : this.continue(instanceId);
  }

  /** Runs the step again that called `wait`; throws when the instance has ended. */
  continue(instanceId: string): TestInstance {
    const instance = this.get(instanceId);
    if (instance.status === 'completed' || instance.status === 'cancelled') {
      throw new Error(`Workflow ${instanceId} has ended (${instance.status}) and cannot be continued`);
    }
    const goOn = this.#waiting.get(instanceId);
    this.#waiting.delete(instanceId);
    goOn?.();
    return instance;
  }

  /** No further step of the instance runs. */
  cancel(instanceId: string): TestInstance {
    const instance = this.get(instanceId);
    if (instance.status === 'completed')
      throw new Error(`Workflow ${instanceId} has completed and cannot be cancelled`);
    instance.status = 'cancelled';
    return instance;
  }

  /** For the step that waits for it; kept when none does yet. */
  sendEvent(instanceId: string, event: string, payload: JsonValue = null): void {
    const waiters = this.#waiters.get(instanceId) ?? [];
    const index = waiters.findIndex((waiter) => waiter.event === event);
    if (index >= 0) waiters.splice(index, 1)[0]?.wake(payload);
    else this.#events.set(`${instanceId}/${event}`, [...(this.#events.get(`${instanceId}/${event}`) ?? []), payload]);
  }

  /** What a step asked to have remembered, for its later attempts. */
  remember(visit: number, memo: string, value: JsonValue): void {
    Object.assign(this.#branches.get(visit)?.memory ?? {}, { [memo]: value });
  }

  stepsOf(workflow: string): Record<string, StepFunction> {
    const found = this.#workflows.find(workflow);
    if (found === null) throw new Error(`The app has no workflow "${workflow}"`);
    return found.steps;
  }

  #branch(group: ForkGroup | null): Branch {
    const branch: Branch = { group, memory: {}, visit: this.#branches.size + 1 };
    this.#branches.set(branch.visit, branch);
    return branch;
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs <= 0 || this.#skipsSleeps) run();
    else this.#options.clock.at(this.#options.clock.now() + delayMs, run);
  }

  #enter(instance: TestInstance, step: string, branch: Branch, delayMs: number): void {
    instance.state.nextStep = step;
    this.#later(delayMs, () => this.#options.track(this.#attempt(instance, step, branch, 1)));
  }

  async #attempt(instance: TestInstance, step: string, branch: Branch, attempt: number): Promise<void> {
    const isOver = (): boolean => ['completed', 'cancelled', 'failed'].includes(instance.status);
    if (isOver()) return;
    let answer = await this.#answer(instance, step, branch, attempt);
    if (isOver()) return;
    for (let tries = 0; !this.#write(answer); tries += 1) {
      answer =
        tries < mostConflicts
          ? await this.#answer(instance, step, branch, attempt)
          : { type: 'failed', message: 'What the step read was changed meanwhile', retryable: true };
    }
    const next = answer.type === 'goto' ? answer.next : null;
    instance.history.push({ step, outcome: answer.type, next });
    const again = (memo: string, value: object): void => {
      Object.assign(branch.memory, { [memo]: value });
      instance.status = 'running';
      this.#options.track(this.#attempt(instance, step, branch, attempt));
    };
    switch (answer.type) {
      case 'goto':
        Object.assign(instance.state, answer.patch);
        this.#leave(instance, answer.next, branch, answer.delayMs, answer.patch);
        break;
      case 'wait':
        Object.assign(instance.state, answer.patch);
        instance.status = 'waiting';
        this.#waiting.set(instance.id, () => {
          instance.status = 'running';
          this.#enter(instance, step, this.#branch(branch.group), 0);
        });
        break;
      case 'sleep':
        instance.status = 'waiting';
        this.#later(answer.untilMs - Date.now(), () => again(answer.memo, { type: 'sleep' }));
        break;
      case 'event':
        this.#waitForEvent(instance, step, answer, again);
        break;
      case 'child': {
        const child = this.start(answer.workflow, answer.input);
        const state = child.state;
        this.#options.track(
          this.#waitForEnd(child).then(() =>
            again(answer.memo, { type: 'child', result: { instanceId: child.id, status: child.status, state } }),
          ),
        );
        break;
      }
      case 'failed':
        this.#fail(instance, step, branch, attempt, answer);
        break;
    }
  }

  /** What the transactions of the step write; false when they must run again. */
  #write(answer: StepAnswer): boolean {
    const writes = answer.type === 'goto' || answer.type === 'wait' ? answer.writes : undefined;
    return writes === undefined || this.#options.commit(writes as TestWrites);
  }

  /** Resolves when a child has ended; other instances go on meanwhile. */
  async #waitForEnd(instance: TestInstance): Promise<void> {
    while (instance.status === 'running' || instance.status === 'waiting') {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  async #answer(instance: TestInstance, step: string, branch: Branch, attempt: number): Promise<StepAnswer> {
    const key = `${instance.workflow}/${step}`;
    const mock = this.#mocks.get(key);
    if (mock instanceof Error) return { type: 'failed', message: mock.message, retryable: true };
    if (mock !== undefined) {
      return { type: 'goto', next: mock.next, patch: mock.state ?? {}, delayMs: 0, join: true };
    }
    const isWaiting = Object.keys(branch.memory).some((memo) => !memo.startsWith('run:'));
    if (this.#timeouts.has(key) && !isWaiting && this.#timeouts.delete(key)) {
      return { type: 'failed', message: `The step ${step} timed out`, retryable: true };
    }
    const fn = this.stepsOf(instance.workflow)[step];
    if (fn === undefined) return { type: 'failed', message: `No step function found for ${key}`, retryable: false };
    const { memory, visit } = branch;
    return runStep(fn, { instanceId: instance.id, state: instance.state, visit, attempt, memory });
  }

  #waitForEvent(
    instance: TestInstance,
    step: string,
    answer: Extract<StepAnswer, { type: 'event' }>,
    again: (memo: string, value: object) => void,
  ): void {
    const stored = this.#events.get(`${instance.id}/${answer.event}`)?.shift();
    if (stored !== undefined) {
      again(answer.memo, { type: 'event', payload: stored });
      return;
    }
    instance.status = 'waiting';
    let isOver = false;
    const end = (payload: JsonValue): void => {
      if (isOver) return;
      isOver = true;
      again(answer.memo, { type: 'event', payload });
    };
    const waiters = this.#waiters.get(instance.id) ?? [];
    this.#waiters.set(instance.id, waiters);
    waiters.push({ event: answer.event, wake: end });
    if (this.#timeouts.delete(`${instance.workflow}/${step}`)) end(null);
    else if (answer.timeoutMs !== null)
      this.#options.clock.at(this.#options.clock.now() + answer.timeoutMs, () => end(null));
  }

  #fail(
    instance: TestInstance,
    step: string,
    branch: Branch,
    attempt: number,
    answer: Extract<StepAnswer, { type: 'failed' }>,
  ): void {
    instance.lastError = answer.message;
    const retries = this.#workflows.find(instance.workflow)?.retries ?? 3;
    if (!answer.retryable || attempt > retries) {
      instance.status = 'failed';
      return;
    }
    this.#later(1_000 * 3 ** (attempt - 1), () =>
      this.#options.track(this.#attempt(instance, step, branch, attempt + 1)),
    );
  }

  #leave(
    instance: TestInstance,
    next: string | readonly string[] | null,
    branch: Branch,
    delayMs: number,
    patch: object,
  ): void {
    if (Array.isArray(next)) {
      const group: ForkGroup = { parent: branch, open: next.length, target: null };
      for (const step of next) this.#enter(instance, step, this.#branch(group), delayMs);
      return;
    }
    const target = next as string | null;
    if (branch.group === null) {
      if (target !== null) this.#enter(instance, target, this.#branch(null), delayMs);
      else instance.status = 'completed';
      return;
    }
    const { group } = branch;
    group.open -= 1;
    group.target = target ?? group.target;
    if (group.open > 0) return;
    if (group.target === null) this.#leave(instance, null, group.parent, delayMs, patch);
    else this.#enter(instance, group.target, this.#branch(group.parent.group), delayMs);
  }
}
