import { TackleError } from '../../src/core/errors.ts';
import { formatTaskId, isFinished, type Settlement, type TaskLease, type TaskState } from '../../src/core/task.ts';
import { computeRateAllowance } from '../../src/core/task-rate.ts';
import type { RateLimit } from '../../src/core/task-topic.ts';
import type {
  ClaimedTask,
  EnqueuedTask,
  NewTask,
  SettledTask,
  TaskCommands,
  TopicRef,
} from '../../src/ports/storage/tasks.ts';
import type { MemoryState, MemoryTask } from './memory-state.ts';

type Params<Kind extends keyof TaskCommands> = TaskCommands[Kind]['params'];
type Result<Kind extends keyof TaskCommands> = TaskCommands[Kind]['result'];
type Task = Readonly<MemoryTask>;

/** The task commands of the port over plain maps: the model that the SQL is compared with. */
export class MemoryTasks {
  readonly #state: MemoryState;
  readonly #arrivals = new Map<string, number>();

  constructor(state: MemoryState) {
    this.#state = state;
  }

  enqueue(tasks: readonly NewTask[], nowMs: number, fixedSeq?: number): EnqueuedTask[] {
    const seqs = tasks.map(() => fixedSeq ?? this.#state.nextNumber());
    return tasks.map((task, index) => this.#insert(task, seqs[index]!, nowMs));
  }

  #insert(task: NewTask, seq: number, nowMs: number): EnqueuedTask {
    const { space, topic, dedupeKey } = task;
    const twin = this.#state.tasks
      .values()
      .find((other) => dedupeKey !== undefined && other.dedupeKey === dedupeKey && sameTopic(other, task));
    if (twin !== undefined) return { seq: twin.seq, id: idOf(twin), duplicate: true };
    const settings = this.#state.settingsOf(space, topic);
    const key = task.key ?? (settings.strict ? '' : null);
    const runAtMs = task.runAtMs !== undefined && task.runAtMs > nowMs ? task.runAtMs : null;
    const stored: MemoryTask = {
      seq,
      space,
      topic,
      state: 'ready',
      line: seq,
      priority: task.priority ?? 0,
      runAtMs,
      key,
      holdsKey: false,
      dedupeKey: dedupeKey ?? null,
      id: task.id ?? null,
      jobId: task.jobId ?? null,
      payload: task.payload,
      options: task.options ?? null,
      attempt: 0,
      failures: 0,
      crashes: 0,
      isTaken: false,
      owner: null,
      leaseUntilMs: 0,
      createdAtMs: nowMs,
      finishedAtMs: null,
      forgetAtMs: null,
      reason: null,
      error: null,
    };
    this.#state.tasks.set(String(seq), { ...stored, ...this.#place(stored, runAtMs !== null) });
    return { seq, id: idOf(stored), duplicate: false };
  }

  #place(task: Task, isDelayed: boolean): { state: TaskState; holdsKey: boolean } {
    if (isDelayed) return { state: 'scheduled', holdsKey: false };
    if (task.key === null) return { state: 'ready', holdsKey: false };
    const isFree = this.#holders(task).length < this.#state.settingsOf(task.space, task.topic).keyConcurrency;
    return isFree ? { state: 'ready', holdsKey: true } : { state: 'blocked', holdsKey: false };
  }

  #holders(task: Task): Task[] {
    return this.#state.tasks
      .values()
      .filter((other) => other.holdsKey && other.key === task.key && sameTopic(other, task));
  }

  claim({ owner, nowMs, requests }: Params<'task.claim'>): Result<'task.claim'> {
    const tasks: ClaimedTask[] = [];
    const throttled: (TopicRef & { retryAtMs: number })[] = [];
    for (const { space, topic, limit } of requests) {
      const settings = this.#state.settingsOf(space, topic);
      if (settings.paused || limit <= 0) continue;
      const { rateLimit } = settings;
      const topicRef = { space, topic };
      const start = (task: Task) => tasks.push(this.#start(task, owner, nowMs + settings.heartbeatMs));
      if (rateLimit?.perKey === true) this.#claimWithinKeyRates(topicRef, { rateLimit, limit, nowMs }, start);
      else {
        const ready = this.#readyOf(space, topic).slice(0, limit);
        const allowance = this.#allow(rateLimit, topicRef, '', nowMs, ready.length);
        if (allowance.retryAtMs !== null) throttled.push({ space, topic, retryAtMs: allowance.retryAtMs });
        for (const task of ready.slice(0, allowance.allowed)) start(task);
      }
    }
    return { tasks, throttled, nextDueAtMs: this.nextDue() };
  }

  #start(task: Task, owner: string, leaseUntilMs: number): ClaimedTask {
    const attempt = task.attempt + 1;
    this.#state.change(task, { state: 'running', attempt, owner, leaseUntilMs, isTaken: false });
    const { space, topic, seq, jobId, payload, key, options, failures, crashes, createdAtMs } = task;
    const rest = { jobId, payload, key, options, failures, crashes, createdAtMs };
    return { space, topic, seq, attempt, id: idOf(task), ...rest };
  }

  /** A task whose key is over its rate steps aside until it may start, and the next one is looked at. */
  #claimWithinKeyRates(
    topic: TopicRef,
    { rateLimit, limit, nowMs }: { rateLimit: RateLimit; limit: number; nowMs: number },
    start: (task: Task) => void,
  ): void {
    for (let started = 0; started < limit; ) {
      const [task] = this.#readyOf(topic.space, topic.topic);
      if (task === undefined) return;
      const allowance = this.#allow(rateLimit, topic, task.key ?? '', nowMs, 1);
      if (allowance.allowed === 1) {
        start(task);
        started += 1;
      } else this.#state.change(task, { state: 'scheduled', runAtMs: allowance.retryAtMs });
    }
  }

  #allow(
    rateLimit: RateLimit | null,
    { space, topic }: TopicRef,
    key: string,
    nowMs: number,
    wanted: number,
  ): { allowed: number; retryAtMs: number | null } {
    if (rateLimit === null) return { allowed: wanted, retryAtMs: null };
    const counter = `${space}\n${topic}\n${key}`;
    const allowance = computeRateAllowance(rateLimit, this.#arrivals.get(counter) ?? null, nowMs, wanted);
    if (allowance.allowed > 0) this.#arrivals.set(counter, allowance.arrivalAt);
    return allowance;
  }

  /** More tasks of a key may be under way than before: `before` says how many. */
  freeBlocked({ space, topic }: TopicRef, before: number): void {
    if (this.#state.settingsOf(space, topic).keyConcurrency <= before) return;
    const blocked = this.#state.tasksIn('blocked').filter((task) => task.space === space && task.topic === topic);
    const firstOfKey = new Map(blocked.map((task) => [task.key, task]));
    for (const key of [...firstOfKey.keys()].sort()) while (this.#freeNext(firstOfKey.get(key)!));
  }

  sweep({ nowMs, limit }: Params<'task.sweep'>): Result<'task.sweep'> {
    const times = () =>
      this.#state.tasks.values().flatMap(({ forgetAtMs }) => (forgetAtMs === null ? [] : [forgetAtMs]));
    const old = this.#state.tasks
      .values()
      .filter(({ forgetAtMs }) => forgetAtMs !== null && forgetAtMs <= nowMs)
      .slice(0, limit);
    for (const { seq } of old) this.#state.tasks.delete(String(seq));
    return { removed: old.length, nextSweepAtMs: times().length === 0 ? null : Math.min(...times()) };
  }

  #readyOf(space: string, topic: string): Task[] {
    return this.#state
      .tasksIn('ready')
      .filter((task) => task.space === space && task.topic === topic)
      .sort((a, b) => b.priority - a.priority || a.line - b.line || a.seq - b.seq);
  }

  nextDue(): number | null {
    const times = this.#state.tasksIn('scheduled').map((task) => task.runAtMs ?? 0);
    return times.length === 0 ? null : Math.min(...times);
  }

  holds({ seq, attempt }: TaskLease): boolean {
    const task = this.#state.task(seq);
    return task?.state === 'running' && task.attempt === attempt;
  }

  fence(leases: readonly TaskLease[], orSettled = false): null {
    if (leases.every((lease) => this.holds(lease) || (orSettled && this.#hasSettled(lease)))) return null;
    throw new TackleError('lease_lost', 'This attempt lost its task to another one; nothing was written.');
  }

  #hasSettled({ seq, attempt }: TaskLease): boolean {
    const task = this.#state.task(seq);
    return task?.attempt === attempt && task.state !== 'running' && !task.isTaken;
  }

  settle(lease: TaskLease, settlement: Settlement, nowMs: number): SettledTask {
    if (!this.holds(lease)) return { status: 'lost', freed: false };
    const task = this.#state.task(lease.seq)!;
    const counts = {
      failures: task.failures + ('countsAsFailure' in settlement && settlement.countsAsFailure ? 1 : 0),
      crashes: task.crashes + ('countsAsCrash' in settlement && settlement.countsAsCrash ? 1 : 0),
    };
    switch (settlement.type) {
      case 'done':
        return { status: 'settled', freed: this.#finish(task, 'done', nowMs) };
      case 'release':
        this.#state.change(task, { state: 'ready', owner: null, isTaken: true });
        return { status: 'settled', freed: false };
      case 'retry':
        this.#state.change(task, {
          ...counts,
          state: 'scheduled',
          runAtMs: settlement.runAtMs,
          owner: null,
          error: settlement.error,
        });
        return { status: 'settled', freed: false };
      case 'dead': {
        const failures = task.failures + (settlement.countsAsCrash ? 0 : 1);
        const dying = { ...task, ...counts, failures, reason: settlement.reason, error: settlement.error };
        return { status: 'settled', freed: this.#finish(dying, 'dead', nowMs) };
      }
    }
  }

  #finish(task: Task, state: TaskState, nowMs: number): boolean {
    const { retentionMs } = this.#state.settingsOf(task.space, task.topic);
    if (state === 'done' && retentionMs === 0) this.#state.tasks.delete(String(task.seq));
    else {
      this.#state.change(task, {
        state,
        finishedAtMs: nowMs,
        forgetAtMs: nowMs + (state === 'dead' ? Math.max(30 * 86_400_000, retentionMs) : retentionMs),
        isTaken: task.isTaken || (state === 'dropped' && task.state === 'running'),
        holdsKey: false,
        dedupeKey: null,
        owner: null,
        runAtMs: null,
      });
    }
    return task.key !== null && task.holdsKey && this.#freeNext(task);
  }

  #freeNext(task: Task): boolean {
    if (this.#holders(task).length >= this.#state.settingsOf(task.space, task.topic).keyConcurrency) return false;
    const [next] = this.#state
      .tasksIn('blocked')
      .filter((other) => other.key === task.key && sameTopic(other, task))
      .sort((a, b) => a.line - b.line);
    if (next === undefined) return false;
    this.#state.change(next, { state: 'ready', holdsKey: true, line: this.#state.nextNumber() });
    return true;
  }

  extend({ leases, leaseUntilMs }: Params<'task.extend'>): Result<'task.extend'> {
    const lost: TaskLease[] = [];
    for (const lease of leases) {
      if (this.holds(lease)) this.#state.change(this.#state.task(lease.seq)!, { leaseUntilMs });
      else lost.push(lease);
    }
    return { lost };
  }

  promote({ nowMs, limit }: Params<'task.promote'>): Result<'task.promote'> {
    const due = this.#state
      .tasksIn('scheduled')
      .filter((task) => (task.runAtMs ?? 0) <= nowMs)
      .sort((a, b) => (a.runAtMs ?? 0) - (b.runAtMs ?? 0) || a.seq - b.seq)
      .slice(0, limit);
    const lines = due.map(() => this.#state.nextNumber());
    for (const [index, { seq }] of due.entries()) {
      const task = this.#state.task(seq)!;
      const place = task.holdsKey ? { state: 'ready' as const, holdsKey: true } : this.#place(task, false);
      this.#state.change(task, { ...place, line: task.attempt > 0 ? task.line : lines[index]!, runAtMs: null });
    }
    return { topics: topicsOf(due), more: due.length === limit, nextDueAtMs: this.nextDue() };
  }

  reclaim({ limit, notOwner, leaseBeforeMs }: Params<'task.reclaim'>): Result<'task.reclaim'> {
    const lost = this.#state
      .tasksIn('running')
      .filter((task) => (notOwner === undefined ? task.leaseUntilMs < (leaseBeforeMs ?? 0) : task.owner !== notOwner))
      .slice(0, limit);
    for (const task of lost) this.#state.change(task, { state: 'ready', owner: null, isTaken: true });
    return { topics: topicsOf(lost), count: lost.length };
  }

  redrive(params: Params<'task.redrive'>): Result<'task.redrive'> {
    const dead = this.#select(params, ['dead']);
    for (const { seq } of dead) {
      const task = this.#state.task(seq)!;
      const line = this.#state.nextNumber();
      const fresh = { failures: 0, crashes: 0, finishedAtMs: null, forgetAtMs: null, reason: null, error: null };
      this.#state.change(task, { ...fresh, ...this.#place(task, false), line });
    }
    return { count: dead.length, topics: topicsOf(dead) };
  }

  drop(params: Params<'task.drop'>): Result<'task.drop'> {
    const chosen = this.#select(params, params.states ?? ['ready', 'scheduled', 'blocked', 'running', 'dead']);
    for (const { seq } of chosen) this.dropTask(seq, params.nowMs);
    return { count: chosen.length, topics: topicsOf(chosen) };
  }

  dropTask(seq: number, nowMs: number): void {
    const task = this.#state.task(seq);
    if (task !== undefined && (!isFinished(task.state) || task.state === 'dead')) this.#finish(task, 'dropped', nowMs);
  }

  #select(
    { space, seqs, topic, limit }: { space: string; seqs?: readonly number[]; topic?: string; limit: number },
    states: readonly TaskState[],
  ): Task[] {
    const candidates =
      seqs === undefined
        ? states.flatMap((state) => this.#state.tasksIn(state).filter((task) => task.topic === topic))
        : [...new Set(seqs)].slice(0, limit).map((seq) => this.#state.task(seq));
    return candidates
      .filter((task): task is Task => task !== undefined && task.space === space && states.includes(task.state))
      .slice(0, limit);
  }
}

function sameTopic(a: TopicRef, b: TopicRef): boolean {
  return a.space === b.space && a.topic === b.topic;
}

function topicsOf(tasks: readonly Task[]): TopicRef[] {
  return [...new Map(tasks.map(({ space, topic }) => [`${space}\n${topic}`, { space, topic }])).values()];
}

export function idOf(task: Pick<MemoryTask, 'id' | 'seq' | 'createdAtMs'>): string {
  return task.id ?? formatTaskId(task.seq, task.createdAtMs);
}
