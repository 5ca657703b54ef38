import type { Transaction } from './transaction.ts';

/** Anything that survives JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What a step is given: the fields of the instance, and those of the engine. */
// biome-ignore lint/suspicious/noExplicitAny: the app decides what its state holds
export type WorkflowState = Record<string, any> & { readonly instanceId: string; readonly _id: string };

export interface GotoOptions {
  /** Milliseconds until the next step may start; survives restarts. */
  readonly delay?: number;
  /** False lets a step of a parallel list go on to another step instead of joining the others. */
  readonly join?: boolean;
}

/**
 * Ends the step and says where to go: a step, a list of steps that run in parallel, or null when the workflow is complete.
 * The fields of `state` that differ from what the step was given are stored. Only the first call in a step counts.
 */
export type Goto = (
  next: string | readonly string[] | null,
  state?: object | null,
  options?: GotoOptions,
) => Promise<void>;

/** Ends the step and pauses until `updateState` or `continue`, which run the same step again. */
export type Wait = (state?: object | null) => Promise<void>;

export interface WaitForEventOptions {
  /** Milliseconds; without it the wait has no end. */
  readonly timeout?: number;
  /** Waits for events sent to this key instead of to this instance. */
  readonly key?: string;
}

/** What a step can do beyond `goto` and `wait`. Everything here survives a restart of the gateway. */
export interface StepTools {
  /** 1, then 2 for the first retry, and so on. */
  readonly attempt: number;
  /**
   * Calls `fn` once and remembers what it gave: when the step is run again (after a failure, a sleep, a wait for an
   * event), the value comes from memory. A function that throws is not remembered.
   */
  run<Result>(name: string, fn: () => Result | Promise<Result>): Promise<Result>;
  /**
   * Writes documents, keys and tasks in the commit in which the step ends by `goto` or `wait`: once, whatever crashes. Reads
   * see what was written here before. When the step throws, or what it read was changed meanwhile by others (then it is run
   * again), nothing is written; when `fn` throws, nothing of that call is. Await it before the step ends, and do not call it
   * inside of itself.
   */
  transaction<Result>(fn: (tx: Transaction) => Result | Promise<Result>): Promise<Result>;
  /** Continues here after so many milliseconds; nothing runs meanwhile. */
  sleep(durationMs: number): Promise<void>;
  /** The payload of the next event of this name; null after the timeout. An event that came before is not lost. */
  waitForEvent<Payload = JsonValue>(name: string, options?: WaitForEventOptions): Promise<Payload | null>;
  /** Starts an instance of another workflow of the app and continues with its final state; throws when it was cancelled. */
  child(workflow: string | { readonly name: string }, state?: object): Promise<WorkflowState>;
}

export type StepFunction = (state: WorkflowState, goto: Goto, wait: Wait, step: StepTools) => unknown;
export type StepDefinitions = Record<string, StepFunction>;

export interface StepOptions {
  /** Milliseconds after which an attempt has failed. */
  readonly timeout?: number;
  readonly maxRetries?: number;
  /** Milliseconds before the first retry; later ones wait longer. */
  readonly retryDelay?: number;
  readonly workers?: number;
}

export interface WorkflowOptions extends StepOptions {
  readonly collectionName?: string;
  readonly queuePrefix?: string;
  /** How often an instance may visit one step. Default 3. */
  readonly maxStepCount?: number;
  readonly steps?: Record<string, StepOptions>;
  /** `latest` (default): a new deployment takes over; `pinned`: an instance ends on the deployment it began on. */
  readonly versioning?: 'latest' | 'pinned';
}

export interface StartOptions {
  /** Instead of a generated one; starting twice with the same id is refused. */
  readonly id?: string;
  readonly delay?: number;
}

export interface SendEventOptions {
  /** The instance that gets it. */
  readonly instanceId?: string;
  /** Or whoever waits for this key, now or later. */
  readonly key?: string;
  /** How long it is kept while nobody waits, in milliseconds. Default 7 days. */
  readonly ttl?: number;
  /** The same id is delivered once. */
  readonly id?: string;
}

export interface ForkOptions {
  /** Fields to change in the state that the step was given; null removes one. */
  readonly state?: object;
  /** Take this as what the step did instead of running it. */
  readonly outcome?: { readonly next: string | readonly string[] | null; readonly state?: object };
  /** Results of `run(name)` to change, by name. */
  readonly results?: Record<string, JsonValue>;
  /** Keep the other results of `run`. Default true. */
  readonly keepResults?: boolean;
}

/** Throw it when there is no use in trying a step again. */
export class TerminalError extends Error {
  readonly retryable = false;
  override readonly name = 'TerminalError';
}
