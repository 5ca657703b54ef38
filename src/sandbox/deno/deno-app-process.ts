import { TackleError } from '../../core/errors.ts';
import type {
  AppManifest,
  AppProcess,
  AppRequest,
  AppResponse,
  AppTask,
  AppTaskResult,
  CancelSource,
  HostCallContext,
  InvokeOptions,
  ProcessExit,
} from '../../ports/sandbox.ts';
import { IncomingBytes, OutgoingBytes } from '../runtime/byte-streams.ts';
import { bodyKind, frameType, inlineBodyBytes, logTypes, maxOpenCalls } from '../runtime/protocol.ts';
import type { EgressServer } from './egress-server.ts';
import { ProtocolViolation } from './frame-reader.ts';
import type { HostCallServer } from './host-call-server.ts';
import { type Invocation, RequestInvocation, TaskInvocation, timeoutError } from './invocation.ts';
import type { LogIntake } from './log-intake.ts';
import { parseFrameJson, parseResponseHeaders, parseTaskResult } from './parse-answers.ts';
import type { ProcessLink } from './process-link.ts';
import { requestHead } from './request-head.ts';
import { parseWireError } from './wire-errors.ts';

/** Invocations that were given up on while the process went on with them; more than this and it is not healthy. */
const maxAbandoned = 512;
const rememberedOutlived = 4096;
const background: { readonly invocation: null; readonly signal: AbortSignal } = {
  invocation: null,
  signal: new AbortController().signal,
};

/** What serves the process besides its invocations. */
export interface AppParts {
  readonly calls: HostCallServer;
  readonly logs: LogIntake;
  readonly egress: EgressServer;
}

/** The process of one app, serving. */
export class DenoAppProcess implements AppProcess {
  readonly manifest: AppManifest;
  readonly exited: Promise<ProcessExit>;
  /** Set by the supervisor: called when an invocation begins. */
  onBusy: () => void = () => {};
  readonly #link: ProcessLink;
  readonly #label: string;
  readonly #parts: AppParts;
  readonly #open = new Map<number, Invocation>();
  /**
   * Invocations that ended without success and whose handlers may still run: null for requests, which may not write any
   * more; the context of tasks, which may write until their task is given to another attempt.
   */
  readonly #outlived = new Map<number, HostCallContext | null>();
  #abandoned = 0;
  #lastId = 0;
  /** Ids were used up once and started again: any even one may have been given. */
  #wrapped = false;
  #earliestDeadline = Number.POSITIVE_INFINITY;
  #stopping: Promise<ProcessExit> | null = null;
  #idle: (() => void) | null = null;
  #ended: TackleError | null = null;

  constructor(link: ProcessLink, label: string, parts: AppParts, manifest: AppManifest) {
    this.#link = link;
    this.#label = label;
    this.#parts = parts;
    this.manifest = manifest;
    link.onFrame = this.#onFrame;
    this.exited = link.exited.then((exit) => {
      this.#failAll(exit);
      return exit;
    });
  }

  get active(): number {
    return this.#open.size - this.#abandoned;
  }

  request(request: AppRequest, options: InvokeOptions): Promise<AppResponse> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(options);
      if (refusal) {
        reject(refusal);
        return;
      }
      const invocation = new RequestInvocation(this.#nextId(), request, options, performance.now(), resolve, reject);
      this.#register(invocation, options);
      const { body } = request;
      const { writer } = this.#link;
      if (body === null) {
        writer.sendRequest(frameType.request, invocation.id, bodyKind.none, requestHead(request), null);
      } else if (body instanceof Uint8Array && body.length <= inlineBodyBytes) {
        writer.sendRequest(frameType.request, invocation.id, bodyKind.inline, requestHead(request), body);
      } else {
        writer.sendRequest(frameType.request, invocation.id, bodyKind.stream, requestHead(request), null);
        invocation.outgoing = new OutgoingBytes(writer, invocation.id);
        void pump(body, invocation.outgoing);
      }
    });
  }

  run(task: AppTask, options: InvokeOptions): Promise<AppTaskResult> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(options);
      if (refusal) {
        reject(refusal);
        return;
      }
      const { kind, name, input } = task;
      const invocation = new TaskInvocation(this.#nextId(), task, options, performance.now(), resolve, reject);
      this.#register(invocation, options);
      const text = JSON.stringify({ kind, name, input });
      this.#link.writer.send(frameType.task, invocation.id, text);
    });
  }

  setEnv(env: Readonly<Record<string, string>>): void {
    if (!this.#ended) this.#link.writer.sendJson(frameType.env, 0, env);
  }

  stop(graceMs: number): Promise<ProcessExit> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async residentBytes(): Promise<number> {
    return this.#link.residentBytes();
  }

  /** Gives up on what ran out of time. Called regularly by the supervisor. */
  checkDeadlines(now: number): void {
    if (now < this.#earliestDeadline) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const invocation of this.#open.values()) {
      // Once the head of a response is there, its body may take as long as its reader does.
      if (invocation.settled) continue;
      if (now >= invocation.deadline) this.#giveUp(invocation);
      else if (invocation.deadline < earliest) earliest = invocation.deadline;
    }
    this.#earliestDeadline = earliest;
  }

  /** Of tasks the queue tells; who sent the request is not who reads the log. */
  #giveUp(invocation: Invocation): void {
    const error = timeoutError(invocation);
    if (invocation.kind === 'request') this.#parts.logs.line('request', 'error', error.message);
    this.#cancel(invocation, error);
  }

  async #stop(graceMs: number): Promise<ProcessExit> {
    if (this.#open.size > this.#abandoned && graceMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      this.#idle = resolve;
      await Promise.race([promise, this.exited]);
      clearTimeout(timer);
    }
    this.#link.kill('stopped', '');
    return this.exited;
  }

  #refusal(options: InvokeOptions): Error | null {
    if (this.#ended) return this.#ended;
    if (options.signal?.aborted) return abortError(options.signal);
    if (this.#stopping)
      return new TackleError('app_crashed', `The process of ${this.#label} is being stopped. Try again.`);
    if (this.#open.size >= maxOpenCalls + this.#abandoned) {
      return new TackleError(
        'overloaded',
        `The app ${this.#label} has ${maxOpenCalls} calls under way already. Try again later.`,
      );
    }
    return null;
  }

  #nextId(): number {
    do {
      if (this.#lastId >= 0xffff_fffc) {
        this.#lastId = 0;
        this.#wrapped = true;
      }
      this.#lastId += 2;
    } while (this.#open.has(this.#lastId));
    return this.#lastId;
  }

  #register(invocation: Invocation, options: InvokeOptions): void {
    this.#open.set(invocation.id, invocation);
    this.onBusy();
    if (invocation.deadline < this.#earliestDeadline) this.#earliestDeadline = invocation.deadline;
    invocation.watchCaller(options.signal, () => this.#cancel(invocation, abortError(options.signal!)));
  }

  /** The caller gets its error now; the process is told, and what it still does for it counts as abandoned. */
  #cancel(invocation: Invocation, error: Error): void {
    if (!this.#open.has(invocation.id)) return;
    invocation.release(error);
    invocation.fail(error);
    this.#link.writer.send(frameType.cancel, invocation.id, error.message);
    if (invocation instanceof RequestInvocation) {
      // The handler may go on, but nobody waits for it: its writes are refused from now on.
      this.#open.delete(invocation.id);
      this.#remember(invocation.id, null);
    } else {
      this.#abandoned++;
      if (this.#abandoned > maxAbandoned) {
        this.#link.kill('unresponsive', `More than ${maxAbandoned} tasks ran out of time and never ended`);
      }
    }
    this.#checkIdle();
  }

  #remember(id: number, context: HostCallContext | null): void {
    this.#outlived.set(id, context);
    if (this.#outlived.size > rememberedOutlived) {
      for (const oldest of this.#outlived.keys()) {
        this.#outlived.delete(oldest);
        break;
      }
    }
  }

  #finish(invocation: Invocation, wasAbandoned: boolean): void {
    this.#open.delete(invocation.id);
    if (wasAbandoned) this.#abandoned--;
    invocation.release();
    invocation.outgoing?.fail(new Error('The app answered without reading the rest of the body'));
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#idle && this.#open.size <= this.#abandoned) this.#idle();
  }

  readonly #onFrame = (type: number, id: number, bytes: Buffer, start: number, end: number): void => {
    switch (type) {
      case frameType.response:
      case frameType.responseHead:
        this.#onResponse(type, id, bytes, start, end);
        break;
      case frameType.call:
        this.#onCall(id, bytes, start, end);
        break;
      case frameType.log:
        this.#onLog(id, bytes, start, end);
        break;
      case frameType.taskDone: {
        const invocation = this.#find(id);
        if (!invocation) break;
        if (!(invocation instanceof TaskInvocation)) throw new ProtocolViolation('A task result for a request');
        const result = parseTaskResult(bytes.toString('utf8', start, end));
        const abandoned = invocation.settled;
        if (abandoned || result.status >= 400) this.#remember(id, invocation);
        invocation.answer(result);
        this.#finish(invocation, abandoned);
        break;
      }
      case frameType.failed:
        this.#onFailed(id, bytes.toString('utf8', start, end));
        break;
      case frameType.pong:
        this.#link.lastPong = performance.now();
        break;
      default:
        if (id % 2 === 1) this.#parts.egress.onFrame(type, id, bytes, start, end);
        else this.#onStreamFrame(type, id, bytes, start, end);
    }
  };

  #onResponse(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const invocation = this.#find(id);
    if (!invocation) return;
    if (!(invocation instanceof RequestInvocation) || invocation.settled) {
      throw new ProtocolViolation('A response to what is not a request, or a second one');
    }
    if (end - start < 6) throw new ProtocolViolation('A response without head');
    const status = bytes.readUInt16LE(start);
    const bodyStart = start + 6 + bytes.readUInt32LE(start + 2);
    if (bodyStart > end || status < 200 || status > 599) throw new ProtocolViolation('A response with a broken head');
    const headers = parseResponseHeaders(bytes.toString('utf8', start + 6, bodyStart));
    if (type === frameType.response) {
      invocation.answer({ status, headers, body: bodyStart === end ? null : bytes.subarray(bodyStart, end) });
      this.#finish(invocation, false);
      return;
    }
    if (bodyStart !== end) throw new ProtocolViolation('A response head with a body');
    const incoming = new IncomingBytes(this.#link.writer, id, () => this.#cancel(invocation, abortError(undefined)));
    invocation.incoming = incoming;
    invocation.answer({ status, headers, body: incoming.stream });
  }

  #onCall(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start < 6) throw new ProtocolViolation('A call without head');
    const invocationId = bytes.readUInt32LE(start);
    const paramsStart = start + 5 + bytes[start + 4]!;
    if (paramsStart > end) throw new ProtocolViolation('A call with a broken head');
    const method = bytes.toString('latin1', start + 5, paramsStart);
    this.#parts.calls.start(id, method, bytes.toString('utf8', paramsStart, end), this.#callContext(invocationId));
  }

  #callContext(invocationId: number): HostCallContext | TackleError {
    if (invocationId === 0) return background;
    const invocation = this.#open.get(invocationId);
    if (invocation) return invocation;
    const outlived = this.#outlived.get(invocationId);
    if (outlived === null) {
      return new TackleError('lease_lost', 'The request that made this call was cancelled or ran out of time');
    }
    if (outlived !== undefined) return outlived;
    this.#checkKnown(invocationId);
    return background;
  }

  #onLog(id: number, bytes: Buffer, start: number, end: number): void {
    const logtype = logTypes[bytes[start] ?? 255];
    if (start >= end || !logtype) throw new ProtocolViolation('A log line of an unknown type');
    const taken = this.#parts.logs.line(
      this.#open.get(id)?.kind ?? null,
      logtype,
      bytes.toString('utf8', start + 1, end),
    );
    if (!taken) this.#link.slowDown();
  }

  #onFailed(id: number, text: string): void {
    const invocation = this.#find(id);
    if (!invocation) return;
    const abandoned = invocation.settled;
    if (invocation instanceof TaskInvocation) this.#remember(id, invocation);
    const wire = parseWireError(parseFrameJson(text));
    invocation.fail(
      new TackleError('internal', wire.message, { details: { name: wire.name, stack: wire.stack }, cause: undefined }),
    );
    this.#finish(invocation, abandoned);
  }

  #onStreamFrame(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const invocation = this.#find(id);
    if (!invocation) return;
    const { incoming, outgoing } = invocation;
    if (type === frameType.credit && end - start === 4) {
      if (outgoing && !outgoing.addCredit(bytes.readUInt32LE(start)))
        throw new ProtocolViolation('More credit than was used');
      return;
    }
    if (!incoming) throw new ProtocolViolation(`A frame of type ${type} that nothing waits for`);
    if (type === frameType.data) {
      if (!incoming.push(bytes.subarray(start, end)))
        throw new ProtocolViolation('More data than there was credit for');
    } else if (type === frameType.end) {
      incoming.end();
      this.#finish(invocation, false);
    } else if (type === frameType.abort) {
      const wire = parseWireError(parseFrameJson(bytes.toString('utf8', start, end)));
      incoming.fail(new TackleError('internal', `The app broke its response off: ${wire.message}`));
      this.#finish(invocation, false);
    } else throw new ProtocolViolation(`A frame of the unknown type ${type}`);
  }

  /** Null for what has ended already: its last frames may cross with ours. Ids that never were are a violation. */
  #find(id: number): Invocation | null {
    const invocation = this.#open.get(id);
    if (invocation) return invocation;
    this.#checkKnown(id);
    return null;
  }

  #checkKnown(id: number): void {
    const given = id % 2 === 0 && id !== 0 && (this.#wrapped || id <= this.#lastId);
    if (!given) throw new ProtocolViolation(`An invocation ${id} that never was`);
  }

  #failAll(exit: ProcessExit): void {
    const unresponsive = exit.reason === 'unresponsive';
    const why = exit.stderr ? `: ${exit.stderr.slice(-500)}` : '';
    this.#ended = new TackleError(
      unresponsive ? 'app_unresponsive' : 'app_crashed',
      `The process of ${this.#label} ended (${exit.reason})${why}`,
    );
    for (const invocation of this.#open.values()) {
      invocation.release(this.#ended);
      invocation.fail(this.#ended);
    }
    this.#open.clear();
    this.#abandoned = 0;
  }
}

async function pump(body: Uint8Array | ReadableStream<Uint8Array>, outgoing: OutgoingBytes): Promise<void> {
  if (body instanceof Uint8Array) {
    outgoing.write(body).catch(() => {});
    outgoing.end();
    return;
  }
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await outgoing.write(value);
    }
    outgoing.end();
  } catch (error) {
    outgoing.abort(error);
    reader.cancel(error).catch(() => {});
  }
}

function abortError(signal: CancelSource | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : Object.assign(new Error('The caller went away'), { name: 'AbortError' });
}
