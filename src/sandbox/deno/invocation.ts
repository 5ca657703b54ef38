import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type {
  AppRequest,
  AppResponse,
  AppTask,
  AppTaskResult,
  CancelSource,
  HostCallContext,
  InvokeOptions,
} from '../../ports/sandbox.ts';
import type { IncomingBytes, OutgoingBytes, StreamEnds } from '../runtime/byte-streams.ts';

/**
 * Something the process was asked to do. It is settled when the caller has its answer, and ended when the process has
 * nothing more to say about it; calls that it makes until then carry its context.
 */
export abstract class Invocation implements HostCallContext, StreamEnds {
  readonly id: number;
  readonly kind: string;
  readonly context: Json;
  readonly deadline: number;
  readonly timeoutMs: number;
  settled = false;
  /** Response body on its way in, request body on its way out. */
  incoming: IncomingBytes | null = null;
  outgoing: OutgoingBytes | null = null;
  #abort: AbortController | null = null;
  #callerSignal: CancelSource | undefined;
  #onCallerAbort: (() => void) | null = null;

  constructor(id: number, kind: string, options: InvokeOptions, now: number) {
    this.id = id;
    this.kind = kind;
    this.context = options.context ?? null;
    this.timeoutMs = options.timeoutMs;
    this.deadline = now + options.timeoutMs;
  }

  get invocation(): this {
    return this;
  }

  /** For host calls: made when one of them looks at it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  watchCaller(signal: CancelSource | undefined, onAbort: () => void): void {
    if (!signal) return;
    this.#callerSignal = signal;
    this.#onCallerAbort = onAbort;
    signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Ends host calls that are still under way for it, and looks after the caller's signal no more. */
  release(reason?: Error): void {
    if (this.#onCallerAbort) this.#callerSignal?.removeEventListener('abort', this.#onCallerAbort);
    this.#onCallerAbort = null;
    if (reason) this.#abort?.abort(reason);
  }

  /** Answers the caller with an error; a response body under way breaks off with it. */
  fail(error: Error): void {
    this.incoming?.fail(error);
    this.outgoing?.fail(error);
    if (this.settled) return;
    this.settled = true;
    this.reject(error);
  }

  protected abstract readonly reject: (error: Error) => void;
  /** What ran out of time, in words for the app's author. */
  abstract describeTimeout(): string;
}

export class RequestInvocation extends Invocation {
  readonly #request: AppRequest;
  readonly #resolve: (response: AppResponse) => void;
  protected readonly reject: (error: Error) => void;

  constructor(
    id: number,
    request: AppRequest,
    options: InvokeOptions,
    now: number,
    resolve: (response: AppResponse) => void,
    reject: (error: Error) => void,
  ) {
    super(id, 'request', options, now);
    this.#request = request;
    this.#resolve = resolve;
    this.reject = reject;
  }

  describeTimeout(): string {
    const { method, path } = this.#request;
    return `The app did not answer ${method} ${path} within ${this.timeoutMs} ms: no handler called res.json(), res.send() or res.end()`;
  }

  answer(response: AppResponse): void {
    this.settled = true;
    this.#resolve(response);
  }
}

export class TaskInvocation extends Invocation {
  readonly #name: string;
  readonly #resolve: (result: AppTaskResult) => void;
  protected readonly reject: (error: Error) => void;

  constructor(
    id: number,
    { kind, name }: Pick<AppTask, 'kind' | 'name'>,
    options: InvokeOptions,
    now: number,
    resolve: (result: AppTaskResult) => void,
    reject: (error: Error) => void,
  ) {
    super(id, kind, options, now);
    this.#name = name;
    this.#resolve = resolve;
    this.reject = reject;
  }

  describeTimeout(): string {
    return `The ${this.kind} ${JSON.stringify(this.#name)} did not finish within ${this.timeoutMs} ms`;
  }

  answer(result: AppTaskResult): void {
    if (this.settled) return;
    this.settled = true;
    this.#resolve(result);
  }
}

export function timeoutError(invocation: Invocation): TackleError {
  return new TackleError('app_timeout', invocation.describeTimeout());
}
