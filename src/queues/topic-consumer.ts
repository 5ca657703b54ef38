import { type SerializedError, serializeError, TackleError } from '../core/errors.ts';
import { mergeRetryPolicy, type RetryPolicy } from '../core/retry.ts';
import { type AttemptOutcome, decideSettlement, type Settlement, type TaskLease } from '../core/task.ts';
import type { TopicSettings } from '../core/task-topic.ts';
import type { CancelSource } from '../ports/sandbox.ts';
import type { ClaimedTask, TopicRef } from '../ports/storage/tasks.ts';
import type { StepReport, StepReportResult } from '../ports/storage/workflows.ts';
import type { Clock } from './clock.ts';
import { TaskCancel } from './task-cancel.ts';

/** What a handler says about one task. */
export type RunResult =
  | AttemptOutcome
  /** The handler's own commit has settled the task. */
  | { readonly type: 'settled' }
  /** A step of a workflow: settled by its report. */
  | {
      readonly type: 'report';
      readonly report: StepReport;
      /** Topics that the step's next tasks will be in. */
      readonly nextTopics: readonly TopicRef[];
      /** May answer with another result for the task, when this one was not accepted. */
      onResult(result: StepReportResult): RunResult | null;
    };

export interface RunContext {
  readonly signal: CancelSource;
  readonly timeoutMs: number;
  /** What becomes of a task that ended so; the same decision that the queue would make. */
  decide(task: ClaimedTask, outcome: AttemptOutcome): Settlement;
}

/** Works on one task, or on as many as the topic's batch setting allows; answers one result for each. */
export type TopicHandler = (tasks: readonly ClaimedTask[], context: RunContext) => Promise<readonly RunResult[]>;

export interface ConsumerOptions extends TopicRef {
  readonly settings: TopicSettings;
  readonly handler: TopicHandler;
}

export interface ConsumerHost {
  readonly clock: Clock;
  random(): number;
  /** Hands over a result; `done` is called when it is on disk (or the lease turned out to be lost). */
  settle(consumer: TopicConsumer, task: ClaimedTask, result: RunResult, done: () => void): void;
  /** There may be room for more claims. */
  wake(): void;
  /** There may be tasks of this topic that were not claimed. */
  noteHungry(consumer: TopicConsumer): void;
  /** False while another suspect of the space runs; `startNext` is called when that has ended. */
  enterSuspect(consumer: TopicConsumer): boolean;
  leaveSuspect(consumer: TopicConsumer): void;
  onError(message: string, error: unknown): void;
}

/** Claims may run ahead of the handlers by about this much work, so that a pause or a change is never far away. */
const prefetchMs = 20;
const mostPrefetched = 512;
/** After a handler gave tasks back it is asked again only after this, or a topic without its app would spin. */
const releasePauseMs = 250;

interface Run {
  readonly tasks: readonly ClaimedTask[];
  readonly cancel: TaskCancel;
  readonly isSuspect: boolean;
  isOver: boolean;
}

/** The tasks of one topic in this gateway: claimed, waiting for their turn, running, being settled. */
export class TopicConsumer {
  readonly space: string;
  readonly topic: string;
  settings: TopicSettings;
  /** Claims under way. */
  claiming = 0;
  /** Results that are part of a commit under way; claims in or after that commit come behind them. */
  committing = 0;
  readonly #host: ConsumerHost;
  readonly #handler: TopicHandler;
  readonly #queue: ClaimedTask[] = [];
  readonly #runs = new Set<Run>();
  readonly #idleWaiters: (() => void)[] = [];
  #unsettled = 0;
  #averageRunMs = prefetchMs;
  #isStopping = false;
  #isPausing = false;
  #batchWait: 'none' | 'waiting' | 'over' = 'none';

  constructor(options: ConsumerOptions, host: ConsumerHost) {
    this.space = options.space;
    this.topic = options.topic;
    this.settings = options.settings;
    this.#handler = options.handler;
    this.#host = host;
  }

  get running(): number {
    return this.#runs.size;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#runs.size === 0 && this.#unsettled === 0 && this.claiming === 0;
  }

  /** How many more tasks may be claimed now. */
  get room(): number {
    const { settings } = this;
    const isClosed = this.#isStopping || settings.paused || this.#isPausing;
    if (isClosed || settings.workers === 0) return 0;
    const held = this.#queue.length + this.#runningTasks() + this.claiming;
    if (settings.strict) return held + this.#unsettled - this.committing === 0 ? 1 : 0;
    const perRun = settings.batch?.size ?? 1;
    const ahead = Math.min(
      mostPrefetched,
      Math.floor((prefetchMs / Math.max(0.05, this.#averageRunMs)) * settings.workers),
    );
    return Math.max(0, settings.workers * perRun + (perRun > 1 ? perRun : ahead) - held);
  }

  /** Leases of everything that this gateway holds of the topic. */
  leases(): TaskLease[] {
    const running = [...this.#runs].flatMap((run) => run.tasks);
    return [...this.#queue, ...running].map(({ seq, attempt }) => ({ seq, attempt }));
  }

  accept(tasks: readonly ClaimedTask[]): void {
    this.#queue.push(...tasks);
    if (this.#isStopping || this.settings.paused || this.settings.workers === 0) this.#releaseQueue();
    else this.startNext();
  }

  startNext(): void {
    while (this.#queue.length > 0 && !this.#isStopping && this.#runs.size < this.settings.workers) {
      const suspects = [...this.#runs].some((run) => run.isSuspect);
      // A task that was there when a process crashed runs alone, so that only the culprit crashes the next one.
      const isSuspect = this.#queue[0]!.crashes > 0;
      if (suspects || (isSuspect && this.#runs.size > 0)) return;
      if (isSuspect && !this.#host.enterSuspect(this)) return;
      const tasks = this.#takeBatch();
      if (tasks === null) return;
      void this.#run(tasks);
    }
  }

  /** Takes changed settings into what is claimed next; what runs, runs on. */
  configure(settings: TopicSettings): void {
    this.settings = settings;
    if (settings.paused || settings.workers === 0) this.#releaseQueue();
    this.startNext();
    this.#host.noteHungry(this);
  }

  /** Claims nothing more, gives back what has not begun, waits for the rest, and gives that back when it takes too long. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#releaseQueue();
    const timer = this.#host.clock.setTimer(() => this.#abandonRuns(), graceMs);
    if (!this.isIdle) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    timer.cancel();
  }

  /** The lease of a task is gone: whoever works on it should stop, and its result does not count. */
  abortTask(lease: TaskLease): void {
    for (const run of this.#runs) {
      if (!run.tasks.some((task) => task.seq === lease.seq && task.attempt === lease.attempt)) continue;
      run.cancel.abort(new TackleError('lease_lost', 'The task was taken away from this attempt.'));
    }
  }

  /** Aborts runs whose payload names this instance. */
  abortTasksOf(instanceId: string): void {
    for (const run of this.#runs) {
      for (const task of run.tasks) if (task.payload.includes(`"${instanceId}"`)) this.abortTask(task);
    }
  }

  noteIdle(): void {
    if (!this.isIdle) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #runningTasks(): number {
    let count = 0;
    for (const run of this.#runs) count += run.tasks.length;
    return count;
  }

  /** The next run's tasks; null while a batch still waits to fill up. */
  #takeBatch(): ClaimedTask[] | null {
    const { batch } = this.settings;
    if (batch === null || this.#queue[0]!.crashes > 0) return this.#queue.splice(0, 1);
    if (this.#queue.length < batch.size && batch.waitMs > 0 && this.#batchWait !== 'over') {
      this.#waitForBatch(batch.waitMs);
      return null;
    }
    this.#batchWait = 'none';
    const calm = this.#queue.findIndex((task) => task.crashes > 0);
    return this.#queue.splice(0, Math.min(batch.size, calm < 0 ? this.#queue.length : calm));
  }

  #waitForBatch(waitMs: number): void {
    if (this.#batchWait === 'waiting') return;
    this.#batchWait = 'waiting';
    this.#host.clock.setTimer(() => {
      if (this.#batchWait === 'waiting') this.#batchWait = 'over';
      this.startNext();
    }, waitMs);
  }

  async #run(tasks: readonly ClaimedTask[]): Promise<void> {
    const run: Run = { tasks, cancel: new TaskCancel(), isSuspect: tasks[0]!.crashes > 0, isOver: false };
    this.#runs.add(run);
    const startedAtMs = this.#host.clock.now();
    const started = performance.now();
    const timeoutMs = readTimeout(tasks[0]!, this.settings.timeoutMs);
    const expiry = this.#host.clock.setTimer(() => {
      const error = new TackleError('app_timeout', `The worker did not settle the task within ${timeoutMs} ms`);
      this.#finish(
        run,
        tasks.map((): RunResult => ({ type: 'expired', error: serializeError(error) })),
      );
      run.cancel.abort(error);
    }, timeoutMs + expiryGraceMs);
    try {
      const context = {
        signal: run.cancel,
        timeoutMs,
        decide: (task: ClaimedTask, outcome: AttemptOutcome) => this.decide(task, outcome),
      };
      const results = await this.#handler(tasks, context);
      this.#noteRunTime((performance.now() - started) / tasks.length, this.#host.clock.now() - startedAtMs);
      this.#finish(run, results);
    } catch (error) {
      this.#finish(
        run,
        tasks.map(() => toOutcome(error)),
      );
    } finally {
      expiry.cancel();
    }
  }

  decide(task: ClaimedTask, outcome: AttemptOutcome): Settlement {
    return decideSettlement({
      outcome,
      failures: task.failures,
      crashes: task.crashes,
      policy: readPolicy(task, this.settings.retry),
      nowMs: this.#host.clock.now(),
      random: this.#host.random(),
    });
  }

  #noteRunTime(measuredMs: number, clockMs: number): void {
    this.#averageRunMs = this.#averageRunMs * 0.8 + Math.max(measuredMs, clockMs > 5 ? clockMs : 0) * 0.2;
  }

  #finish(run: Run, results: readonly RunResult[]): void {
    if (run.isOver) return;
    run.isOver = true;
    this.#runs.delete(run);
    if (run.isSuspect) this.#host.leaveSuspect(this);
    for (const [index, task] of run.tasks.entries()) {
      this.settle(task, results[index] ?? toOutcome(new Error('The handler gave no result for this task')));
    }
    this.startNext();
    this.#host.wake();
  }

  settle(task: ClaimedTask, result: RunResult): void {
    if (result.type === 'released' && !this.#isStopping) this.#pauseClaims();
    if (result.type === 'settled') {
      this.noteIdle();
      return;
    }
    this.#unsettled += 1;
    this.#host.settle(this, task, result, () => {
      this.#unsettled -= 1;
      this.noteIdle();
    });
  }

  #pauseClaims(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    // A timer and not a time: the wall clock may jump meanwhile.
    this.#host.clock.setTimer(() => {
      this.#isPausing = false;
      this.#host.noteHungry(this);
    }, releasePauseMs);
  }

  #releaseQueue(): void {
    for (const task of this.#queue.splice(0)) this.settle(task, { type: 'released' });
    this.#host.wake();
    this.noteIdle();
  }

  #abandonRuns(): void {
    for (const run of [...this.#runs]) {
      run.cancel.abort(new TackleError('overloaded', 'The gateway stops; the task is given back.'));
      this.#finish(
        run,
        run.tasks.map((): RunResult => ({ type: 'released' })),
      );
    }
  }
}

/** The process that runs the task measures its timeout itself and says so better; this is for when it cannot. */
const expiryGraceMs = 100;

function readTimeout(task: ClaimedTask, fallback: number): number {
  const value = task.options?.timeoutMs;
  return typeof value === 'number' && value > 0 ? value : fallback;
}

function readPolicy(task: ClaimedTask, base: RetryPolicy): RetryPolicy {
  const retry = task.options?.retry;
  return typeof retry === 'object' && retry !== null ? mergeRetryPolicy(base, retry as object) : base;
}

/** Errors of the runner as outcomes: the process died, the time is over, the app is not there, or the task failed. */
export function toOutcome(error: unknown): AttemptOutcome {
  const serialized: SerializedError = serializeError(error);
  if (error instanceof TackleError) {
    if (error.code === 'app_crashed' || error.code === 'app_unresponsive')
      return { type: 'crashed', error: serialized };
    if (error.code === 'app_timeout') return { type: 'expired', error: serialized };
    if (error.code === 'overloaded' || error.code === 'conflict') return { type: 'released' };
  }
  return { type: 'failed', error: serialized, retryable: true };
}
