import { AsyncLocalStorage } from 'node:async_hooks';
import type { FrameWriter, IncomingFrame } from './frame-channel.ts';
import { checkFrameText } from './frame-limit.ts';
import { frameType, logTypes, maxOpenCalls, type WireError } from './protocol.ts';
import type { HostChannel } from './runtime-types.ts';
import { fromWireError } from './wire-error.ts';

/** Who is asking: the id of the invocation under way, or none at module level and in timers that outlive theirs. */
export const currentInvocation = new AsyncLocalStorage<{ readonly id: number }>();

/** A process that logs faster than its channel takes it loses lines, not memory. */
const logBacklogBytes = 4 * 1024 * 1024;
const maxLogLineLength = 16 * 1024;
const stringify = JSON.stringify;
const parse = JSON.parse;

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly asText: boolean;
}

/** Calls to the gateway: one frame out, one frame back. */
export class HostCalls implements HostChannel {
  readonly #writer: FrameWriter;
  readonly #pending = new Map<number, PendingCall>();
  /** Calls above the limit of the protocol wait for their turn here. */
  readonly #waiting: (() => void)[] = [];
  #lastId = 0;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  call(method: string, params: unknown): Promise<unknown> {
    return this.#send(method, params, false);
  }

  callText(method: string, params: unknown): Promise<string> {
    return this.#send(method, params, true) as Promise<string>;
  }

  log(entry: { readonly logtype: (typeof logTypes)[number]; readonly log: string }): void {
    if (this.#writer.queuedBytes > logBacklogBytes) return;
    const line = entry.log.length > maxLogLineLength ? `${entry.log.slice(0, maxLogLineLength)}…` : entry.log;
    this.#writer.begin(frameType.log, currentInvocation.getStore()?.id ?? 0);
    this.#writer.uint8(logTypes.indexOf(entry.logtype));
    this.#writer.text(line);
    this.#writer.finish();
  }

  settle(frame: IncomingFrame): void {
    const pending = this.#pending.get(frame.id);
    if (!pending) return;
    this.#pending.delete(frame.id);
    if (frame.type === frameType.error) pending.reject(fromWireError(frame.json() as WireError));
    else if (pending.asText) pending.resolve(frame.text());
    else pending.resolve(frame.start === frame.end ? undefined : parse(frame.text()));
    if (this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  #send(method: string, params: unknown, asText: boolean): Promise<unknown> {
    let text: string;
    try {
      text = stringify(params) ?? 'null';
      checkFrameText(text, `${method}: the data`);
    } catch (error) {
      return Promise.reject(error);
    }
    const invocation = currentInvocation.getStore()?.id ?? 0;
    return new Promise((resolve, reject) => {
      const start = () => {
        this.#lastId = this.#lastId === 0xffff_fffe ? 1 : this.#lastId + 1;
        const id = this.#lastId;
        this.#pending.set(id, { resolve, reject, asText });
        this.#writer.begin(frameType.call, id);
        this.#writer.uint32(invocation);
        this.#writer.uint8(method.length);
        this.#writer.text(method);
        this.#writer.text(text);
        this.#writer.finish();
      };
      if (this.#pending.size < maxOpenCalls - 1) start();
      else this.#waiting.push(start);
    });
  }
}
