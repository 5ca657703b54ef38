import type { Clock, Timer } from '../../src/queues/clock.ts';

/** Mulberry32: one number per call, from a seed. */
export function createRandom(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Action {
  readonly owner: Process;
  readonly run: () => void;
}

interface PendingTimer extends Action {
  readonly atMs: number;
  readonly order: number;
}

/** Something that can die: nothing of it runs afterwards. */
export interface Process {
  isAlive: boolean;
}

/**
 * Time and chance of a simulation. What is ready to happen waits in a list, and the seed chooses what happens next; when
 * nothing is ready, time goes on to the next timer.
 */
export class World {
  readonly random: () => number;
  readonly #ready: Action[] = [];
  #timers: PendingTimer[] = [];
  #monotonicMs = 0;
  #wallOffsetMs = Date.UTC(2026, 0, 1);
  #order = 0;

  constructor(seed: number) {
    this.random = createRandom(seed);
  }

  get nowMs(): number {
    return this.#monotonicMs + this.#wallOffsetMs;
  }

  get elapsedMs(): number {
    return this.#monotonicMs;
  }

  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  soon(owner: Process, run: () => void): void {
    this.#ready.push({ owner, run });
  }

  later(owner: Process, run: () => void, delayMs: number): Timer {
    this.#order += 1;
    const timer = { owner, run, atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  clockOf(owner: Process): Clock {
    return {
      now: () => this.nowMs,
      setTimer: (callback, delayMs) => this.later(owner, callback, delayMs),
      defer: (callback) => this.soon(owner, callback),
    };
  }

  /** Lets one thing happen, then everything that follows from it at once. False when nothing is left before `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    const action = this.#takeReady() ?? this.#takeTimer(untilMs);
    if (action === null) return false;
    if (action.owner.isAlive) action.run();
    // Promises of the engine settle before the next thing happens.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  #takeReady(): Action | null {
    if (this.#ready.length === 0) return null;
    const index = Math.floor(this.random() * this.#ready.length);
    return this.#ready.splice(index, 1)[0] ?? null;
  }

  #takeTimer(untilMs: number): Action | null {
    this.#timers = this.#timers.filter((timer) => timer.owner.isAlive);
    let next: PendingTimer | null = null;
    for (const timer of this.#timers) {
      const isEarlier =
        next === null || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order);
      if (isEarlier) next = timer;
    }
    if (next === null || next.atMs > untilMs) return null;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
    return next;
  }
}
