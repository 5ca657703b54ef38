/** Time that stands still until it is told to go on. */
export class VirtualClock {
  #nowMs: number;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  at(timeMs: number, run: () => void): void {
    this.#timers.push({ atMs: timeMs, run });
  }

  /** When the next thing happens; null when nothing is planned. */
  get nextMs(): number | null {
    return this.#timers.length === 0 ? null : Math.min(...this.#timers.map(({ atMs }) => atMs));
  }

  /** Goes on to a time; what is due on the way happens in order. */
  advanceTo(timeMs: number): void {
    for (let next = this.nextMs; next !== null && next <= timeMs; next = this.nextMs) {
      const timer = this.#timers.find(({ atMs }) => atMs === next)!;
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.#nowMs = Math.max(this.#nowMs, next);
      timer.run();
    }
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }
}
