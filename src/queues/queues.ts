import { randomBytes } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { TaskLease, TaskState } from '../core/task.ts';
import { resolveTopicSettings, type TopicSettings } from '../core/task-topic.ts';
import type { EnqueuedTask, NewTask, TaskAttempt, TaskView, TopicRef, TopicView } from '../ports/storage/tasks.ts';
import type { Storage } from '../ports/storage.ts';
import { Alarm, type Clock, systemClock } from './clock.ts';
import { Dispatcher } from './dispatcher.ts';
import { Failpoints } from './failpoints.ts';
import { Schedules } from './schedules.ts';
import type { TopicHandler } from './topic-consumer.ts';

export interface QueuesOptions {
  readonly storage: Storage;
  readonly clock?: Clock;
  /** In [0, 1); for the jitter of retries. */
  readonly random?: () => number;
  readonly failpoints?: Failpoints;
  /** Unique for every start of every gateway. Claims of all others are void at the start (foundations 5). */
  readonly owner?: string;
  onError?(message: string, error: unknown): void;
  /** For the log of a space. */
  onWarning?(space: string, message: string): void;
}

export interface AttachOptions extends TopicRef {
  /** Settings as the deployment declares them; an administrator's overrides win over these. */
  readonly declared: JsonObject;
  readonly handler: TopicHandler;
}

export interface Attachment {
  readonly settings: TopicSettings;
  /** Takes a new deployment's settings; work goes on. */
  redeclare(declared: JsonObject): Promise<void>;
  detach(graceMs: number): Promise<void>;
}

export interface TaskDetail extends TaskView {
  readonly attempts: readonly TaskAttempt[];
}

/** One step of an operation on many tasks; ask again until it is done. */
export interface ChunkResult {
  readonly count: number;
  readonly isDone: boolean;
}

const system = { lane: { lane: 'system' } } as const;
/** Operations on many tasks go in steps of so many, each a commit of its own (foundations 4). */
const chunkSize = 500;
const sweepEveryMs = 3_600_000;

/** Durable work: topics, their tasks, and schedules. One per gateway. */
export class Queues implements AsyncDisposable {
  readonly schedules: Schedules;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly failpoints: Failpoints;
  readonly storage: Storage;
  readonly #closedSpaces = new Set<string>();
  #isStopping = false;
  readonly #settledByCode = new Set<string>();
  readonly #sweep: Alarm;
  readonly #onError: (message: string, error: unknown) => void;

  constructor(options: QueuesOptions) {
    this.storage = options.storage;
    this.clock = options.clock ?? systemClock;
    this.failpoints = options.failpoints ?? new Failpoints();
    this.#onError = options.onError ?? (() => undefined);
    const shared = {
      storage: this.storage,
      clock: this.clock,
      failpoints: this.failpoints,
      onError: this.#onError,
    };
    this.dispatcher = new Dispatcher({
      ...shared,
      random: options.random ?? Math.random,
      onWarning: (space, message) => options.onWarning?.(space, message),
      owner: options.owner ?? randomBytes(9).toString('base64url'),
    });
    this.schedules = new Schedules({ ...shared, dispatcher: this.dispatcher });
    this.#sweep = new Alarm(this.clock, () => void this.#forgetFinished());
  }

  /** Takes over what was left by the last boot. Attach handlers before or after. */
  async start(): Promise<void> {
    await this.dispatcher.recover();
    await this.#publishAll(true);
    await this.schedules.start();
    this.#sweep.wantAt(this.clock.now() + 60_000);
  }

  /** Throws `not_found` for a space that is being removed. */
  requireOpen(space: string): void {
    if (this.#closedSpaces.has(space)) {
      throw new TackleError('not_found', 'This space is being removed; it takes no more work.');
    }
  }

  /**
   * Stops what runs in a space, refuses new work from now on, and forgets its instances, tasks, topics and schedules, in
   * steps that hold up no other writer. Begun again after a crash it goes on. Rejects with `overloaded` when the gateway
   * stops meanwhile.
   */
  async removeSpace(space: string): Promise<void> {
    this.#closedSpaces.add(space);
    this.schedules.forgetSpace(space);
    await this.dispatcher.detachSpace(space);
    // Writes that were on their way before the space was closed come before this one; whether it succeeds is no matter.
    const lane = { lane: { lane: 'space', space } } as const;
    await this.storage.commit([{ kind: 'task.fence', leases: [] }], lane).catch(() => undefined);
    const remove = async (seqs: readonly number[], topics: boolean): Promise<void> => {
      this.#requireRunning();
      const command = { kind: 'task.removeSpace', space, seqs, topics } as const;
      await this.dispatcher.guard('remove', () => this.storage.commit([command], system));
    };
    await remove([], false);
    for (let isDone = false; !isDone; ) {
      this.#requireRunning();
      const [{ done }] = await this.dispatcher.guard('remove', () =>
        this.storage.commit([{ kind: 'workflow.removeSpace', space }], system),
      );
      isDone = done;
    }
    for (let after: number | null = 0; after !== null; ) {
      const { seqs, next }: { seqs: readonly number[]; next: number | null } = await this.storage.read({
        kind: 'task.ofSpace',
        space,
        after,
      });
      if (seqs.length > 0) await remove(seqs, false);
      after = next;
    }
    await remove([], true);
  }

  #requireRunning(): void {
    if (this.#isStopping)
      throw new TackleError('overloaded', 'The gateway stops; the space is removed after its next start.');
  }

  /** Gives the tasks of a topic to a handler from now on. Rejects with `conflict` when the topic has one. */
  async attach(options: AttachOptions): Promise<Attachment> {
    this.requireOpen(options.space);
    const settings = await this.#declare(options, options.declared);
    const consumer = this.dispatcher.attach({ ...options, settings });
    return {
      get settings() {
        return consumer.settings;
      },
      redeclare: async (declared) => consumer.configure(await this.#declare(options, declared)),
      detach: (graceMs) => this.dispatcher.detach(consumer, graceMs),
    };
  }

  /**
   * Stores tasks; resolves when they are on disk. With `leases`, only while these still hold (`lease_lost` otherwise).
   * A topic without handler keeps its tasks.
   */
  async enqueue(tasks: readonly NewTask[], leases: readonly TaskLease[] = []): Promise<readonly EnqueuedTask[]> {
    if (tasks.length === 0) return [];
    this.requireOpen(tasks[0]!.space);
    const plans = this.dispatcher.planClaims(distinctTopics(tasks));
    try {
      const [, enqueued, claims] = await this.dispatcher.guard('enqueue', () =>
        this.storage.commit(
          [
            { kind: 'task.fence', leases, orSettled: true },
            { kind: 'task.enqueue', tasks, nowMs: this.clock.now() },
            this.dispatcher.claimCommand(plans),
          ],
          { lane: { lane: 'space', space: tasks[0]!.space } },
        ),
      );
      this.noteEnqueued(tasks);
      this.dispatcher.takeClaims(plans, claims);
      return enqueued.tasks;
    } catch (error) {
      this.dispatcher.takeClaims(plans, null);
      throw error;
    }
  }

  /** For tasks that were part of somebody else's commit: wakes their handlers. */
  noteEnqueued(tasks: readonly NewTask[]): void {
    this.dispatcher.notify(distinctTopics(tasks));
    for (const { runAtMs } of tasks) if (runAtMs !== undefined) this.dispatcher.notifyDue(runAtMs);
  }

  /** A commit of the task's own code has settled it: its handler's result then says nothing more. */
  noteSettled(leases: readonly TaskLease[]): void {
    for (const { seq, attempt } of leases) this.#settledByCode.add(`${seq}/${attempt}`);
  }

  /** True when the task was settled by its own code; asked once, when its handler has ended. */
  takeSettled({ seq, attempt }: TaskLease): boolean {
    return this.#settledByCode.delete(`${seq}/${attempt}`);
  }

  hasHandler(topic: TopicRef): boolean {
    return this.dispatcher.find(topic) !== null;
  }

  /**
   * Stores tasks of any number under one job id. They become visible all at once, after the last of them was stored; a
   * crash before that leaves none.
   */
  async enqueueBatch(
    space: string,
    batches: AsyncIterable<readonly NewTask[]>,
  ): Promise<{ readonly jobId: string; readonly count: number }> {
    const jobId = `${Math.floor(this.clock.now() / 1000)
      .toString(16)
      .padStart(8, '0')}${randomBytes(8).toString('hex')}`;
    const options = { lane: { lane: 'space', space } } as const;
    let count = 0;
    try {
      for await (const batch of batches) {
        this.requireOpen(space);
        for (let start = 0; start < batch.length; start += chunkSize) {
          const tasks = batch.slice(start, start + chunkSize);
          const enqueue = { kind: 'task.enqueue', tasks, nowMs: this.clock.now(), stage: jobId } as const;
          await this.dispatcher.guard('enqueue', () => this.storage.commit([enqueue], options));
          count += tasks.length;
        }
      }
    } catch (error) {
      if (count > 0) await this.#endStage(jobId, true);
      throw error;
    }
    if (count > 0) {
      try {
        await this.#endStage(jobId, false);
      } catch (error) {
        // The caller is told that nothing was enqueued; so nothing may stay behind either.
        await this.#endStage(jobId, true).catch(() => undefined);
        throw error;
      }
    }
    return { jobId, count };
  }

  async #endStage(stage: string, discard: boolean): Promise<void> {
    await this.dispatcher.guard('publish', () =>
      this.storage.commit([{ kind: 'task.publish', stage, discard }], system),
    );
    const published = this.#publishAll(false).catch((error: unknown) =>
      this.#onError('A batch could not be published yet', error),
    );
    if (discard) await published;
  }

  async #publishAll(abandoned: boolean): Promise<void> {
    for (;;) {
      const command = { kind: 'task.publishNext', limit: chunkSize, nowMs: this.clock.now(), abandoned } as const;
      const [{ done, topics }] = await this.storage.commit([command], system);
      this.dispatcher.notify(topics);
      if (done) return;
    }
  }

  /** Merges an administrator's settings over the declared ones; null takes one back. They hold at once. */
  async configure(topic: TopicRef, overrides: JsonObject): Promise<TopicSettings> {
    const { space, topic: name } = topic;
    const [result] = await this.storage.commit([{ kind: 'topic.configure', space, topic: name, overrides }], system);
    const settings = resolveTopicSettings(name, result.declared, result.overrides);
    this.dispatcher.find(topic)?.configure(settings);
    return settings;
  }

  pause(topic: TopicRef): Promise<TopicSettings> {
    return this.configure(topic, { paused: true });
  }

  resume(topic: TopicRef): Promise<TopicSettings> {
    return this.configure(topic, { paused: null });
  }

  async listTopics(space?: string): Promise<readonly (TopicView & { settings: TopicSettings; hasHandler: boolean })[]> {
    const views = await this.storage.read({
      kind: 'topic.list',
      counts: true,
      ...(space === undefined ? {} : { space }),
    });
    return views.map((view) => ({
      ...view,
      settings: resolveTopicSettings(view.topic, view.declared, view.overrides),
      hasHandler: this.hasHandler(view),
    }));
  }

  /** Rejects with `not_found`. */
  async getTask(space: string, id: string): Promise<TaskDetail> {
    const [task] = await this.storage.read({ kind: 'task.find', space, id });
    if (task === undefined) throw new TackleError('not_found', `There is no task ${id} in this space.`);
    return { ...task, attempts: await this.storage.read({ kind: 'task.attempts', seq: task.seq }) };
  }

  listTasks(params: {
    readonly space: string;
    readonly topic?: string;
    readonly states?: readonly TaskState[];
    readonly jobId?: string;
    readonly limit: number;
    readonly after?: number;
    readonly reverse?: boolean;
  }): Promise<readonly TaskView[]> {
    return this.storage.read({ kind: 'task.list', ...params });
  }

  /** Gives dead tasks another chance: those named, or the oldest of a topic, at most 500 a call. */
  async redrive(
    space: string,
    what: { readonly ids: readonly string[] } | { readonly topic: string },
  ): Promise<ChunkResult> {
    const selection = 'ids' in what ? { seqs: await this.#findSeqs(space, what.ids) } : { topic: what.topic };
    const command = { kind: 'task.redrive', space, ...selection, limit: chunkSize, nowMs: this.clock.now() } as const;
    const [{ count, topics }] = await this.storage.commit([command], system);
    this.dispatcher.notify(topics);
    return { count, isDone: count < chunkSize };
  }

  /** Ends tasks without running them; a running one loses its lease. */
  async drop(space: string, ids: readonly string[]): Promise<number> {
    return (await this.#dropSelected(space, { seqs: await this.#findSeqs(space, ids) })).count;
  }

  /** Drops tasks of a topic that are in one of the states, at most 500 a call. */
  purge(space: string, topic: string, states: readonly TaskState[]): Promise<ChunkResult> {
    return this.#dropSelected(space, { topic, states });
  }

  async #dropSelected(
    space: string,
    selection: { readonly seqs: readonly number[] } | { readonly topic: string; readonly states: readonly TaskState[] },
  ): Promise<ChunkResult> {
    const command = { kind: 'task.drop', space, ...selection, limit: chunkSize, nowMs: this.clock.now() } as const;
    const [{ count, topics }] = await this.storage.commit([command], system);
    this.dispatcher.notify(topics);
    return { count, isDone: count < chunkSize };
  }

  async #findSeqs(space: string, ids: readonly string[]): Promise<number[]> {
    const seqs: number[] = [];
    for (const id of ids) {
      const found = await this.storage.read({ kind: 'task.find', space, id });
      if (found.length === 0) throw new TackleError('not_found', `There is no task ${id} in this space.`);
      seqs.push(...found.map((task) => task.seq));
    }
    return seqs;
  }

  async #declare({ space, topic }: TopicRef, declared: JsonObject): Promise<TopicSettings> {
    const [result] = await this.storage.commit([{ kind: 'topic.configure', space, topic, declared }], system);
    return resolveTopicSettings(topic, result.declared, result.overrides);
  }

  async #forgetFinished(): Promise<void> {
    const nowMs = this.clock.now();
    try {
      const endedBeforeMs = nowMs - 30 * 86_400_000;
      const [tasks, workflows] = await this.storage.commit(
        [
          { kind: 'task.sweep', nowMs, limit: chunkSize },
          { kind: 'workflow.sweep', nowMs, endedBeforeMs, limit: chunkSize },
        ],
        system,
      );
      const isMore = tasks.removed === chunkSize || workflows.removed >= chunkSize;
      this.#sweep.wantAt(isMore ? nowMs + 50 : nowMs + sweepEveryMs);
    } catch (error) {
      this.#onError('Finished tasks could not be forgotten', error);
      this.#sweep.wantAt(nowMs + sweepEveryMs);
    }
  }

  /** Claims nothing more, waits for what runs, gives the rest back unharmed. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.schedules.stop();
    this.#sweep.cancel();
    await this.dispatcher.stop(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }
}

function distinctTopics(tasks: readonly NewTask[]): TopicRef[] {
  const topics = new Map<string, TopicRef>();
  for (const { space, topic } of tasks) topics.set(`${space}\n${topic}`, { space, topic });
  return [...topics.values()];
}
