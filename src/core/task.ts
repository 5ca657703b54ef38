import type { SerializedError } from './errors.ts';
import { computeRetryDelayMs, longestDelayMs, type RetryPolicy } from './retry.ts';

/**
 * A task is a durable unit of work in a topic.
 *
 * ```
 *            enqueue                      claim              settle
 *  (staged) ─────────► ready ──────────────────► running ──────────────► done
 *              │         ▲  ▲                       │ │
 *              │     due │  │ its key is free       │ └────────────────► dead (redrive ► ready)
 *              ├► scheduled │                       │
 *              │         ▲  │                       │
 *              └► blocked┼──┘      retry, rate limit│
 *                        └──────────────────────────┘        any unfinished ─► dropped
 * ```
 *
 * `attempt` grows with every claim and is the fence: a write that carries an older one is refused. `failures` counts the
 * attempts that failed through the task itself; a gateway that was killed or stopped does not add to it. `crashes` counts
 * the sandbox processes that ended while this task ran.
 */
export type TaskState = 'staged' | 'ready' | 'scheduled' | 'blocked' | 'running' | 'done' | 'dead' | 'dropped';

export function isFinished(state: TaskState): boolean {
  return state === 'done' || state === 'dead' || state === 'dropped';
}

/** What a holder of a task shows with every write. */
export interface TaskLease {
  readonly seq: number;
  readonly attempt: number;
}

/** How an attempt ended, as seen by who ran it. */
export type AttemptOutcome =
  | { readonly type: 'done' }
  /** The handler threw, or answered with a status of 400 or more. */
  | { readonly type: 'failed'; readonly error: SerializedError; readonly retryable: boolean }
  /** Not settled within its timeout. */
  | { readonly type: 'expired'; readonly error: SerializedError }
  /** The process that ran it ended. */
  | { readonly type: 'crashed'; readonly error: SerializedError }
  /** Given back unharmed: a soft stop, a deployment, a pause. */
  | { readonly type: 'released' };

export type Settlement =
  | { readonly type: 'done' }
  | {
      readonly type: 'retry';
      readonly runAtMs: number;
      readonly error: SerializedError;
      readonly countsAsFailure: boolean;
      readonly countsAsCrash: boolean;
    }
  | { readonly type: 'release' }
  | {
      readonly type: 'dead';
      readonly reason: DeadReason;
      readonly error: SerializedError;
      readonly countsAsCrash: boolean;
    };

/** Why a task lies in the dead-letter list. */
export type DeadReason = 'retries-exhausted' | 'not-retryable' | 'poison';

/** So many sandbox processes may a task take with it before it is kept away from the next one. */
export const poisonLimit = 3;

/** A crash says little about why; the next attempt comes soon, so that bystanders lose no time. */
const crashRetryMs = 100;

/**
 * What becomes of a task after an attempt. A crash is not a failure of the task's own, since others may have run in the
 * same process; whoever was there is a suspect, and the queue runs suspects alone in their topic, so that only the culprit
 * reaches the poison limit.
 */
export function decideSettlement(input: {
  readonly outcome: AttemptOutcome;
  /** Before this attempt. */
  readonly failures: number;
  readonly crashes: number;
  readonly policy: RetryPolicy;
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
}): Settlement {
  const { outcome, policy, nowMs } = input;
  if (outcome.type === 'done') return { type: 'done' };
  if (outcome.type === 'released') return { type: 'release' };
  if (outcome.type === 'crashed') return settleCrash(input, outcome.error);
  if (outcome.type === 'failed' && !outcome.retryable) {
    return { type: 'dead', reason: 'not-retryable', error: outcome.error, countsAsCrash: false };
  }
  const failures = input.failures + 1;
  if (failures > policy.maxRetries) {
    return { type: 'dead', reason: 'retries-exhausted', error: outcome.error, countsAsCrash: false };
  }
  const runAtMs = nowMs + computeRetryDelayMs(policy, failures, input.random);
  return { type: 'retry', runAtMs, error: outcome.error, countsAsFailure: true, countsAsCrash: false };
}

function settleCrash(
  input: { readonly crashes: number; readonly nowMs: number; readonly random: number },
  error: SerializedError,
): Settlement {
  const crashes = input.crashes + 1;
  if (crashes >= poisonLimit) return { type: 'dead', reason: 'poison', error, countsAsCrash: true };
  const runAtMs = input.nowMs + Math.round(crashRetryMs * crashes * (0.5 + input.random));
  return { type: 'retry', runAtMs, error, countsAsFailure: false, countsAsCrash: true };
}

/** A delay as users give it: not a number or negative is now, more than ten years is ten years. */
export function clampDelayMs(delayMs: unknown): number {
  const number = typeof delayMs === 'string' && delayMs.trim() !== '' ? Number(delayMs) : delayMs;
  if (typeof number !== 'number' || Number.isNaN(number) || number <= 0) return 0;
  return Math.min(Math.floor(number), longestDelayMs);
}

/**
 * The id that users see: 24 lower-case hex digits that grow with time, made of the second of creation and the number in
 * the queue, so that a task is found by its id without an index of its own.
 */
export function formatTaskId(seq: number, createdAtMs: number): string {
  const seconds = Math.floor(createdAtMs / 1000) % 0x1_0000_0000;
  return seconds.toString(16).padStart(8, '0') + seq.toString(16).padStart(16, '0');
}

/** The number in the queue that an id made by `formatTaskId` carries; null for other strings. */
export function parseTaskId(id: string): number | null {
  if (!/^[0-9a-f]{24}$/.test(id)) return null;
  const seq = Number.parseInt(id.slice(8), 16);
  return Number.isSafeInteger(seq) && seq > 0 ? seq : null;
}
