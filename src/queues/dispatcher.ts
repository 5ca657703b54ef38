import { TackleError } from '../core/errors.ts';
import type { Settlement, TaskLease } from '../core/task.ts';
import type { ClaimedTask, TaskCommands, TopicRef } from '../ports/storage/tasks.ts';
import type { StepReport, StepReportResult } from '../ports/storage/workflows.ts';
import type { Storage } from '../ports/storage.ts';
import { Alarm, type Clock } from './clock.ts';
import type { FailpointName, Failpoints } from './failpoints.ts';
import { type ConsumerOptions, type RunResult, TopicConsumer } from './topic-consumer.ts';

export interface DispatcherOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: () => number;
  readonly failpoints: Failpoints;
  /** `gateway/boot`: unique for every start of every gateway. */
  readonly owner: string;
  onError(message: string, error: unknown): void;
  /** What the people of a space should know. */
  onWarning(space: string, message: string): void;
}

export type ClaimResult = TaskCommands['task.claim']['result'];

/** Room of a consumer that a claim under way is going to fill. */
export interface PlannedClaim {
  readonly consumer: TopicConsumer;
  readonly limit: number;
}

interface PendingResult {
  readonly consumer: TopicConsumer;
  readonly task: ClaimedTask;
  readonly result: Exclude<RunResult, { type: 'settled' }>;
  readonly done: () => void;
  failedCommits: number;
}

const system = { lane: { lane: 'system' } } as const;
/** Commits on their way at one time: the next one is filled while the last one is written. */
const mostInFlight = 2;
const mostPerCommit = 256;
const promotedAtOnce = 500;
const firstRetryMs = 50;
const longestRetryMs = 5_000;

/**
 * The one loop of the queue. Whatever became ready to be written in a turn of the event loop (results of tasks, reports
 * of steps) goes into one commit together with the claims that refill the handlers, so a busy queue costs few commits and
 * an idle one nothing.
 */
export class Dispatcher {
  readonly clock: Clock;
  readonly #options: DispatcherOptions;
  readonly #consumers = new Map<string, TopicConsumer>();
  /** Detached; what runs in them still runs. */
  readonly #draining = new Set<TopicConsumer>();
  readonly #hungryTopics = new Set<TopicConsumer>();
  readonly #suspectSpaces = new Set<string>();
  readonly #due: Alarm;
  readonly #heartbeat: Alarm;
  #pending: PendingResult[] = [];
  #inFlight = 0;
  #isScheduled = false;
  #retryMs = firstRetryMs;
  #isWaiting = false;
  #isPromoting = false;
  #isInDoubt = false;
  #beatsInDoubt = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#due = new Alarm(options.clock, () => void this.#promote());
    this.#heartbeat = new Alarm(options.clock, () => void this.#beat());
  }

  random(): number {
    return this.#options.random();
  }

  onError(message: string, error: unknown): void {
    this.#options.onError(message, error);
  }

  attach(options: ConsumerOptions): TopicConsumer {
    const key = topicKey(options);
    if (this.#consumers.has(key)) {
      throw new TackleError('conflict', `The topic "${options.topic}" of ${options.space} has a handler already.`);
    }
    const consumer = new TopicConsumer(options, this);
    this.#consumers.set(key, consumer);
    this.#hungryTopics.add(consumer);
    this.wake();
    return consumer;
  }

  async detach(consumer: TopicConsumer, graceMs: number): Promise<void> {
    if (this.#consumers.get(topicKey(consumer)) === consumer) this.#consumers.delete(topicKey(consumer));
    this.#hungryTopics.delete(consumer);
    this.#draining.add(consumer);
    try {
      await consumer.stop(graceMs);
    } finally {
      this.#draining.delete(consumer);
    }
  }

  /** Lets go of every task of a space at once. */
  async detachSpace(space: string): Promise<void> {
    const ofSpace = [...this.consumers, ...this.#draining].filter((consumer) => consumer.space === space);
    await Promise.all(ofSpace.map((consumer) => this.detach(consumer, 0)));
  }

  find(topic: TopicRef): TopicConsumer | null {
    return this.#consumers.get(topicKey(topic)) ?? null;
  }

  get consumers(): readonly TopicConsumer[] {
    return [...this.#consumers.values()];
  }

  /** Runs a commit. When it is not certain that it failed, whatever it may have left behind is looked for. */
  async guard<Result>(name: FailpointName, commit: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#options.failpoints.around(name, commit);
    } catch (error) {
      if (!(error instanceof TackleError) || error.status >= 500) this.#lookForMore();
      throw error;
    }
  }

  /** There may be tasks that nobody was told of, and claims of ours that we do not know. */
  #lookForMore(): void {
    this.#isInDoubt = true;
    this.#planHeartbeat();
    this.#due.wantAt(this.clock.now() + firstRetryMs);
    for (const consumer of this.#consumers.values()) this.noteHungry(consumer);
  }

  /** Topics got tasks. */
  notify(topics: readonly TopicRef[]): void {
    for (const topic of topics) {
      const consumer = this.find(topic);
      if (consumer !== null) this.noteHungry(consumer);
    }
  }

  noteHungry(consumer: TopicConsumer): void {
    this.#hungryTopics.add(consumer);
    this.wake();
  }

  /** Two suspects at once in the process of a space would both be blamed for what one of them does. */
  enterSuspect({ space }: TopicConsumer): boolean {
    if (this.#suspectSpaces.has(space)) return false;
    this.#suspectSpaces.add(space);
    return true;
  }

  leaveSuspect({ space }: TopicConsumer): void {
    this.#suspectSpaces.delete(space);
    for (const consumer of this.#consumers.values()) if (consumer.space === space) consumer.startNext();
  }

  /** A task is due at this time. */
  notifyDue(atMs: number | null): void {
    this.#due.wantAt(atMs);
  }

  settle(consumer: TopicConsumer, task: ClaimedTask, result: RunResult, done: () => void): void {
    if (result.type === 'settled') {
      done();
      return;
    }
    this.#pending.push({ consumer, task, result, done, failedCommits: 0 });
    this.wake();
  }

  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.clock.defer(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** A claim to put into a commit that enqueues to `topics`, so that their tasks start without another one. */
  planClaims(topics: readonly TopicRef[]): PlannedClaim[] {
    const plans: PlannedClaim[] = [];
    for (const topic of topics) {
      const consumer = this.find(topic);
      const limit = consumer === null || consumer.claiming > 0 ? 0 : consumer.room;
      if (consumer === null || limit === 0) continue;
      consumer.claiming += limit;
      plans.push({ consumer, limit });
    }
    return plans;
  }

  claimCommand(plans: readonly PlannedClaim[]): { readonly kind: 'task.claim' } & TaskCommands['task.claim']['params'] {
    const requests = plans.map(({ consumer, limit }) => ({ space: consumer.space, topic: consumer.topic, limit }));
    return { kind: 'task.claim', owner: this.#options.owner, nowMs: this.clock.now(), requests };
  }

  /** Takes the answer to planned claims; null when their commit failed. */
  takeClaims(plans: readonly PlannedClaim[], result: ClaimResult | null): void {
    const byTopic = new Map<string, ClaimedTask[]>();
    for (const task of result?.tasks ?? []) {
      const list = byTopic.get(topicKey(task));
      if (list === undefined) byTopic.set(topicKey(task), [task]);
      else list.push(task);
    }
    for (const { consumer, limit } of plans) {
      const tasks = byTopic.get(topicKey(consumer)) ?? [];
      consumer.claiming -= limit;
      if ((result === null || tasks.length === limit) && this.find(consumer) === consumer) this.noteHungry(consumer);
      consumer.accept(tasks);
      consumer.noteIdle();
    }
    if (result === null) return;
    for (const { space, topic, retryAtMs } of result.throttled) {
      this.clock.setTimer(() => this.notify([{ space, topic }]), Math.max(1, retryAtMs - this.clock.now()));
    }
    this.#due.wantAt(result.nextDueAtMs);
    if (result.tasks.length > 0) this.#planHeartbeat();
  }

  #flush(): void {
    while (this.#inFlight < mostInFlight && !this.#isWaiting) {
      const results = this.#takeResults();
      for (const { consumer, result } of results) {
        consumer.committing += 1;
        if (result.type === 'report') this.#noteNextTopics(result.nextTopics);
      }
      const plans = this.#collectClaims();
      if (results.length === 0 && plans.length === 0) return;
      this.#inFlight += 1;
      void this.#write(results, plans);
    }
  }

  /** Results whose commit failed go one by one, so that one that cannot be written holds up no other. */
  #takeResults(): PendingResult[] {
    const suspect = (this.#pending[0]?.failedCommits ?? 0) > 0;
    return this.#pending.splice(0, suspect ? 1 : mostPerCommit);
  }

  #noteNextTopics(topics: readonly TopicRef[]): void {
    for (const topic of topics) {
      const consumer = this.find(topic);
      if (consumer !== null) this.#hungryTopics.add(consumer);
    }
  }

  #collectClaims(): PlannedClaim[] {
    const plans: PlannedClaim[] = [];
    for (const consumer of this.#hungryTopics) {
      const limit = consumer.room;
      if (limit === 0) continue;
      consumer.claiming += limit;
      this.#hungryTopics.delete(consumer);
      plans.push({ consumer, limit });
    }
    return plans;
  }

  async #write(results: readonly PendingResult[], plans: readonly PlannedClaim[]): Promise<void> {
    try {
      await this.#commit(results, plans);
      this.#retryMs = firstRetryMs;
    } catch (error) {
      for (const { consumer } of results) consumer.committing -= 1;
      this.takeClaims(plans, null);
      this.#keepForLater(results, error);
    } finally {
      this.#inFlight -= 1;
      this.wake();
    }
  }

  /** What cannot be written now is kept and tried again: nothing is lost by waiting, and nobody else can do it. */
  #keepForLater(results: readonly PendingResult[], error: unknown): void {
    const kept: PendingResult[] = [];
    for (const entry of results) {
      entry.failedCommits += 1;
      const isHopeless = results.length === 1 && entry.failedCommits > 5 && !isStorageTrouble(error);
      if (isHopeless) entry.done();
      else kept.push(entry);
    }
    this.#pending = [...kept, ...this.#pending];
    this.onError(`Results of tasks could not be written; trying again in ${this.#retryMs} ms`, error);
    this.#isWaiting = true;
    this.clock.setTimer(() => {
      this.#isWaiting = false;
      this.wake();
    }, this.#retryMs);
    this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
  }

  async #commit(results: readonly PendingResult[], plans: readonly PlannedClaim[]): Promise<void> {
    const { storage } = this.#options;
    const nowMs = this.clock.now();
    const reported = results.filter((entry) => entry.result.type === 'report');
    const plain = results.filter((entry) => entry.result.type !== 'report');
    const settlements = plain.map((entry) => ({ ...toLease(entry.task), settlement: this.#settlementOf(entry) }));
    const reports = reported.map((entry) => (entry.result as { report: StepReport }).report);
    const name =
      reports.length > 0
        ? 'step'
        : settlements.some(({ settlement }) => settlement.type === 'dead')
          ? 'dead-letter'
          : settlements.length > 0
            ? 'settle'
            : 'claim';
    const [steps, settled, claims] = await this.guard(name, () =>
      storage.commit(
        [
          { kind: 'workflow.steps', reports, nowMs },
          { kind: 'task.settle', settlements, nowMs },
          this.claimCommand(plans),
        ],
        system,
      ),
    );
    for (const { consumer } of results) consumer.committing -= 1;
    for (const [index, entry] of reported.entries()) this.#acceptReport(entry, steps.reports[index]!);
    for (const [index, entry] of plain.entries()) {
      const { settlement } = settlements[index]!;
      if (settlement.type === 'retry') this.#due.wantAt(settlement.runAtMs);
      if (settlement.type === 'dead') this.#options.onWarning(entry.task.space, describeDeath(entry.task, settlement));
      if (settled.tasks[index]?.freed === true || settlement.type === 'release') this.notify([entry.consumer]);
      entry.done();
    }
    this.takeClaims(plans, claims);
  }

  #settlementOf(entry: PendingResult): Settlement {
    const { result } = entry;
    if (result.type === 'report') return result.report.settlement;
    return entry.consumer.decide(entry.task, result);
  }

  #acceptReport(entry: PendingResult, result: StepReportResult): void {
    const { result: sent } = entry;
    if (sent.type !== 'report') return;
    if (result.type === 'applied') this.notify(result.topics);
    if (sent.report.settlement.type === 'retry') this.#due.wantAt(sent.report.settlement.runAtMs);
    const next = sent.onResult(result);
    if (next === null || next.type === 'settled') entry.done();
    else this.settle(entry.consumer, entry.task, next, entry.done);
  }

  async #promote(): Promise<void> {
    if (this.#isPromoting) return;
    this.#isPromoting = true;
    const { storage } = this.#options;
    try {
      const [result] = await this.guard('promote', () =>
        storage.commit([{ kind: 'task.promote', nowMs: this.clock.now(), limit: promotedAtOnce }], system),
      );
      this.notify(result.topics);
      this.#due.wantAt(result.nextDueAtMs);
    } catch (error) {
      this.onError('Due tasks could not be made ready; trying again', error);
      this.#due.wantAt(this.clock.now() + 1_000);
    } finally {
      this.#isPromoting = false;
    }
  }

  #planHeartbeat(): void {
    const shortest = Math.min(86_400_000, ...this.consumers.map(({ settings }) => settings.heartbeatMs));
    if (this.#heartbeat.atMs === null) this.#heartbeat.wantAt(this.clock.now() + Math.max(20, shortest / 3));
  }

  /** Renews what this gateway holds before it takes what others lost, so that a clock that jumped takes nothing from it. */
  async #beat(): Promise<void> {
    const { storage } = this.#options;
    const held = [...this.consumers, ...this.#draining].map((consumer) => ({ consumer, leases: consumer.leases() }));
    if (held.every(({ leases }) => leases.length === 0) && !this.#isInDoubt) return;
    const nowMs = this.clock.now();
    const wasInDoubt = this.#isInDoubt;
    try {
      for (const { consumer, leases } of held) {
        if (leases.length === 0) continue;
        const leaseUntilMs = nowMs + consumer.settings.heartbeatMs;
        const [{ lost }] = await storage.commit([{ kind: 'task.extend', leases, leaseUntilMs }], system);
        for (const lease of lost) consumer.abortTask(lease);
      }
      const [reclaimed] = await this.guard('reclaim', () =>
        storage.commit([{ kind: 'task.reclaim', nowMs, limit: promotedAtOnce, leaseBeforeMs: nowMs }], system),
      );
      this.notify(reclaimed.topics);
      // A claim that we do not know of ends with its lease, which began before now.
      if (wasInDoubt) this.#noteBeatInDoubt();
    } catch (error) {
      this.onError('The heartbeat could not be written', error);
    }
    this.#planHeartbeat();
  }

  #noteBeatInDoubt(): void {
    this.#beatsInDoubt += 1;
    if (this.#beatsInDoubt < 5) return;
    this.#beatsInDoubt = 0;
    this.#isInDoubt = false;
  }

  /** Takes over what earlier boots left, shows published batches, throws away unpublished ones, sets the alarm. */
  async recover(): Promise<void> {
    const { storage, owner } = this.#options;
    for (;;) {
      const [{ topics, count }] = await this.guard('reclaim', () =>
        storage.commit(
          [{ kind: 'task.reclaim', nowMs: this.clock.now(), limit: promotedAtOnce, notOwner: owner }],
          system,
        ),
      );
      this.notify(topics);
      if (count < promotedAtOnce) break;
    }
    const { dueAtMs } = await storage.read({ kind: 'task.nextDue' });
    this.#due.wantAt(dueAtMs);
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([...this.consumers, ...this.#draining].map((consumer) => this.detach(consumer, graceMs)));
    this.#due.cancel();
    this.#heartbeat.cancel();
  }
}

function isStorageTrouble(error: unknown): boolean {
  return error instanceof TackleError && ['overloaded', 'disk_full', 'storage_unavailable'].includes(error.code);
}

function toLease({ seq, attempt }: ClaimedTask): TaskLease {
  return { seq, attempt };
}

export function topicKey({ space, topic }: TopicRef): string {
  return `${space}\n${topic}`;
}

function describeDeath({ id, topic }: ClaimedTask, { reason, error }: Extract<Settlement, { type: 'dead' }>): string {
  return `Gave up task ${id} of '${topic}' (${reason}): ${error.message}. It is kept: tackle task list --state dead`;
}
