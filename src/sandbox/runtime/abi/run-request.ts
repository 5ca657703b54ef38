import type { RequestHead, ResponseSink } from '../runtime-types.ts';
import { ExpressRequest } from './express-request.ts';
import { ExpressResponse } from './express-response.ts';
import { type Handler, runChain, runErrorHandlers, toMessage } from './handler-chain.ts';
import { createInvocation, runInInvocation } from './invocation.ts';
import type { AppHandlers } from './manifest.ts';
import type { HttpRequest } from './request.ts';
import { collectBytes, decodeContent, getBodyKind, MalformedBodyError, parseBody } from './request-body.ts';
import type { HttpResponse, ResponseOwner } from './response.ts';
import type { OpenAppFile } from './send-file.ts';

type Body = Uint8Array | ReadableStream<Uint8Array> | null;

/**
 * Runs one HTTP request through the app: parse, auth hook, global middleware, route handlers. Resolves when the response
 * has ended (or its client is gone); what the app goes on doing after that is its own.
 */
export function runRequest(
  app: AppHandlers & { readonly openFile: OpenAppFile },
  head: RequestHead,
  body: Body,
  sink: ResponseSink,
): Promise<void> {
  const invocation = createInvocation();
  return runInInvocation(invocation, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const owner: ResponseOwner = {
      onFinished: resolve,
      render: app.render,
      onWriting(taken) {
        invocation.unsent = taken;
      },
    };
    const request = new ExpressRequest(head, body, sink);
    const response = new ExpressResponse(sink, owner, { request, openFile: app.openFile });
    const handling = new Handling(response);
    invocation.onUnhandled = handling.onUnhandled;
    const parsing = fillBody(request, body);
    if (parsing === null) runParsed(app, head, request, handling);
    else {
      parsing.then(
        () => runParsed(app, head, request, handling),
        (error) => answerBodyError(response, error),
      );
    }
    if (!response.writableEnded) watchClient(response, sink.signal, promise);
    return promise;
  });
}

function watchClient(response: HttpResponse, signal: AbortSignal, ended: Promise<void>): void {
  const abandon = (): void => response.abandon();
  if (signal.aborted) {
    abandon();
    return;
  }
  signal.addEventListener('abort', abandon, { once: true });
  void ended.then(() => signal.removeEventListener('abort', abandon));
}

/** Null when the body is in place already; most are. */
function fillBody(request: HttpRequest, body: Body): Promise<void> | null {
  const contentType = String(request.headers['content-type'] ?? '');
  if (body === null && contentType === '') return null;
  const kind = getBodyKind(contentType);
  if (kind === 'stream') return null;
  if (body === null) {
    // Nothing is a text too: handlers compute signatures of it.
    request.rawBody = '';
    return null;
  }
  if (kind === 'untyped' && !(body instanceof Uint8Array)) return null;
  const encoding = request.headers['content-encoding'];
  const apply = (bytes: Uint8Array): void => {
    const content = encoding === undefined ? bytes : decodeContent(bytes, String(encoding));
    const parsed = parseBody(kind, contentType, content);
    request.setBody(parsed.body, parsed.rawBody);
  };
  if (!(body instanceof Uint8Array)) {
    return collectBytes(body).then((bytes) => {
      request.replaceSource(bytes);
      apply(bytes);
    });
  }
  try {
    apply(body);
    return null;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What is wrong with the bytes of the client is 400; anything else while reading them is an error like others. */
function answerBodyError(response: HttpResponse, error: unknown): void {
  if (error instanceof MalformedBodyError) response.status(400).json({ error: error.message });
  else response.fail(error);
}

/**
 * What is known of the handlers of one request. A rejection that nothing in the app caught ends the request when no handler
 * is at work any more: it would otherwise wait for its answer until the time is over.
 */
class Handling {
  readonly response: HttpResponse;
  #pending = 0;
  #isUnhandled = false;

  constructor(response: HttpResponse) {
    this.response = response;
  }

  readonly onError = (error: unknown): void => this.response.fail(error);

  readonly onPending = (): void => {
    this.#pending += 1;
  };

  readonly onSettled = (): void => {
    this.#pending -= 1;
    if (this.#isUnhandled) this.onUnhandled();
  };

  /** The error itself is in the log already. */
  readonly onUnhandled = (): void => {
    this.#isUnhandled = true;
    if (this.#pending === 0) this.response.breakOff();
  };
}

function runParsed(app: AppHandlers, head: RequestHead, request: HttpRequest, handling: Handling): void {
  const { response, onError, onPending, onSettled } = handling;
  const runRoute = (): void => {
    if (head.route === null) {
      response.status(404).json({ error: `No route for ${request.method} ${request.apiPath}` });
      return;
    }
    const groups = app.routeGroups[head.route]?.exec(head.apiPath)?.groups;
    if (groups !== undefined) request.params = { ...groups };
    const handlers = collectHandlers(app, head.middleware, head.route);
    const recover = (error: unknown, onLeft: (left: unknown) => void): void => {
      const errorHandlers = head.middleware.flatMap((index) => app.errorHandlers[index] ?? []);
      runErrorHandlers(errorHandlers, error, request, response, onLeft);
    };
    runChain(handlers, request, response, {
      onPassed() {},
      onRefused: (message) => recover(message, (left) => void response.status(500).end(toMessage(left))),
      onError: (error) => recover(error, onError),
      onPending,
      onSettled,
    });
  };
  if (head.authHook === null) {
    runRoute();
    return;
  }
  runChain(app.auths[head.authHook] ?? [denyAll], request, response, {
    onPassed: runRoute,
    onRefused: (message) => void response.status(403).end(toMessage(message)),
    onError,
    onPending,
    onSettled,
  });
}

/** An index that names no hook is a disagreement between gateway and app: never let it open a door. */
const denyAll: Handler = (_request, _response, next) => next('Authentication failed');

function collectHandlers(app: AppHandlers, middleware: readonly number[], route: number): readonly Handler[] {
  const handlers = app.routes[route] ?? [];
  if (middleware.length === 0) return handlers;
  return [...middleware.flatMap((index) => app.middleware[index] ?? []), ...handlers];
}
