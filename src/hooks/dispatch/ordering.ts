/**
 * Keeps the events of one session in order for each hook, and bounds how much of one hook runs at once.
 * Places are taken when an event is emitted, so order does not depend on what happens in between.
 */

export interface Place {
  /** Resolves when every earlier event of the session has left the hook. */
  readonly turn: Promise<void>;
  readonly isFirst: boolean;
  /** Lets the next event in; more than once is harmless. */
  readonly leave: () => void;
}

export interface SessionOrder {
  readonly take: (hookId: string, sessionKey: string) => Place;
}

const done = Promise.resolve();

export function createSessionOrder(): SessionOrder {
  const tails = new Map<string, Promise<void>>();
  return {
    take(hookId, sessionKey) {
      const key = `${hookId}\u0000${sessionKey}`;
      const turn = tails.get(key);
      const { promise, resolve } = Promise.withResolvers<void>();
      tails.set(key, promise);
      return {
        turn: turn ?? done,
        isFirst: turn === undefined,
        leave: () => {
          resolve();
          if (tails.get(key) === promise) tails.delete(key);
        },
      };
    },
  };
}

export interface Slots {
  readonly acquire: () => Promise<void>;
  readonly release: () => void;
}

/** At most `limit` holders at a time, first come first served. */
export function createSlots(limit: number): Slots {
  let free = limit;
  const waiting: (() => void)[] = [];
  return {
    acquire: () => {
      if (free > 0) {
        free -= 1;
        return done;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    release: () => {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
