/** How operations that belong together are put in order. */
export interface OperationOrder {
  /** A write that is one commit. */
  write<Result>(issue: () => Promise<Result>): Promise<Result>;
  /** A write that reads first, or consists of several commits. */
  compound<Result>(work: () => Promise<Result>): Promise<Result>;
  read<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Every operation stands for itself. */
export const noOrder: OperationOrder = {
  write: (issue) => issue(),
  compound: (work) => work(),
  read: (work) => work(),
};

/**
 * The order of operations of one invocation: writes are committed in the order of the calls, and a read sees the writes that
 * were called before it, awaited or not. Operations of different orders do not wait for each other.
 */
export class WriteOrder implements OperationOrder {
  /** Writes that were handed to the storage, which keeps their order by itself. */
  readonly #open = new Set<Promise<unknown>>();
  /** End of the last operation that reads before it writes; later writes must not overtake it. */
  #barrier: Promise<unknown> | null = null;

  write<Result>(issue: () => Promise<Result>): Promise<Result> {
    const result = this.#barrier === null ? issue() : this.#barrier.then(issue);
    this.#track(result);
    return result;
  }

  compound<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#hasOpen ? this.#settled().then(work) : work();
    const barrier = result.then(ignore, ignore).then(() => {
      if (this.#barrier === barrier) this.#barrier = null;
    });
    this.#barrier = barrier;
    this.#track(result);
    return result;
  }

  read<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#hasOpen ? this.#settled().then(work) : work();
  }

  get #hasOpen(): boolean {
    return this.#open.size > 0 || this.#barrier !== null;
  }

  async #settled(): Promise<void> {
    await Promise.all([...[...this.#open].map((open) => open.then(ignore, ignore)), this.#barrier]);
  }

  #track(result: Promise<unknown>): void {
    this.#open.add(result);
    const done = (): boolean => this.#open.delete(result);
    result.then(done, done);
  }
}

function ignore(): void {}
