/** One handler under one key, whatever runs it. */
import type { HookEvent } from '../../core/hook-event.ts';
import type { RetryPolicy } from '../../core/retry.ts';
import type { InvokeCall, InvokeResult } from '../host/hook-runner.ts';

export type OverflowPolicy = 'block' | 'spill' | 'drop';

/** How often and how far apart a failed detached delivery is tried again. */
export interface RetrySettings {
  readonly maxAttempts: number;
  readonly backoff: 'exponential' | 'fixed';
  readonly baseMs: number;
  readonly maxMs: number;
  readonly jitter: boolean;
}

/** What one hook's configuration entry says about running it. */
export interface ListenerSettings {
  /** Undefined: 30 s when the producer waits, 5 min when it does not. */
  readonly timeoutMs?: number;
  readonly retry: RetrySettings;
  /** Higher runs first. */
  readonly priority: number;
  /** Makes message:received and message:preprocessed wait for this hook and take its changes. */
  readonly mutable: boolean;
  readonly overflow: OverflowPolicy;
  readonly queueLimit: number;
}

interface ListenerBase {
  readonly key: string;
  /** Shared by all listeners of one hook: the unit of ordering and of queues. */
  readonly hookId: string;
  readonly hookName: string;
  readonly source: string;
  /** Agents whose events it hears; null means all. */
  readonly agents: readonly string[] | null;
  readonly settings: ListenerSettings;
}

export type Listener = ListenerBase &
  (
    | {
        readonly place: 'apart';
        readonly handlerId: string;
        readonly entry?: unknown;
        readonly invoke: (call: InvokeCall) => Promise<InvokeResult>;
      }
    | { readonly place: 'in-process'; readonly handler: (event: HookEvent) => unknown }
  );

export const defaultListenerSettings: ListenerSettings = {
  retry: { maxAttempts: 1, backoff: 'exponential', baseMs: 1_000, maxMs: 60_000, jitter: true },
  priority: 0,
  mutable: false,
  overflow: 'spill',
  queueLimit: 1_000,
};

function readPositive(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : fallback;
}

/** Reads the settings out of `hooks.internal.entries[key]`; what is malformed falls back to the default. */
export function readListenerSettings(entry: Readonly<Record<string, unknown>> | undefined): ListenerSettings {
  const defaults = defaultListenerSettings;
  if (entry === undefined) return defaults;
  const retry = (typeof entry.retry === 'object' && entry.retry !== null ? entry.retry : {}) as Record<string, unknown>;
  const timeoutMs = readPositive(entry.timeoutMs, 0);
  return {
    timeoutMs: timeoutMs > 0 ? timeoutMs : undefined,
    retry: {
      maxAttempts: Math.min(100, Math.floor(readPositive(retry.maxAttempts, 1))),
      backoff: retry.backoff === 'fixed' ? 'fixed' : 'exponential',
      baseMs: readPositive(retry.baseMs, defaults.retry.baseMs),
      maxMs: readPositive(retry.maxMs, defaults.retry.maxMs),
      jitter: retry.jitter !== false,
    },
    priority: typeof entry.priority === 'number' && Number.isFinite(entry.priority) ? entry.priority : 0,
    mutable: entry.mutable === true,
    overflow: entry.overflow === 'block' || entry.overflow === 'drop' ? entry.overflow : 'spill',
    queueLimit: Math.floor(readPositive(entry.queueLimit, defaults.queueLimit)),
  };
}

/** As the queue counts: retries come after the first try, and jitter takes up to half of a wait. */
export function toRetryPolicy(retry: RetrySettings): RetryPolicy {
  return {
    maxRetries: retry.maxAttempts - 1,
    initialDelayMs: retry.baseMs,
    maxDelayMs: retry.maxMs,
    factor: retry.backoff === 'exponential' ? 2 : 1,
    jitter: retry.jitter ? 0.5 : 0,
  };
}
