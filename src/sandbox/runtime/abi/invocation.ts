import { AsyncLocalStorage } from 'node:async_hooks';

/** What the ABI keeps for one request or task: the writes under way, for reads that must see them. */
export interface Invocation {
  pendingWrites: Set<Promise<unknown>> | null;
  /** The latest operation that reads before it writes; later writes must not overtake it. */
  barrier: Promise<unknown> | null;
  /** Told of a rejection that nothing in the app caught. */
  onUnhandled: (() => void) | null;
  /** Resolves when the gateway has taken what was written to the response so far. */
  unsent: Promise<unknown> | null;
}

export function createInvocation(): Invocation {
  return { pendingWrites: null, barrier: null, onUnhandled: null, unsent: null };
}

const current = new AsyncLocalStorage<Invocation>();
/** Module level, and timers that outlive everything. */
const background = createInvocation();

export function runInInvocation<Result>(invocation: Invocation, run: () => Result): Result {
  return current.run(invocation, run);
}

/** Tells the invocation in whose name the caller runs that one of its promises was rejected and nobody looked. */
export function noteUnhandledRejection(): void {
  current.getStore()?.onUnhandled?.();
}

export function getInvocation(): Invocation {
  return current.getStore() ?? background;
}

/** Remembers a write until it has answered, so that `beforeRead` can wait for it. Returns the same promise. */
export function trackWrite<Result>(write: Promise<Result>): Promise<Result> {
  const invocation = getInvocation();
  invocation.pendingWrites ??= new Set();
  const pending = invocation.pendingWrites;
  const forget = (): void => void pending.delete(settled);
  const settled: Promise<void> = write.then(forget, forget);
  pending.add(settled);
  return write;
}

/** Null when there is nothing to wait for, which is the common case and must not cost a turn of the event loop. */
export function beforeRead(): Promise<unknown> | null {
  const pending = getInvocation().pendingWrites;
  return pending === null || pending.size === 0 ? null : Promise.all(pending);
}

/** What a single write has to wait for: only operations that read first, for the gateway keeps the order of the others. */
export function beforeWrite(): Promise<unknown> | null {
  return getInvocation().barrier;
}

/** Like `trackWrite`, for a write that reads first (`updateMany`, `enqueueFromQuery`): later writes wait for it. */
export function trackBarrier<Result>(write: Promise<Result>): Promise<Result> {
  const invocation = getInvocation();
  const settled = trackWrite(write).then(release, release);
  invocation.barrier = settled;
  function release(): void {
    if (invocation.barrier === settled) invocation.barrier = null;
  }
  return write;
}
