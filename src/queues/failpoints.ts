import { TackleError } from '../core/errors.ts';

/**
 * Named places around every commit of the durable rooms where a test can make something go wrong. Without armed points
 * each costs one look at an empty map.
 */
export const failpointNames = [
  'claim',
  'settle',
  'dead-letter',
  'enqueue',
  'publish',
  'promote',
  'reclaim',
  'tick',
  'step',
  'start',
  'event',
  'timer',
  'change',
  'remember',
  'remove',
] as const;

export type FailpointName = (typeof failpointNames)[number];
export type FailpointSide = 'before' | 'after';

export type FailpointAction =
  /** SIGKILL to this process. */
  | { readonly type: 'kill' }
  | { readonly type: 'throw' }
  | { readonly type: 'delay'; readonly delayMs: number }
  /** The commit is sent twice; only the first answer counts. */
  | { readonly type: 'duplicate' };

interface ArmedPoint {
  readonly action: FailpointAction;
  /** Happens when the point is passed for the n-th time, and then no more. */
  remaining: number;
}

export class Failpoints {
  readonly #armed = new Map<string, ArmedPoint>();
  readonly #passed = new Map<string, number>();
  #counts = false;

  arm(name: FailpointName, side: FailpointSide, action: FailpointAction, nth = 1): void {
    this.#armed.set(`${side}:${name}`, { action, remaining: nth });
  }

  disarm(): void {
    this.#armed.clear();
  }

  /** Counts how often each point is passed, so that a test can tell that it reached all of them. */
  startCounting(): void {
    this.#counts = true;
  }

  get passed(): ReadonlyMap<string, number> {
    return this.#passed;
  }

  /** Reads `before:claim=kill@3,after:settle=delay:50`. */
  static parse(text: string): Failpoints {
    const failpoints = new Failpoints();
    for (const part of text.split(',').filter((entry) => entry.trim() !== '')) {
      const match = /^(before|after):([a-z-]+)=(kill|throw|duplicate|delay)(?::(\d+))?(?:@(\d+))?$/.exec(part.trim());
      const name = failpointNames.find((known) => known === match?.[2]);
      if (match === null || name === undefined) {
        throw new TackleError('invalid_config', `"${part}" is no failpoint; write one like before:claim=kill@3.`);
      }
      const type = match[3] as FailpointAction['type'];
      const action = type === 'delay' ? { type, delayMs: Number(match[4] ?? 100) } : { type };
      failpoints.arm(name, match[1] as FailpointSide, action, Number(match[5] ?? 1));
    }
    return failpoints;
  }

  /** Runs a commit between its two points. */
  async around<Result>(name: FailpointName, commit: () => Promise<Result>): Promise<Result> {
    if (this.#armed.size === 0 && !this.#counts) return commit();
    const before = this.#take('before', name);
    if (before?.type === 'duplicate') {
      const [first] = await Promise.allSettled([commit(), commit()]);
      if (first.status === 'rejected') throw first.reason;
      return first.value;
    }
    await this.#perform('before', name, before);
    const result = await commit();
    await this.#perform('after', name, this.#take('after', name));
    return result;
  }

  #take(side: FailpointSide, name: FailpointName): FailpointAction | null {
    const key = `${side}:${name}`;
    if (this.#counts) this.#passed.set(key, (this.#passed.get(key) ?? 0) + 1);
    const point = this.#armed.get(key);
    if (point === undefined) return null;
    point.remaining -= 1;
    if (point.remaining > 0) return null;
    this.#armed.delete(key);
    return point.action;
  }

  async #perform(side: FailpointSide, name: FailpointName, action: FailpointAction | null): Promise<void> {
    if (action === null || action.type === 'duplicate') return;
    if (action.type === 'kill') process.kill(process.pid, 'SIGKILL');
    if (action.type === 'throw') throw new TackleError('storage_unavailable', `Failpoint ${side}:${name}`);
    if (action.type === 'delay') await new Promise((resolve) => setTimeout(resolve, action.delayMs));
  }
}
