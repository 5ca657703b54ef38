import type { RateLimit } from './task-topic.ts';

/**
 * Rate limits as one number per counter: the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371).
 * `limit` starts may come at once after a rest of `periodMs`; after that they come evenly spread.
 */
export interface RateAllowance {
  /** How many of the wanted starts may happen now. */
  readonly allowed: number;
  /** The counter after them. */
  readonly arrivalAt: number;
  /** When the next start is allowed, if fewer than wanted are; null otherwise. */
  readonly retryAtMs: number | null;
}

export function computeRateAllowance(
  rate: RateLimit,
  arrivalAt: number | null,
  nowMs: number,
  wanted: number,
): RateAllowance {
  const spacing = rate.periodMs / rate.limit;
  const arrival = Math.max(arrivalAt ?? nowMs, nowMs);
  const room = Math.floor((nowMs + rate.periodMs - arrival) / spacing + 1e-9);
  const allowed = Math.max(0, Math.min(wanted, room));
  const next = arrival + allowed * spacing;
  const retryAtMs = allowed < wanted ? Math.ceil(Math.max(nowMs + 1, next - rate.periodMs + spacing)) : null;
  return { allowed, arrivalAt: next, retryAtMs };
}
