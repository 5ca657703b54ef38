import { dataChunkBytes, frameType, initialCredit } from './protocol.ts';
import { toWireError } from './wire-error.ts';

/** What byte streams need of a channel; both ends of the connection have it. */
export interface FramePort {
  send(type: number, id: number, text: string): void;
  sendJson(type: number, id: number, value: unknown): void;
  sendBytes(type: number, id: number, bytes: Uint8Array): void;
  sendUint32(type: number, id: number, value: number): void;
}

/** The sending half of a byte stream: never sends more than the receiver gave credit for. */
export class OutgoingBytes {
  readonly #port: FramePort;
  readonly #id: number;
  #credit = initialCredit;
  #failure: Error | null = null;
  #waiting: (() => void) | null = null;
  /** Writes are chained, so that two at once keep their order. */
  #tail: Promise<void> = Promise.resolve();
  #pending = 0;
  ended = false;

  constructor(port: FramePort, id: number) {
    this.#port = port;
    this.#id = id;
  }

  /** Resolves when the receiver is ready for more; rejects when it is gone. */
  write(chunk: Uint8Array): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#pending === 0 && chunk.length <= this.#credit && chunk.length <= dataChunkBytes) {
      this.#send(chunk);
      return this.#credit > 0 ? Promise.resolve() : this.#enqueue(() => this.#creditAvailable());
    }
    return this.#enqueue(() => this.#sendChunks(chunk));
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    if (this.#pending === 0) this.#finish();
    else void this.#enqueue(async () => this.#finish()).catch(() => {});
  }

  abort(reason: unknown): void {
    if (this.ended || this.#failure) return;
    this.ended = true;
    this.#port.sendJson(frameType.abort, this.#id, toWireError(reason));
  }

  /** Resolves when everything written is sent, or never will be. */
  settled(): Promise<void> {
    return this.#tail;
  }

  /** False when the receiver gives more than it ever took away. */
  addCredit(bytes: number): boolean {
    this.#credit += bytes;
    this.#wake();
    return this.#credit <= initialCredit;
  }

  /** The receiver does not want any more. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#wake();
  }

  #finish(): void {
    if (!this.#failure) this.#port.send(frameType.end, this.#id, '');
  }

  #send(bytes: Uint8Array): void {
    this.#credit -= bytes.length;
    this.#port.sendBytes(frameType.data, this.#id, bytes);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#pending++;
    const result = this.#tail.then(work).finally(() => {
      this.#pending--;
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  async #sendChunks(chunk: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < chunk.length) {
      await this.#creditAvailable();
      const size = Math.min(dataChunkBytes, this.#credit, chunk.length - offset);
      this.#send(chunk.subarray(offset, offset + size));
      offset += size;
    }
  }

  async #creditAvailable(): Promise<void> {
    while (this.#credit <= 0 && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    if (this.#failure) throw this.#failure;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }
}

/** The receiving half of a byte stream. Credit goes back as the reader consumes. */
export class IncomingBytes {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #closed = false;
  #credit = initialCredit;
  #unread: number[] = [];

  /** `onCancel` tells the sender that the reader went away. */
  constructor(port: FramePort, id: number, onCancel: (reason: unknown) => void) {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        // With a high-water mark of 0, a pull means that a reader waits: whatever was queued before is consumed.
        pull: () => {
          const consumed = this.#unread.reduce((sum, bytes) => sum + bytes, 0);
          this.#unread.length = 0;
          if (consumed === 0 || this.#closed) return;
          this.#credit += consumed;
          port.sendUint32(frameType.credit, id, consumed);
        },
        cancel: (reason) => {
          this.#closed = true;
          onCancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** False when the sender overdrew its credit. */
  push(chunk: Uint8Array): boolean {
    this.#credit -= chunk.length;
    if (this.#credit < 0) return false;
    if (this.#closed || chunk.length === 0) return true;
    this.#unread.push(chunk.length);
    this.#controller.enqueue(chunk);
    return true;
  }

  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller.close();
  }

  fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller.error(error);
  }
}

/** Both halves of one stream; a half that the stream does not have is null. */
export interface StreamEnds {
  readonly incoming: IncomingBytes | null;
  readonly outgoing: OutgoingBytes | null;
}
