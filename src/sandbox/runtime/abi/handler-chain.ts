import type { HttpRequest } from './request.ts';
import type { HttpResponse } from './response.ts';

/** A handler, middleware or auth hook as apps write it. */
export type Handler = (request: HttpRequest, response: HttpResponse, next: (message?: unknown) => void) => unknown;

/** Middleware for errors as Express has it, known by its four parameters. */
export type ErrorHandler = (
  error: unknown,
  request: HttpRequest,
  response: HttpResponse,
  next: (error?: unknown) => void,
) => unknown;

export interface ChainOutcome {
  /** `next()` of the last handler was called. */
  onPassed(): void;
  /** `next(message)` was called. */
  onRefused(message: unknown): void;
  /** A handler threw or rejected. */
  onError(error: unknown): void;
  /** A handler returned a promise; `onSettled` or `onError` follows. */
  onPending?(): void;
  onSettled?(): void;
}

/**
 * Runs handlers in order: each goes on with `next()`. A handler that neither answers nor calls `next` keeps the request
 * open, because it may answer from a callback later. Calling `next` again does nothing.
 */
export function runChain(
  handlers: readonly Handler[],
  request: HttpRequest,
  response: HttpResponse,
  outcome: ChainOutcome,
  index = 0,
): void {
  const handler = handlers[index];
  if (handler === undefined) {
    outcome.onPassed();
    return;
  }
  let isPassed = false;
  const next = (message?: unknown): void => {
    if (isPassed || response.writableEnded) return;
    isPassed = true;
    if (message === undefined || message === null) runChain(handlers, request, response, outcome, index + 1);
    else outcome.onRefused(message);
  };
  try {
    const returned = handler(request, response, next);
    if (!isThenable(returned)) return;
    outcome.onPending?.();
    returned.then(outcome.onSettled, outcome.onError);
  } catch (error) {
    outcome.onError(error);
  }
}

/** Runs handlers of errors in order: `next()` hands on the same error, `next(other)` another; `onLeft` gets what nobody took. */
export function runErrorHandlers(
  handlers: readonly ErrorHandler[],
  error: unknown,
  request: HttpRequest,
  response: HttpResponse,
  onLeft: (error: unknown) => void,
): void {
  const [handler, ...others] = handlers;
  if (handler === undefined || response.writableEnded) {
    onLeft(error);
    return;
  }
  const next = (other?: unknown): void => runErrorHandlers(others, other ?? error, request, response, onLeft);
  try {
    const returned = handler(error, request, response, next);
    if (isThenable(returned)) returned.then(undefined, onLeft);
  } catch (thrown) {
    onLeft(thrown);
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** The text that a refusal is answered with. */
export function toMessage(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
