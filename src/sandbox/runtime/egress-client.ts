import { IncomingBytes, OutgoingBytes, type StreamEnds } from './byte-streams.ts';
import { dispatchStreamFrame } from './dispatch-stream-frame.ts';
import type { FrameWriter, IncomingFrame } from './frame-channel.ts';
import { dnsMethod, frameType, maxOpenStreams, type OpenMessage, type WireError } from './protocol.ts';
import type { HostChannel } from './runtime-types.ts';
import { fromWireError } from './wire-error.ts';

/** One stream to the outside. */
export class EgressStream implements StreamEnds {
  readonly incoming: IncomingBytes;
  readonly outgoing: OutgoingBytes;
  /** What the gateway answered; rejects when it refused or failed. */
  readonly accepted: Promise<unknown>;
  readonly #settle: PromiseWithResolvers<unknown>;
  readonly #close: (reason?: unknown) => void;

  constructor(incoming: IncomingBytes, outgoing: OutgoingBytes, close: (reason?: unknown) => void) {
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.#settle = Promise.withResolvers();
    this.accepted = this.#settle.promise;
    this.accepted.catch(() => {});
    this.#close = close;
  }

  accept(value: unknown): void {
    this.#settle.resolve(value);
  }

  refuse(error: Error): void {
    this.#settle.reject(error);
  }

  /** Breaks the stream off, both ways. */
  abort(reason: Error): void {
    this.#settle.reject(reason);
    this.incoming.fail(reason);
    this.outgoing.fail(reason);
    this.#close(reason);
  }
}

/** The way outside: every connection is one that the gateway makes. */
export class EgressClient {
  readonly #writer: FrameWriter;
  readonly #channel: HostChannel;
  readonly #open = new Map<number, { readonly stream: EgressStream; readonly isFetch: boolean; inEnded: boolean }>();
  #lastId = -1;

  constructor(writer: FrameWriter, channel: HostChannel) {
    this.#writer = writer;
    this.#channel = channel;
  }

  open(message: OpenMessage): EgressStream {
    if (this.#open.size >= maxOpenStreams / 2) {
      throw Object.assign(new Error(`More than ${maxOpenStreams / 2} connections are open`), { code: 'EMFILE' });
    }
    this.#lastId += 2;
    const id = this.#lastId;
    const close = (reason?: unknown) => {
      if (!this.#open.delete(id)) return;
      this.#writer.sendJson(frameType.abort, id, { message: reason instanceof Error ? reason.message : 'closed' });
    };
    const incoming = new IncomingBytes(this.#writer, id, close);
    const stream = new EgressStream(incoming, new OutgoingBytes(this.#writer, id), close);
    this.#open.set(id, { stream, isFetch: message.kind === 'fetch', inEnded: false });
    this.#writer.sendJson(frameType.open, id, message);
    return stream;
  }

  lookUp(hostname: string, type: string): Promise<unknown> {
    return this.#channel.call(dnsMethod, { hostname, type });
  }

  onFrame(frame: IncomingFrame): void {
    const entry = this.#open.get(frame.id);
    if (!entry) return;
    const { stream } = entry;
    if (frame.type === frameType.accept) {
      stream.accept(frame.json());
      return;
    }
    if (frame.type === frameType.abort) {
      this.#open.delete(frame.id);
      stream.refuse(fromWireError(frame.json() as WireError));
    }
    dispatchStreamFrame(stream, frame);
    if (frame.type === frameType.end) entry.inEnded = true;
    // The gateway is done with a fetch when it ends its half, with TCP when both halves have ended.
    if (entry.inEnded && (entry.isFetch || stream.outgoing.ended)) {
      this.#open.delete(frame.id);
      if (entry.isFetch) stream.outgoing.fail(new Error('The response has ended'));
    }
  }

  /** To be called when the own half of a TCP stream has ended. */
  forgetEnded(stream: EgressStream): void {
    for (const [id, entry] of this.#open) {
      if (entry.stream === stream && entry.inEnded && stream.outgoing.ended) this.#open.delete(id);
    }
  }
}
