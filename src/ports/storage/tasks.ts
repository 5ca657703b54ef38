import type { SerializedError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ScheduleSpec } from '../../core/schedule.ts';
import type { DeadReason, Settlement, TaskLease, TaskState } from '../../core/task.ts';

/**
 * Tasks, their topics, and schedules. A topic belongs to a space (`project/space`; '' for the gateway's own) and comes
 * into being with its first task or setting. Times are milliseconds since 1970 and come with the command, so that the
 * same commands give the same state; an engine that several gateways share may use its own clock instead.
 */
export interface TopicRef {
  readonly space: string;
  readonly topic: string;
}

export interface NewTask extends TopicRef {
  /** JSON text. */
  readonly payload: string;
  /** Shown instead of the generated id (a document's `_id`, for example); need not be unique. */
  readonly id?: string;
  readonly jobId?: string;
  /** Tasks with the same key wait for each other in the order in which they became due. */
  readonly key?: string;
  /** While an unfinished task of the topic has this, enqueueing another one answers with the first. */
  readonly dedupeKey?: string;
  /** Higher first; 0 by default. */
  readonly priority?: number;
  /** Not before. */
  readonly runAtMs?: number;
  /** What holds for this task instead of its topic's setting: `timeoutMs`, `retry`. */
  readonly options?: JsonObject;
}

export interface EnqueuedTask {
  readonly seq: number;
  readonly id: string;
  readonly duplicate: boolean;
}

export interface ClaimedTask extends TopicRef, TaskLease {
  readonly id: string;
  readonly jobId: string | null;
  readonly payload: string;
  readonly key: string | null;
  readonly options: JsonObject | null;
  readonly failures: number;
  readonly crashes: number;
  readonly createdAtMs: number;
}

export interface SettledTask {
  /** `lost`: the attempt is not the current one any more; nothing was written. */
  readonly status: 'settled' | 'lost';
  /** A task of the same key that became ready by it. */
  readonly freed: boolean;
}

export interface TaskView extends TopicRef {
  readonly seq: number;
  readonly id: string;
  readonly jobId: string | null;
  readonly state: TaskState;
  readonly key: string | null;
  readonly priority: number;
  readonly attempt: number;
  readonly failures: number;
  readonly crashes: number;
  readonly createdAtMs: number;
  readonly runAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly reason: DeadReason | null;
  readonly error: SerializedError | null;
  /** JSON text; cut to 2,000 characters in lists. */
  readonly payload: string;
}

/** One attempt that did not end in success. */
export interface TaskAttempt {
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: 'retry' | 'dead' | 'release' | 'lost';
  readonly error: SerializedError | null;
}

export interface TopicView extends TopicRef {
  /** As the deployment declared them. */
  readonly declared: JsonObject;
  /** As an administrator changed them; these win. */
  readonly overrides: JsonObject;
  readonly counts: Readonly<Record<Exclude<TaskState, 'staged' | 'done' | 'dropped'>, number>>;
}

export interface ScheduleView {
  readonly space: string;
  readonly name: string;
  readonly spec: ScheduleSpec;
  /** Topic that its ticks are enqueued to. */
  readonly topic: string;
  readonly payload: string;
  readonly lastTickMs: number | null;
  readonly nextTickMs: number | null;
  /** Ticks left out since it was declared: by overlap, and by the catch-up policy. */
  readonly skipped: number;
}

export interface TaskCommands {
  /** `stage`: keep them invisible until `task.publish`. Rejects with `quota_exceeded` when the topic is full. */
  'task.enqueue': {
    params: { readonly tasks: readonly NewTask[]; readonly nowMs: number; readonly stage?: string };
    result: { readonly tasks: readonly EnqueuedTask[] };
  };
  /** Marks a staged batch as published, or throws it away; `task.publishNext` then shows its rows. */
  'task.publish': {
    params: { readonly stage: string; readonly discard?: boolean };
    result: { readonly known: boolean };
  };
  /** Works on published and discarded batches, `limit` rows at a time; `abandoned` also discards batches never published. */
  'task.publishNext': {
    params: { readonly limit: number; readonly nowMs: number; readonly abandoned?: boolean };
    result: { readonly done: boolean; readonly topics: readonly TopicRef[] };
  };
  /** Gives each topic's next tasks to `owner`, in the order in which they are to start. */
  'task.claim': {
    params: {
      readonly owner: string;
      readonly nowMs: number;
      readonly requests: readonly (TopicRef & { readonly limit: number })[];
    };
    result: {
      readonly tasks: readonly ClaimedTask[];
      /** Topics that a rate limit holds back, and until when. */
      readonly throttled: readonly (TopicRef & { readonly retryAtMs: number })[];
      /** When the next scheduled task of any topic is due. */
      readonly nextDueAtMs: number | null;
    };
  };
  /** One result per settlement; a lost lease never rejects the commit. */
  'task.settle': {
    params: {
      readonly settlements: readonly (TaskLease & { readonly settlement: Settlement })[];
      readonly nowMs: number;
    };
    result: { readonly tasks: readonly SettledTask[] };
  };
  /**
   * Precondition: rejects the commit with `lease_lost` unless every lease holds. With `orSettled` what the attempt has settled
   * itself does too, as long as no other attempt was begun: handlers go on after they have answered.
   */
  'task.fence': { params: { readonly leases: readonly TaskLease[]; readonly orSettled?: boolean }; result: null };
  /** Heartbeat; answers the leases that are gone. */
  'task.extend': {
    params: { readonly leases: readonly TaskLease[]; readonly leaseUntilMs: number };
    result: { readonly lost: readonly TaskLease[] };
  };
  /** Makes scheduled tasks that are due ready. */
  'task.promote': {
    params: { readonly nowMs: number; readonly limit: number };
    result: { readonly topics: readonly TopicRef[]; readonly more: boolean; readonly nextDueAtMs: number | null };
  };
  /**
   * Takes running tasks from owners that are gone: all but `notOwner`, or those whose lease ended before `leaseBeforeMs`.
   * They are ready again at their old place; it is not counted as a failure.
   */
  'task.reclaim': {
    params: {
      readonly nowMs: number;
      readonly limit: number;
      readonly notOwner?: string;
      readonly leaseBeforeMs?: number;
    };
    result: { readonly topics: readonly TopicRef[]; readonly count: number };
  };
  /** Dead tasks become ready, their counts start anew. By number, or the oldest of a topic. */
  'task.redrive': {
    params: {
      readonly space: string;
      readonly seqs?: readonly number[];
      readonly topic?: string;
      readonly limit: number;
      readonly nowMs: number;
    };
    result: { readonly count: number; readonly topics: readonly TopicRef[] };
  };
  /** Unfinished or dead tasks become `dropped`; a running one loses its lease. */
  'task.drop': {
    params: {
      readonly space: string;
      readonly seqs?: readonly number[];
      readonly topic?: string;
      readonly states?: readonly TaskState[];
      readonly limit: number;
      readonly nowMs: number;
    };
    result: { readonly count: number; readonly topics: readonly TopicRef[] };
  };
  /** Forgets finished tasks whose time has come. */
  'task.sweep': {
    params: { readonly nowMs: number; readonly limit: number };
    result: { readonly removed: number; readonly nextSweepAtMs: number | null };
  };
  /**
   * Forgets schedules, the tasks named, and with `topics` the topics of a space that is being removed, which must have no
   * tasks any more. Leases of the tasks are lost by it.
   */
  'task.removeSpace': {
    params: { readonly space: string; readonly seqs: readonly number[]; readonly topics: boolean };
    result: null;
  };
  /** Replaces what the deployment declares, or merges overrides (null removes one). */
  'topic.configure': {
    params: TopicRef & { readonly declared?: JsonObject; readonly overrides?: JsonObject };
    result: { readonly declared: JsonObject; readonly overrides: JsonObject };
  };
  /** Declares a schedule; one that exists keeps its last tick. */
  'schedule.put': {
    params: {
      readonly space: string;
      readonly name: string;
      readonly spec: ScheduleSpec;
      readonly topic: string;
      readonly payload: string;
      readonly nowMs: number;
      readonly nextTickMs: number | null;
    };
    result: { readonly created: boolean };
  };
  'schedule.remove': {
    params: { readonly space: string; readonly name: string };
    result: { readonly removed: boolean };
  };
  /**
   * Enqueues one task per tick that has none yet. With overlap `skip` a tick is left out while the topic has an unfinished
   * task. `manual` runs now, outside of the plan.
   */
  'schedule.tick': {
    params: {
      readonly space: string;
      readonly name: string;
      readonly ticks: readonly number[];
      readonly missed: number;
      readonly nextTickMs: number | null;
      readonly nowMs: number;
      readonly manual?: boolean;
    };
    result: { readonly enqueued: readonly EnqueuedTask[]; readonly skipped: number; readonly topic: string | null };
  };
}

export interface TaskReads {
  /** By generated id, else by the id it was given; newest first. */
  'task.find': { params: { readonly space: string; readonly id: string }; result: readonly TaskView[] };
  'task.attempts': { params: { readonly seq: number }; result: readonly TaskAttempt[] };
  /** In order of creation, newest first with `reverse`; `after` is the number of the last one seen. */
  'task.list': {
    params: {
      readonly space: string;
      readonly topic?: string;
      readonly states?: readonly TaskState[];
      readonly jobId?: string;
      readonly limit: number;
      readonly after?: number;
      readonly reverse?: boolean;
    };
    result: readonly TaskView[];
  };
  /**
   * Numbers of the tasks of a space in every state, staged ones too, by `after` and at most so many (or fewer, when they are
   * large) as one commit may remove. `next` is null at the end.
   */
  'task.ofSpace': {
    params: { readonly space: string; readonly after: number };
    result: { readonly seqs: readonly number[]; readonly next: number | null };
  };
  'task.nextDue': {
    params: { readonly none?: never };
    result: { readonly dueAtMs: number | null; readonly sweepAtMs: number | null };
  };
  /** All topics of a space (of every space without one); without counts it is fast whatever waits. */
  'topic.list': {
    params: { readonly space?: string; readonly counts: boolean };
    result: readonly TopicView[];
  };
  /** Topics of a space by the start of their name that have unfinished tasks. */
  'topic.busy': { params: { readonly space: string; readonly prefix: string }; result: readonly string[] };
  'schedule.list': { params: { readonly space?: string }; result: readonly ScheduleView[] };
}
