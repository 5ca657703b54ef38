import { callPlatform } from './platform-calls.ts';
import { type Transaction, TransactionBuffer } from './transaction.ts';
import type { Goto, JsonValue, StepFunction, StepTools, Wait, WorkflowState } from './types.ts';

/** What the gateway gives to a step. */
export interface StepInput {
  readonly instanceId: string;
  readonly state: Record<string, unknown>;
  readonly visit: number;
  readonly attempt: number;
  readonly memory: Record<string, Memory>;
}

type Memory =
  | { readonly type: 'run'; readonly value: JsonValue }
  | { readonly type: 'sleep' }
  | { readonly type: 'event'; readonly payload: JsonValue }
  | { readonly type: 'child'; readonly result: ChildResult };

interface ChildResult {
  readonly instanceId?: string;
  readonly status?: string;
  readonly state?: WorkflowState;
  readonly error?: { readonly message: string };
}

/** What a step answers; the gateway commits it. */
export type StepAnswer =
  | {
      type: 'goto';
      next: string | readonly string[] | null;
      patch: object;
      delayMs: number;
      join: boolean;
      /** What the step's transactions write, as `transaction.commit` takes it. */
      writes?: object;
    }
  | { type: 'wait'; patch: object; writes?: object }
  | { type: 'sleep'; memo: string; untilMs: number }
  | { type: 'event'; memo: string; event: string; key: string | null; timeoutMs: number | null }
  | { type: 'child'; memo: string; workflow: string; input: object }
  | { type: 'failed'; message: string; retryable: boolean };

/** A step that called `goto` may still do something; after this it is taken as ended. */
const lingerMs = 5_000;

/**
 * Runs one step to its answer. A step ends by `goto`, `wait`, an exception, or by having to wait for something; in the
 * last case its function stays where it is, and a later run goes on from there with what is remembered.
 */
export function runStep(fn: StepFunction, input: StepInput): Promise<StepAnswer> {
  return new Promise((answer) => new StepRun(input, answer).start(fn));
}

class StepRun {
  readonly #input: StepInput;
  readonly #answer: (answer: StepAnswer) => void;
  readonly #given: Map<string, string | undefined>;
  readonly #occurrences = new Map<string, number>();
  #outcome: StepAnswer | null = null;
  #suspension: StepAnswer | null = null;
  #runsUnderWay = 0;
  #writes = new TransactionBuffer();
  #lastWrite: Promise<unknown> = Promise.resolve();
  #isReturned = false;
  #isAnswered = false;

  constructor(input: StepInput, answer: (answer: StepAnswer) => void) {
    this.#input = input;
    this.#answer = answer;
    this.#given = new Map(Object.entries(input.state).map(([name, value]) => [name, JSON.stringify(value)]));
  }

  start(fn: StepFunction): void {
    const state = { ...this.#input.state, instanceId: this.#input.instanceId } as WorkflowState;
    Promise.resolve()
      .then(() => fn(state, this.#goto, this.#wait, this.#tools()))
      .then(
        () => {
          this.#isReturned = true;
          // Without goto so far: it may come from a callback. The step's timeout ends a wait in vain.
          this.#answerIfReady();
        },
        (error: unknown) => this.#fail(error),
      );
  }

  readonly #goto: Goto = async (next, state, options) => {
    const delay = Number(options?.delay ?? 0);
    this.#end({
      type: 'goto',
      next: next === undefined ? null : next,
      patch: this.#changes(state),
      delayMs: Number.isFinite(delay) && delay > 0 ? delay : 0,
      join: options?.join !== false,
    });
  };

  readonly #wait: Wait = async (state) => this.#end({ type: 'wait', patch: this.#changes(state) });

  #end(outcome: StepAnswer): void {
    if (this.#outcome !== null) {
      console.warn('goto or wait was called again in the same step; only the first call counts');
      return;
    }
    this.#outcome = outcome;
    this.#answerIfReady();
    if (!this.#isAnswered) lingering.add(this);
  }

  #fail(error: unknown): void {
    this.#isReturned = true;
    console.error(error);
    // Where to go was said already; what comes after cannot take it back.
    if (this.#outcome !== null) {
      this.#answerIfReady();
      return;
    }
    // The log has the stack, with the lines of the source; here it would have those of the bundle.
    const message = String(error);
    const isFinal = typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === false;
    this.#give({ type: 'failed', message, retryable: !isFinal });
  }

  #answerIfReady(): void {
    if (this.#outcome !== null && this.#isReturned) this.#give(this.#outcome);
    else if (this.#suspension !== null && this.#runsUnderWay === 0) this.#give(this.#suspension);
  }

  /** Taken as ended with what `goto` or `wait` said, whatever it still does. */
  giveOutcome(): void {
    if (this.#outcome !== null) this.#give(this.#outcome);
  }

  #give(answer: StepAnswer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    lingering.delete(this);
    const ends = answer.type === 'goto' || answer.type === 'wait';
    this.#answer(ends && !this.#writes.isEmpty ? { ...answer, writes: this.#writes.toParams() } : answer);
  }

  /** Only what the step changed, so that it does not overwrite what others stored meanwhile. */
  #changes(state: object | null | undefined): object {
    const text = JSON.stringify(state ?? {});
    const stored = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(stored).filter(([name, value]) => this.#given.get(name) !== JSON.stringify(value)),
    );
  }

  /** One after the other; each sees what those before it wrote, and leaves nothing when it throws. */
  #collectWrites<Result>(fn: (tx: Transaction) => Result | Promise<Result>): Promise<Result> {
    const written = this.#lastWrite.then(async () => {
      const draft = this.#writes.copy();
      const result = await fn(draft);
      if (this.#isAnswered) throw new Error('The step has ended already; its transaction was not written');
      this.#writes = draft;
      return result;
    });
    this.#lastWrite = written.catch(() => undefined);
    return written;
  }

  #memo(kind: string, name: string): string {
    const key = `${kind}:${name}`;
    const number = (this.#occurrences.get(key) ?? 0) + 1;
    this.#occurrences.set(key, number);
    return number === 1 ? key : `${key}#${number}`;
  }

  /** Never resolves: the step is run again when what it waits for has come. */
  #suspend(answer: StepAnswer): Promise<never> {
    this.#suspension ??= answer;
    this.#answerIfReady();
    return new Promise<never>(() => undefined);
  }

  #tools(): StepTools {
    const { memory, attempt } = this.#input;
    return {
      attempt,
      run: async (name, fn) => {
        const memo = this.#memo('run', name);
        const known = memory[memo];
        if (known?.type === 'run') return known.value as Awaited<ReturnType<typeof fn>>;
        return this.#runAndRemember(memo, fn);
      },
      transaction: (fn) => this.#collectWrites(fn),
      sleep: async (durationMs) => {
        const memo = this.#memo('sleep', '');
        if (memory[memo] !== undefined) return;
        return this.#suspend({ type: 'sleep', memo, untilMs: Date.now() + Math.max(0, Number(durationMs) || 0) });
      },
      waitForEvent: async (name, options = {}) => {
        const memo = this.#memo('event', name);
        const known = memory[memo];
        if (known?.type === 'event') return known.payload as never;
        const timeoutMs = options.timeout ?? null;
        return this.#suspend({ type: 'event', memo, event: name, key: options.key ?? null, timeoutMs });
      },
      child: async (workflow, state = {}) => {
        const name = typeof workflow === 'string' ? workflow : workflow.name;
        const memo = this.#memo('child', name);
        const known = memory[memo];
        if (known?.type === 'child') return readChild(name, known.result);
        const input = JSON.parse(JSON.stringify(state)) as object;
        return this.#suspend({ type: 'child', memo, workflow: name, input });
      },
    };
  }

  async #runAndRemember<Result>(memo: string, fn: () => Result | Promise<Result>): Promise<Result> {
    this.#runsUnderWay += 1;
    try {
      const result = await fn();
      const { instanceId, visit } = this.#input;
      const value = { type: 'run', value: result === undefined ? null : result };
      await callPlatform('workflow.remember', { instanceId, visit, memo, value });
      return result;
    } finally {
      this.#runsUnderWay -= 1;
      queueMicrotask(() => this.#answerIfReady());
    }
  }
}

/** Steps that have said where to go and have not returned. One timer serves all: most return at once. */
class LingeringSteps {
  /** With the time when each is taken as ended, the earliest first. */
  readonly #steps = new Map<StepRun, number>();
  #isWatching = false;

  add(step: StepRun): void {
    this.#steps.set(step, performance.now() + lingerMs);
    if (!this.#isWatching) this.#watch(lingerMs);
  }

  delete(step: StepRun): void {
    this.#steps.delete(step);
  }

  #watch(waitMs: number): void {
    this.#isWatching = true;
    setTimeout(() => {
      this.#isWatching = false;
      this.#endOverdue();
    }, waitMs);
  }

  #endOverdue(): void {
    for (const [step, dueMs] of this.#steps) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        this.#watch(waitMs);
        return;
      }
      step.giveOutcome();
    }
  }
}

const lingering = new LingeringSteps();

function readChild(name: string, result: ChildResult): WorkflowState {
  if (result.error !== undefined)
    throw new Error(`The child workflow "${name}" did not start: ${result.error.message}`);
  if (result.status === 'completed' && result.state !== undefined) return result.state;
  throw new Error(`The child workflow "${name}" (${result.instanceId}) ended as ${result.status}`);
}
