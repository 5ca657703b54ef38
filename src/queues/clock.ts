/** Time as the durable rooms see it, so that tests and the simulator can run days in milliseconds. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once, after at least `delayMs`. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Calls back once, after what is ready now has been dealt with. */
  defer(callback: () => void): void;
}

export interface Timer {
  cancel(): void;
}

/** setTimeout turns longer waits into none; and after a jump of the wall clock this is how late a due task is at most. */
const longestTimerMs = 60_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 2_147_483_647));
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (callback) => void setImmediate(callback),
};

/** One wake-up at the earliest of many wanted times. Sleeps in pieces, so that a clock that jumps is noticed. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #atMs: number | null = null;
  #timer: Timer | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  get atMs(): number | null {
    return this.#atMs;
  }

  /** Rings at `atMs`, or earlier if an earlier time was wanted. */
  wantAt(atMs: number | null): void {
    if (atMs === null || (this.#atMs !== null && this.#atMs <= atMs)) return;
    this.#atMs = atMs;
    this.#arm();
  }

  cancel(): void {
    this.#atMs = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    this.#timer?.cancel();
    const waitMs = Math.min(longestTimerMs, Math.max(0, this.#atMs! - this.#clock.now()));
    this.#timer = this.#clock.setTimer(() => this.#check(), waitMs);
  }

  #check(): void {
    this.#timer = null;
    if (this.#atMs === null) return;
    if (this.#clock.now() < this.#atMs) {
      this.#arm();
      return;
    }
    this.#atMs = null;
    this.#ring();
  }
}
