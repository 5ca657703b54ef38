/**
 * When a failed attempt is tried again: a pure function of the policy, the number of failures and one random number, so
 * that it is the same in tests, in the simulator and in production.
 */
export interface RetryPolicy {
  /** How often the work may fail before it is given up; 0 means never again after the first failure. */
  readonly maxRetries: number;
  /** Wait after the first failure, in milliseconds. */
  readonly initialDelayMs: number;
  /** Upper bound of any wait, in milliseconds. */
  readonly maxDelayMs: number;
  /** Growth per further failure: 1 is a constant wait, 2 doubles it. */
  readonly factor: number;
  /** Share of the wait that is left to chance, 0 to 1: 0.5 waits between 50 % and 100 % of the computed delay. */
  readonly jitter: number;
}

/** Gives a worker's dependencies about half a minute to come back, and spreads those who wait for the same one. */
export const defaultRetryPolicy: RetryPolicy = {
  maxRetries: 3,
  initialDelayMs: 1_000,
  maxDelayMs: 600_000,
  factor: 3,
  jitter: 0.3,
};

/** Longest wait that is accepted anywhere: 10 years. Beyond it, dates stop to be useful and timers overflow. */
export const longestDelayMs = 10 * 366 * 86_400_000;

/**
 * The wait before attempt `failures + 1`. `failures` counts from 1, `random` is in [0, 1).
 * Jitter only shortens, so that `maxDelayMs` holds for every value.
 */
export function computeRetryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  const exponent = Math.max(0, failures - 1);
  const grown = policy.initialDelayMs * policy.factor ** exponent;
  const capped = Math.min(Number.isFinite(grown) ? grown : policy.maxDelayMs, policy.maxDelayMs);
  return Math.max(0, Math.round(capped * (1 - policy.jitter * random)));
}

/** Takes what is usable of a partial policy (from a deployment, an option or an override) over `base`. */
export function mergeRetryPolicy(base: RetryPolicy, partial: Partial<Record<keyof RetryPolicy, unknown>>): RetryPolicy {
  return {
    maxRetries: readNumber(partial.maxRetries, base.maxRetries, 0, 1_000_000, true),
    initialDelayMs: readNumber(partial.initialDelayMs, base.initialDelayMs, 0, longestDelayMs, true),
    maxDelayMs: readNumber(partial.maxDelayMs, base.maxDelayMs, 0, longestDelayMs, true),
    factor: readNumber(partial.factor, base.factor, 1, 100, false),
    jitter: readNumber(partial.jitter, base.jitter, 0, 1, false),
  };
}

function readNumber(value: unknown, fallback: number, least: number, most: number, whole: boolean): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) return fallback;
  const bounded = Math.min(most, Math.max(least, number));
  return whole ? Math.floor(bounded) : bounded;
}
