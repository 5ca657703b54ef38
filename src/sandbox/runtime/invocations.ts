import type { AppTask } from '../../ports/sandbox.ts';
import { IncomingBytes, OutgoingBytes, type StreamEnds } from './byte-streams.ts';
import { dispatchStreamFrame } from './dispatch-stream-frame.ts';
import type { FrameWriter, IncomingFrame } from './frame-channel.ts';
import { checkFrameText } from './frame-limit.ts';
import { currentInvocation } from './host-channel.ts';
import { bodyKind, frameType, inlineBodyBytes } from './protocol.ts';
import type { AppRuntime, RequestHead, ResponseSink, TaskControl } from './runtime-types.ts';
import { toWireError } from './wire-error.ts';

const stringify = JSON.stringify;
const encoder = new TextEncoder();

/** What is under way and can be cancelled. */
abstract class Invocation implements StreamEnds {
  readonly id: number;
  incoming: IncomingBytes | null = null;
  outgoing: OutgoingBytes | null = null;
  #abort: AbortController | null = null;
  #cancelled: Error | null = null;

  constructor(id: number) {
    this.id = id;
  }

  /** Made when somebody looks at it: most invocations never do. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#cancelled) this.#abort.abort(this.#cancelled);
    }
    return this.#abort.signal;
  }

  get cancelled(): Error | null {
    return this.#cancelled;
  }

  cancel(reason: string): void {
    if (this.#cancelled) return;
    this.#cancelled = Object.assign(new Error(reason), { name: 'AbortError' });
    this.incoming?.fail(this.#cancelled);
    this.outgoing?.fail(this.#cancelled);
    this.#abort?.abort(this.#cancelled);
  }
}

/** One HTTP request and, as its sink, the response on its way out. */
class RequestInvocation extends Invocation implements ResponseSink {
  readonly #writer: FrameWriter;
  readonly #onEnd: (id: number) => void;
  #status = 200;
  #headers = '[]';
  #headKnown = false;
  #ended = false;

  constructor(id: number, writer: FrameWriter, onEnd: (id: number) => void) {
    super(id);
    this.#writer = writer;
    this.#onEnd = onEnd;
  }

  head(status: number, headers: [string, string][]): void {
    if (this.#headKnown) throw new Error('The head of the response was sent already');
    this.#headKnown = true;
    this.#status = status;
    this.#headers = stringify(headers);
    // Unless the end follows at once, the client gets the head now: event streams wait for it.
    queueMicrotask(this.#flushHead);
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.reject(new Error('The response has ended'));
    if (this.cancelled) return Promise.reject(this.cancelled);
    this.#flushHead();
    return this.outgoing!.write(chunk);
  }

  end(chunk?: Uint8Array | string): void {
    if (this.#ended) return;
    if (this.outgoing || (chunk && chunk.length > inlineBodyBytes)) {
      this.#endStream(chunk);
      return;
    }
    this.#ended = true;
    const writer = this.#writer;
    writer.begin(frameType.response, this.id);
    writer.uint16(this.#status);
    writer.sizedText(this.#headers);
    if (chunk) {
      if (typeof chunk === 'string') writer.text(chunk);
      else writer.bytes(chunk);
    }
    writer.finish();
    this.#onEnd(this.id);
  }

  abort(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.outgoing) this.outgoing.abort(error);
    else this.#writer.sendJson(frameType.failed, this.id, toWireError(error));
    this.#onEnd(this.id);
  }

  get ended(): boolean {
    return this.#ended;
  }

  override cancel(reason: string): void {
    super.cancel(reason);
    if (this.#ended) return;
    this.#ended = true;
    this.#writer.sendJson(frameType.failed, this.id, { message: reason });
    this.#onEnd(this.id);
  }

  readonly #flushHead = (): void => {
    if (this.#ended || this.outgoing) return;
    this.#writer.begin(frameType.responseHead, this.id);
    this.#writer.uint16(this.#status);
    this.#writer.sizedText(this.#headers);
    this.#writer.finish();
    this.outgoing = new OutgoingBytes(this.#writer, this.id);
  };

  #endStream(chunk?: Uint8Array | string): void {
    this.#flushHead();
    this.#ended = true;
    const bytes = typeof chunk === 'string' ? encoder.encode(chunk) : chunk;
    if (bytes && bytes.length > 0) this.outgoing!.write(bytes).catch(() => {});
    this.outgoing!.end();
    // Stays known until the last byte is out, for the credit that the gateway gives.
    void this.outgoing!.settled().finally(() => this.#onEnd(this.id));
  }
}

class TaskInvocation extends Invocation implements TaskControl {
  onCancel: (() => void) | null = null;

  override cancel(reason: string): void {
    super.cancel(reason);
    this.onCancel?.();
  }
}

/** Everything that the gateway asked this process to do and that has not ended. */
export class Invocations {
  readonly #open = new Map<number, RequestInvocation | TaskInvocation>();
  readonly #writer: FrameWriter;
  readonly #runtime: AppRuntime;
  readonly #onEnd = (id: number): void => {
    this.#open.delete(id);
  };

  constructor(writer: FrameWriter, runtime: AppRuntime) {
    this.#writer = writer;
    this.#runtime = runtime;
  }

  startRequest(frame: IncomingFrame): void {
    const { view, start } = frame;
    const kind = frame.bytes[start]!;
    const bodyStart = start + 5 + view.getUint32(start + 1, true);
    const head = frame.json(start + 5, bodyStart) as RequestHead;
    const invocation = new RequestInvocation(frame.id, this.#writer, this.#onEnd);
    this.#open.set(frame.id, invocation);
    let body: Uint8Array | ReadableStream<Uint8Array> | null = null;
    if (kind === bodyKind.inline) body = frame.copy(bodyStart);
    else if (kind === bodyKind.stream) {
      invocation.incoming = new IncomingBytes(this.#writer, frame.id, () => {});
      body = invocation.incoming.stream;
    }
    currentInvocation.run(invocation, this.#handle, invocation, head, body);
  }

  readonly #handle = (
    invocation: RequestInvocation,
    head: RequestHead,
    body: Uint8Array | ReadableStream<Uint8Array> | null,
  ): void => {
    try {
      this.#runtime.handleRequest(head, body, invocation).catch((error) => invocation.abort(error));
    } catch (error) {
      invocation.abort(error);
    }
  };

  startTask(frame: IncomingFrame): void {
    const task = frame.json() as AppTask;
    const invocation = new TaskInvocation(frame.id);
    this.#open.set(frame.id, invocation);
    void currentInvocation.run(invocation, async () => {
      try {
        const result = await this.#runtime.runTask(task, invocation);
        const text = stringify(result);
        checkFrameText(text, `What the ${task.kind} "${task.name}" left behind`);
        this.#writer.send(frameType.taskDone, invocation.id, text);
      } catch (error) {
        this.#writer.sendJson(frameType.failed, invocation.id, toWireError(error));
      } finally {
        this.#open.delete(invocation.id);
      }
    });
  }

  cancel(frame: IncomingFrame): void {
    this.#open.get(frame.id)?.cancel(frame.text());
  }

  streamFrame(frame: IncomingFrame): void {
    const invocation = this.#open.get(frame.id);
    if (invocation) dispatchStreamFrame(invocation, frame);
  }
}
