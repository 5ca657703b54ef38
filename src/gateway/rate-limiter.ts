/** Requests per second of a space, as a token bucket that holds one second's worth. */
export interface RateLimiter {
  /** False when the space has used up its share. Null is no limit. */
  take(spaceId: string, maxPerSecond: number | null): boolean;
}

interface Bucket {
  tokens: number;
  filledAt: number;
}

export function createRateLimiter(clock: { now(): number }): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    take(spaceId, maxPerSecond) {
      if (maxPerSecond === null) return true;
      const now = clock.now();
      const bucket = buckets.get(spaceId) ?? { tokens: maxPerSecond, filledAt: now };
      buckets.set(spaceId, bucket);
      const elapsedMs = Math.max(0, now - bucket.filledAt);
      bucket.tokens = Math.min(maxPerSecond, bucket.tokens + (elapsedMs * maxPerSecond) / 1000);
      bucket.filledAt = now;
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
  };
}
