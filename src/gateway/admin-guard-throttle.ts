/** Counts failures per key within a sliding minute, so that credentials cannot be guessed at speed. */
export interface FailureThrottle {
  /** Milliseconds until the key may try again; 0 when it may now. */
  waitMs(key: string): number;
  noteFailure(key: string): void;
}

const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
const MAX_KEYS = 10_000;

export function createFailureThrottle(now: () => number): FailureThrottle {
  const failures = new Map<string, number[]>();

  const recent = (key: string): number[] => {
    const times = (failures.get(key) ?? []).filter((time) => time > now() - WINDOW_MS);
    if (times.length === 0) failures.delete(key);
    return times;
  };

  return {
    waitMs(key) {
      const times = recent(key);
      return times.length < MAX_FAILURES ? 0 : times[times.length - MAX_FAILURES]! + WINDOW_MS - now();
    },
    noteFailure(key) {
      const times = [...recent(key), now()].slice(-MAX_FAILURES);
      // Deleted and set again: the map's order is then that of the last failure, and the oldest key goes first.
      failures.delete(key);
      failures.set(key, times);
      if (failures.size > MAX_KEYS) failures.delete(failures.keys().next().value!);
    },
  };
}
