/** A read under way: a generator that yields after each step. */
interface RunningRead {
  readonly id: number;
  readonly steps: Generator<void, unknown, void>;
}

/** Steps are taken for this long before waiting messages are looked at. */
const turnBudgetMs = 5;

/**
 * Shares one thread among reads: those that answer at once do so when they come; the others take steps by turns, first
 * among spaces, then among the reads of a space, so that neither a large scan nor many of them hold up another space.
 */
export class ReadScheduler {
  readonly #resolve: (id: number, result: unknown) => void;
  readonly #reject: (id: number, error: unknown) => void;
  readonly #readsBySpace = new Map<string, RunningRead[]>();
  #isScheduled = false;

  constructor(resolve: (id: number, result: unknown) => void, reject: (id: number, error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  add(id: number, space: string, start: () => unknown): void {
    try {
      const outcome = start();
      if (!isGenerator(outcome)) {
        this.#resolve(id, outcome);
        return;
      }
      const reads = this.#readsBySpace.get(space);
      if (reads === undefined) this.#readsBySpace.set(space, [{ id, steps: outcome }]);
      else reads.push({ id, steps: outcome });
      this.#schedule();
    } catch (error) {
      this.#reject(id, error);
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#readsBySpace.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const deadline = performance.now() + turnBudgetMs;
      do this.#takeStep();
      while (this.#readsBySpace.size > 0 && performance.now() < deadline);
      this.#schedule();
    });
  }

  #takeStep(): void {
    const [entry] = this.#readsBySpace;
    if (entry === undefined) return;
    const [space, reads] = entry;
    const read = reads.shift();
    // To the end of the line, the space among spaces and the read among its own.
    this.#readsBySpace.delete(space);
    if (read !== undefined && !this.#advance(read)) reads.push(read);
    if (reads.length > 0) this.#readsBySpace.set(space, reads);
  }

  /** True when the read is over. */
  #advance(read: RunningRead): boolean {
    try {
      const step = read.steps.next();
      if (step.done !== true) return false;
      this.#resolve(read.id, step.value);
    } catch (error) {
      this.#reject(read.id, error);
    }
    return true;
  }
}

function isGenerator(value: unknown): value is Generator<void, unknown, void> {
  return typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function';
}
