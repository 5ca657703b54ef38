import { Buffer } from 'node:buffer';
import type { Json } from '../../../core/json.ts';
import type { AppTask, AppTaskResult } from '../../../ports/sandbox.ts';
import type { ResponseSink, TaskControl } from '../runtime-types.ts';
import { ExpressRequest } from './express-request.ts';
import { ExpressResponse } from './express-response.ts';
import { type Handler, isThenable, toMessage } from './handler-chain.ts';
import { createAppError } from './host-error.ts';
import { createInvocation, type Invocation, runInInvocation } from './invocation.ts';
import type { AppHandlers } from './manifest.ts';
import type { HttpRequest } from './request.ts';
import type { HttpResponse } from './response.ts';

/** How much of what a worker writes to its `res` is kept for the record of the run. */
const maxOutputBytes = 64 * 1024;

/**
 * Runs work that is no HTTP request. Resolves when the handler has ended its `res` (with any status), or when the promise
 * that it returned is settled; a job is also done when it returns. Rejects when it throws before that.
 */
export function runTask(app: AppHandlers, task: AppTask, control: TaskControl): Promise<AppTaskResult> {
  const invocation = createInvocation();
  return runInInvocation(invocation, async () => {
    if (task.kind === 'startup') {
      await app.startup?.();
      return { status: 200, output: null };
    }
    const hook = app.taskHooks.get(task.kind);
    if (hook !== undefined) return { status: 200, output: ((await hook(task.name, task.input)) ?? null) as Json };
    return runHandlers(findHandlers(app, task), task, control, invocation);
  });
}

function findHandlers(app: AppHandlers, task: AppTask): readonly Handler[] {
  const handlers = task.kind === 'worker' ? app.topics.get(task.name) : app.jobs.get(task.name);
  if ((task.kind === 'worker' || task.kind === 'job') && handlers !== undefined) return handlers;
  throw createAppError(`The app has no handler for ${task.kind} ${JSON.stringify(task.name)}`, 'not_found');
}

async function runHandlers(
  handlers: readonly Handler[],
  task: AppTask,
  control: TaskControl,
  invocation: Invocation,
): Promise<AppTaskResult> {
  const sink = createTaskSink(control);
  const { promise: ended, resolve: onFinished } = Promise.withResolvers<void>();
  const response = new ExpressResponse(sink, { onFinished, render: null });
  control.onCancel = () => response.abandon();
  if (task.kind === 'job') Object.assign(response, { jobId: getJobId(task.input) });
  const running = runInOrder(handlers, createTaskRequest(task, control), response, { task, ended, invocation });
  // Also what goes wrong after the answer belongs into the log.
  running.catch((error) => console.error(error));
  await Promise.race([ended, running]);
  control.onCancel = null;
  return sink.getResult(response.statusCode);
}

/** Settles when nothing more is to be expected; a worker without a promise is expected to end its `res` later. */
async function runInOrder(
  handlers: readonly Handler[],
  request: HttpRequest,
  response: HttpResponse,
  { task, ended, invocation }: { task: AppTask; ended: Promise<void>; invocation: Invocation },
): Promise<void> {
  for (const handler of handlers) {
    let isPassed = false;
    const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
    const next = (message?: unknown): void => {
      isPassed = true;
      if (message !== undefined && message !== null) response.status(500).end(toMessage(message));
      pass();
    };
    const returned = handler(request, response, next);
    if (isThenable(returned)) await returned;
    else if (!isPassed && task.kind === 'worker') {
      const { promise: failed, reject } = Promise.withResolvers<never>();
      invocation.onUnhandled = () => reject(new Error('A promise of the worker was rejected, and nothing caught it'));
      await Promise.race([ended, passed, failed]);
    }
    if (!isPassed || response.writableEnded) return;
  }
}

function createTaskRequest(task: AppTask, control: TaskControl): HttpRequest {
  const head = {
    method: 'POST',
    hostname: '',
    headers: {},
    path: '',
    apiPath: '',
    originalUrl: '',
    query: {},
    remoteAddress: '',
    space: '',
    authHook: null,
    route: null,
    params: {},
    middleware: [],
  };
  const request = new ExpressRequest(head, null, control);
  request.setBody(task.kind === 'worker' ? task.input : {}, undefined);
  return request;
}

function getJobId(input: Json): Json {
  return typeof input === 'object' && input !== null && 'jobId' in input ? (input.jobId ?? null) : null;
}

interface TaskSink extends ResponseSink {
  getResult(status: number): AppTaskResult;
}

function createTaskSink(control: TaskControl): TaskSink {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const keep = (chunk: Uint8Array): void => {
    if (length >= maxOutputBytes) return;
    chunks.push(chunk.subarray(0, maxOutputBytes - length));
    length += chunk.length;
  };
  return {
    get signal() {
      return control.signal;
    },
    head() {},
    write: async (chunk) => keep(chunk),
    // What failed is in the log; the status that was set decides about the task.
    abort() {},
    end(chunk) {
      if (chunk !== undefined) keep(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    },
    getResult: (status) => ({ status, output: length === 0 ? null : Buffer.concat(chunks).toString('utf8') }),
  };
}
