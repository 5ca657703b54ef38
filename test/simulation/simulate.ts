import assert from 'node:assert/strict';
import { TackleError } from '../../src/core/errors.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { isFinished } from '../../src/core/task.ts';
import type { WorkflowInstance } from '../../src/core/workflow.ts';
import { parseWorkflowDefinition } from '../../src/core/workflow-definition.ts';
import type { ClaimedTask } from '../../src/ports/storage/tasks.ts';
import { Queues } from '../../src/queues/queues.ts';
import type { RunResult } from '../../src/queues/topic-consumer.ts';
import type { StepRun } from '../../src/workflows/step-runner.ts';
import { Workflows } from '../../src/workflows/workflows.ts';
import { MemoryStore, StorageLink } from './memory-store.ts';
import { type Process, World } from './world.ts';

const space = 'sim';
const branches = ['left', 'middle', 'right'];
const flow = parseWorkflowDefinition({
  name: 'flow',
  description: 'everything at once',
  steps: ['begin', ...branches, 'inner1', 'inner2', 'innerJoin', 'join', 'slow', 'child', 'end'],
  options: { maxRetries: 50, retryDelay: 10, maxStepCount: 3, workers: 3, timeout: 2_000 },
});
const small = parseWorkflowDefinition({
  name: 'small',
  description: 'a child',
  steps: ['only'],
  options: { maxRetries: 50, retryDelay: 10, workers: 2, timeout: 2_000 },
});
const topics: Record<string, JsonObject> = {
  plain: { workers: 3, timeoutMs: 2_000, retry: { maxRetries: 3, initialDelayMs: 20 } },
  keyed: { workers: 4, timeoutMs: 2_000, retry: { maxRetries: 3, initialDelayMs: 20 } },
  strict: { workers: 1, strict: true, timeoutMs: 2_000, retry: { maxRetries: 3, initialDelayMs: 20 } },
};

interface Gateway extends Process {
  readonly queues: Queues;
  readonly workflows: Workflows;
  isReady: boolean;
}

/** One run of the real engine over a store in memory, with crashes, zombies, slow and failing workers, and clock jumps. */
export class Simulation {
  readonly #world: World;
  readonly #store = new MemoryStore();
  readonly #outside: Process = { isAlive: true };
  readonly #ackedTasks: number[] = [];
  readonly #ackedInstances: string[] = [];
  readonly #cancelled = new Map<string, number>();
  readonly #effects = new Map<number, number>();
  readonly #finished = new Map<string, number[]>();
  #gateway: Gateway;
  readonly #zombies: Process[] = [];
  #boots = 0;
  #checkedCommits = 0;
  #faults = true;

  constructor(seed: number) {
    this.#world = new World(seed);
    this.#gateway = this.#boot();
  }

  async run(): Promise<void> {
    const world = this.#world;
    const actions = world.between(4, 14);
    for (let index = 0; index < actions; index += 1) {
      world.later(this.#outside, () => this.#act(), world.between(0, 3_000));
    }
    await this.#runUntil(4_000);
    this.#faults = false;
    // Whatever died is replaced, and nothing goes wrong any more: everything must come to its end.
    // A gateway is not told what another one did on the same file; the lock of the home sees to it that there is one only.
    for (const zombie of this.#zombies) zombie.isAlive = false;
    if (!this.#gateway.isAlive || this.#zombies.length > 0) {
      this.#gateway.isAlive = false;
      this.#gateway = this.#boot();
    }
    await this.#runUntil(10_000);
    world.soon(this.#outside, () => void this.#gateway.queues.resume({ space, topic: 'plain' }));
    await this.#runUntil(20_000_000);
    this.#checkEnd();
  }

  async #runUntil(untilMs: number): Promise<void> {
    for (let steps = 0; await this.#world.step(untilMs); steps += 1) {
      if (this.#store.commits !== this.#checkedCommits) this.#checkAlways();
      this.#checkedCommits = this.#store.commits;
      assert.ok(steps < 200_000, 'the simulation does not come to rest');
    }
  }

  /** Something that users, administrators or fate do. */
  #act(): void {
    const world = this.#world;
    const dice = world.random();
    if (dice < 0.35) this.#enqueue();
    else if (dice < 0.65) this.#start();
    else if (dice < 0.73) this.#sendOrCancel();
    else if (dice < 0.83) this.#crash();
    else if (dice < 0.9) world.jumpWallClock(world.between(-30_000, 120_000));
    else this.#pauseAWhile();
  }

  #enqueue(): void {
    const world = this.#world;
    const topic = ['plain', 'keyed', 'strict'][world.between(0, 2)]!;
    const tasks = Array.from({ length: world.between(1, 4) }, () => ({
      space,
      topic,
      payload: '{}',
      ...(topic === 'keyed' ? { key: `key${world.between(0, 2)}` } : {}),
      ...(world.chance(0.2) && topic === 'plain' ? { runAtMs: world.nowMs + world.between(0, 2_000) } : {}),
    }));
    this.#gateway.queues.enqueue(tasks).then(
      (enqueued) => this.#ackedTasks.push(...enqueued.map(({ seq }) => seq)),
      () => undefined,
    );
  }

  #start(): void {
    this.#gateway.workflows.start(space, 'flow', { n: 0 }).then(
      (document) => this.#ackedInstances.push((JSON.parse(document) as { _id: string })._id),
      () => undefined,
    );
  }

  #sendOrCancel(): void {
    const world = this.#world;
    const id = this.#ackedInstances[world.between(0, Math.max(0, this.#ackedInstances.length - 1))];
    if (id === undefined) return;
    const { workflows } = this.#gateway;
    if (world.chance(0.6)) workflows.send(space, { event: 'go', payload: 1, instanceId: id }).catch(() => undefined);
    else {
      workflows.cancel(space, id).then(
        () => this.#cancelled.set(id, this.#historyLength(id)),
        () => undefined,
      );
    }
  }

  /** The gateway dies, or only seems to: then it goes on beside its successor, and must not do any harm. */
  #crash(): void {
    const old = this.#gateway;
    if (this.#world.chance(0.3)) this.#zombies.push(old);
    else old.isAlive = false;
    this.#gateway = this.#boot();
  }

  #pauseAWhile(): void {
    const { queues } = this.#gateway;
    const topic = { space, topic: 'plain' };
    queues.pause(topic).catch(() => undefined);
    this.#world.later(this.#outside, () => void this.#gateway.queues.resume(topic).catch(() => undefined), 500);
  }

  #boot(): Gateway {
    const world = this.#world;
    this.#boots += 1;
    const process: Process = { isAlive: true };
    const storage = new StorageLink(this.#store, (work) => this.#deliver(process, work));
    const queues = new Queues({
      storage,
      clock: world.clockOf(process),
      random: world.random,
      owner: `boot${this.#boots}`,
    });
    const workflows = new Workflows({
      queues,
      runStep: (run) => this.#runStep(process, run),
      emit: () => undefined,
      onWarning: () => undefined,
    });
    const gateway: Gateway = Object.assign(process, { queues, workflows, isReady: false });
    void this.#bringUp(gateway);
    return gateway;
  }

  async #bringUp(gateway: Gateway): Promise<void> {
    try {
      await gateway.queues.start();
      for (const [topic, declared] of Object.entries(topics)) {
        const handler = (tasks: readonly ClaimedTask[]) =>
          Promise.all(tasks.map((task) => this.#runTask(gateway, task)));
        await gateway.queues.attach({ space, topic, declared, handler });
      }
      await gateway.workflows.declare(space, [flow, small], '1');
      gateway.isReady = true;
    } catch {
      // The store answered with an error while booting: such a gateway is started again.
      gateway.isAlive = false;
      this.#world.later(
        this.#outside,
        () => {
          if (this.#gateway === gateway) this.#gateway = this.#boot();
        },
        10,
      );
    }
  }

  /** A call to the store: it arrives later or never, and its answer comes later, or never. */
  #deliver<Result>(process: Process, work: () => Result): Promise<Result> {
    const world = this.#world;
    return new Promise((resolve, reject) => {
      if (!process.isAlive) return;
      // Once sent, a commit may happen although its sender is dead by then.
      world.soon(this.#outside, () => {
        if (!process.isAlive && world.chance(0.5)) return;
        if (this.#faults && world.chance(0.02)) {
          world.soon(process, () => reject(new TackleError('overloaded', 'simulated')));
          return;
        }
        try {
          const result = structuredClone(work());
          world.soon(process, () => resolve(result));
        } catch (error) {
          world.soon(process, () => reject(error));
        }
      });
    });
  }

  #afterWork<Result>(process: Process, work: () => Result): Promise<Result> {
    const world = this.#world;
    const durationMs = world.chance(0.1) ? world.between(1_000, 5_000) : world.between(0, 50);
    return new Promise((resolve, reject) => {
      world.later(
        process,
        () => {
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        },
        durationMs,
      );
    });
  }

  async #runTask(gateway: Gateway, task: ClaimedTask): Promise<RunResult> {
    const world = this.#world;
    await this.#afterWork(gateway, () => this.#failSometimes());
    const lease = { seq: task.seq, attempt: task.attempt };
    try {
      await this.#deliver(gateway, () => {
        const settlements = [{ ...lease, settlement: { type: 'done' } as const }];
        this.#store.commit([
          { kind: 'task.fence', leases: [lease] },
          { kind: 'task.settle', settlements, nowMs: world.nowMs },
        ]);
        this.#effects.set(task.seq, (this.#effects.get(task.seq) ?? 0) + 1);
        return null;
      });
      gateway.queues.dispatcher.notify([task]);
      return { type: 'settled' };
    } catch (error) {
      if (error instanceof TackleError && error.code === 'lease_lost') return { type: 'settled' };
      throw error;
    }
  }

  #failSometimes(): void {
    const dice = this.#world.random();
    if (!this.#faults || dice > 0.15) return;
    if (dice < 0.03) throw new TackleError('app_crashed', 'simulated');
    if (dice < 0.05) throw new TackleError('app_timeout', 'simulated');
    throw new Error('simulated');
  }

  #runStep(process: Process, { workflow, step, input }: StepRun): Promise<Json> {
    return this.#afterWork(process, (): Json => {
      this.#failSometimes();
      if (workflow === 'small') return { type: 'goto', next: null, patch: { did: step } };
      const to = (next: string | string[] | null, patch: JsonObject = {}): Json => ({ type: 'goto', next, patch });
      switch (step) {
        case 'begin':
          return to(branches, { began: true });
        case 'left':
          return to(['inner1', 'inner2']);
        case 'innerJoin':
          return to('join', { innerJoins: Number(input.state.innerJoins ?? 0) + 1 });
        case 'inner1':
        case 'inner2':
          return to('innerJoin', { [step]: true });
        case 'join':
          return to('slow', { joins: Number(input.state.joins ?? 0) + 1 });
        case 'slow':
          if (input.memory['sleep:'] === undefined)
            return { type: 'sleep', memo: 'sleep:', untilMs: this.#world.nowMs + 500 };
          if (input.memory['event:go'] === undefined) {
            return { type: 'event', memo: 'event:go', event: 'go', key: null, timeoutMs: 1_000 };
          }
          return to('child');
        case 'child':
          if (input.memory['child:small'] === undefined)
            return { type: 'child', memo: 'child:small', workflow: 'small', input: {} };
          return to('end');
        case 'end':
          return to(null, { ended: true });
        default:
          return to('join', { [step]: true });
      }
    });
  }

  #historyLength(id: string): number {
    return this.#store.state.instances.get(`${space}\n${id}`)?.history.length ?? 0;
  }

  /** What must be true at every moment. */
  #checkAlways(): void {
    const { state } = this.#store;
    for (const seq of this.#ackedTasks) assert.ok(state.task(seq), `acknowledged task ${seq} is gone`);
    for (const [seq, count] of this.#effects) assert.equal(count, 1, `task ${seq} took effect ${count} times`);
    this.#checkKeys();
    for (const id of this.#ackedInstances) {
      const document = state.instances.get(`${space}\n${id}`)?.document;
      assert.ok(document, `acknowledged instance ${id} is gone`);
      assert.ok(Number(document.joins ?? 0) <= 1, `instance ${id} joined ${String(document.joins)} times`);
      assert.ok(Number(document.innerJoins ?? 0) <= 1, `instance ${id} joined inside more than once`);
    }
    for (const [id, length] of this.#cancelled) {
      assert.equal(this.#historyLength(id), length, `instance ${id} went on after it was cancelled`);
    }
  }

  /** One at a time per key, and in the order of enqueueing. */
  #checkKeys(): void {
    const running = new Map<string, number>();
    for (const task of this.#store.state.tasks.values()) {
      if (task.key === null) continue;
      const key = `${task.topic}/${task.key}`;
      if (task.holdsKey) running.set(key, (running.get(key) ?? 0) + 1);
      const order = this.#finished.get(key) ?? [];
      this.#finished.set(key, order);
      if (isFinished(task.state) && !order.includes(task.seq)) {
        assert.ok(
          order.every((earlier) => earlier < task.seq),
          `${key}: ${task.seq} after ${order.join(', ')}`,
        );
        order.push(task.seq);
      }
    }
    for (const [key, count] of running) assert.ok(count <= 1, `${count} tasks of ${key} at once`);
  }

  /** A parent goes on waiting for a child that can be continued. */
  #waitsForFailedChild(instance: WorkflowInstance): boolean {
    return instance.control.children.some((id) => {
      const status = this.#store.state.instances.get(`${space}\n${id}`)?.instance.control.status;
      return status === 'failed' || status === 'parked';
    });
  }

  /** What must have become of everything, once nothing goes wrong any more. */
  #checkEnd(): void {
    const { state } = this.#store;
    for (const task of state.tasks.values()) {
      assert.ok(isFinished(task.state), `task ${task.seq} of ${task.topic} is stuck as ${task.state}`);
    }
    for (const { instance, document } of state.instances.values()) {
      const { status, lastError } = instance.control;
      const isExplained =
        status === 'failed' || status === 'parked' ? lastError !== null : this.#waitsForFailedChild(instance);
      assert.ok(
        isExplained || status === 'completed' || status === 'cancelled',
        `instance ${instance.id} of ${instance.name} is stuck as ${status}: ${JSON.stringify(instance.control.branches)}`,
      );
      if (instance.name !== 'flow' || status !== 'completed') continue;
      assert.equal(document.joins, 1);
      assert.equal(document.innerJoins, 1);
      assert.ok(
        document.left === undefined && document.middle === true && document.right === true && document.ended === true,
      );
    }
  }
}
