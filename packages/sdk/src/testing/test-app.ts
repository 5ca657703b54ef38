import type { JsonValue } from '../workflows/types.ts';
import { answerPlatformCall } from './platform-calls.ts';
import { type RecordedStep, type ReplayDifference, replayHistory } from './replay.ts';
import { TestStore, type TestWrites } from './test-store.ts';
import { runTestWorker, type TestTask, type TestWorker } from './test-worker.ts';
import { type StepMock, type TestInstance, TestWorkflows, type WorkflowsUnderTest } from './test-workflows.ts';
import { VirtualClock } from './virtual-clock.ts';

/** The workflows and workers of an app, as `app` of the SDK holds them. */
interface AppUnderTest {
  readonly workers: Record<string, TestWorker[]>;
  readonly workflows: WorkflowsUnderTest;
}

/** Runs the workers and workflows of an app in this process, in memory, under a clock that the test moves. */
export function createTestApp(app: object): TestApp {
  return new TestApp(app as AppUnderTest);
}

export class TestApp {
  readonly clock = new VirtualClock();
  readonly tasks: TestTask[] = [];
  readonly #app: AppUnderTest;
  readonly #workflows: TestWorkflows;
  readonly #store = new TestStore();
  readonly #running = new Set<Promise<unknown>>();

  constructor(app: AppUnderTest) {
    this.#app = app;
    const commit = (writes: TestWrites) => this.#commit(writes);
    const track = (work: Promise<unknown>) => this.#track(work);
    this.#workflows = new TestWorkflows(app.workflows, { clock: this.clock, track, commit });
    const platform = { workflows: this.#workflows, store: this.#store, commit };
    // The calls that steps make of the platform stay in this process.
    (globalThis as { _tackle?: unknown })._tackle = {
      call: (method: string, params: object) => answerPlatformCall(platform, method, params),
    };
  }

  /** From now on the step gives this instead of running. */
  mockStep(workflow: string, step: string, mock: StepMock): void {
    this.#workflows.mockStep(workflow, step, mock);
  }

  /** Sleeps and delays end at once. */
  skipSleeps(): void {
    this.#workflows.skipSleeps();
  }

  /** The next attempt of the step ends by its timeout; waits of the step end without their event. */
  forceTimeout(workflow: string, step: string): void {
    this.#workflows.forceTimeout(workflow, step);
  }

  start(workflow: string, state: object = {}): TestInstance {
    return this.#workflows.start(workflow, state);
  }

  get(id: string): TestInstance {
    return this.#workflows.get(id);
  }

  /** Sets fields and, unless told otherwise, runs the step again that called `wait`. */
  updateState(instanceId: string, state: object, options: { readonly continue?: boolean } = {}): TestInstance {
    return this.#workflows.updateState(instanceId, state, options);
  }

  /** Runs the step again that called `wait`; throws when the instance has ended. */
  continue(instanceId: string): TestInstance {
    return this.#workflows.continue(instanceId);
  }

  /** No further step of the instance runs. */
  cancel(instanceId: string): TestInstance {
    return this.#workflows.cancel(instanceId);
  }

  /** For the step that waits for it; kept when none does yet. */
  sendEvent(instanceId: string, event: string, payload: JsonValue = null): void {
    this.#workflows.sendEvent(instanceId, event, payload);
  }

  /** A document that transactions find. */
  putDocument<Document extends { readonly _id: string }>(collection: string, document: Document): void {
    this.#store.put(collection, { ...document });
  }

  /** A document as transactions left it; null when there is none. */
  getDocument(collection: string, id: string): Record<string, unknown> | null {
    return this.#store.find(collection, id).document;
  }

  /** A key as transactions left it; null when there is none. */
  getKey(key: string, options: { readonly keyspace?: string } = {}): JsonValue {
    return this.#store.getKey(key, options.keyspace ?? null);
  }

  /** Gives a task to the worker of the topic. */
  enqueue(topic: string, payload: JsonValue): TestTask {
    const task: TestTask = { topic, payload, status: 'waiting', error: null };
    this.tasks.push(task);
    this.#track(this.#runWorker(task));
    return task;
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  /** Lets time pass, and everything happen that is due. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.clock.now() + durationMs;
    await this.settle();
    for (let next = this.clock.nextMs; next !== null && next <= untilMs; next = this.clock.nextMs) {
      this.clock.advanceTo(next);
      await this.settle();
    }
    this.clock.advanceTo(untilMs);
  }

  /** Lets time pass until the instance has this status; fails when nothing more is going to happen. */
  async waitFor(instance: TestInstance, status: TestInstance['status']): Promise<TestInstance> {
    await this.settle();
    while (instance.status !== status) {
      const next = this.clock.nextMs;
      if (next === null) throw new Error(`Instance ${instance.id} is ${instance.status}, and nothing more will happen`);
      this.clock.advanceTo(next);
      await this.settle();
    }
    return instance;
  }

  /** Lets time pass until a task of the topic has ended; fails when nothing more is going to happen. */
  async waitForTask(topic: string): Promise<TestTask> {
    for (;;) {
      await this.settle();
      const ended = this.tasks.find((task) => task.topic === topic && task.status !== 'waiting');
      if (ended !== undefined) return ended;
      const next = this.clock.nextMs;
      if (next === null) throw new Error(`No task of "${topic}" has ended, and nothing more will happen`);
      this.clock.advanceTo(next);
    }
  }

  /**
   * Runs the steps of a recorded history (`workflow.getHistory(id)`) with the states that they had, and answers where the
   * code of today goes elsewhere.
   */
  async replay(workflow: string, history: readonly RecordedStep[]): Promise<readonly ReplayDifference[]> {
    return replayHistory(this.#workflows.stepsOf(workflow), history);
  }

  #track(work: Promise<unknown>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  #commit(writes: TestWrites): boolean {
    if (!this.#store.apply(writes)) return false;
    for (const { topic, payload } of writes.tasks) this.enqueue(topic, payload);
    return true;
  }

  async #runWorker(task: TestTask): Promise<void> {
    const [worker] = this.#app.workers[task.topic] ?? [];
    if (worker !== undefined) await runTestWorker(worker, task);
  }
}
