import type { FramePort } from './byte-streams.ts';
import type { DenoConnection } from './deno-api.ts';
import { frameHeaderBytes } from './protocol.ts';

// Captured before app code runs: an app that patches prototypes breaks itself, not the framing.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const initialBufferBytes = 256 * 1024;

/** A buffer that frames are written into. Two of them take turns: one fills while the other is being written. */
class FrameBuffer {
  bytes = new Uint8Array(initialBufferBytes);
  view = new DataView(this.bytes.buffer);
  length = 0;

  ensure(extraBytes: number): void {
    const needed = this.length + extraBytes;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  reset(): void {
    this.length = 0;
    if (this.bytes.length > 4 * initialBufferBytes) {
      this.bytes = new Uint8Array(initialBufferBytes);
      this.view = new DataView(this.bytes.buffer);
    }
  }
}

/** Writes frames in batches: while one write is under way, further frames collect for the next. */
export class FrameWriter implements FramePort {
  readonly #connection: DenoConnection;
  #filling = new FrameBuffer();
  #resting = new FrameBuffer();
  #frameStart = 0;
  #writing = false;
  #drained: (() => void)[] = [];

  constructor(connection: DenoConnection) {
    this.#connection = connection;
  }

  /** Bytes waiting to be written. */
  get queuedBytes(): number {
    return this.#filling.length;
  }

  begin(type: number, id: number): void {
    const buffer = this.#filling;
    buffer.ensure(frameHeaderBytes);
    this.#frameStart = buffer.length;
    buffer.bytes[buffer.length + 4] = type;
    buffer.view.setUint32(buffer.length + 5, id, true);
    buffer.length += frameHeaderBytes;
  }

  uint8(value: number): void {
    this.#filling.ensure(1);
    this.#filling.bytes[this.#filling.length++] = value;
  }

  uint16(value: number): void {
    this.#filling.ensure(2);
    this.#filling.view.setUint16(this.#filling.length, value, true);
    this.#filling.length += 2;
  }

  uint32(value: number): void {
    this.#filling.ensure(4);
    this.#filling.view.setUint32(this.#filling.length, value, true);
    this.#filling.length += 4;
  }

  bytes(value: Uint8Array): void {
    this.#filling.ensure(value.length);
    this.#filling.bytes.set(value, this.#filling.length);
    this.#filling.length += value.length;
  }

  /** Returns the number of bytes written. */
  text(value: string): number {
    const buffer = this.#filling;
    buffer.ensure(value.length * 3);
    const { written } = encoder.encodeInto(value, buffer.bytes.subarray(buffer.length));
    buffer.length += written;
    return written;
  }

  /** A text with its length in bytes (u32) before it. */
  sizedText(value: string): void {
    this.uint32(0);
    const at = this.#filling.length - 4;
    const written = this.text(value);
    this.#filling.view.setUint32(at, written, true);
  }

  finish(): void {
    const buffer = this.#filling;
    buffer.view.setUint32(this.#frameStart, buffer.length - this.#frameStart - 4, true);
    if (!this.#writing) void this.#write();
  }

  send(type: number, id: number, text: string): void {
    this.begin(type, id);
    this.text(text);
    this.finish();
  }

  sendBytes(type: number, id: number, bytes: Uint8Array): void {
    this.begin(type, id);
    this.bytes(bytes);
    this.finish();
  }

  sendUint32(type: number, id: number, value: number): void {
    this.begin(type, id);
    this.uint32(value);
    this.finish();
  }

  sendJson(type: number, id: number, value: unknown): void {
    this.send(type, id, JSON.stringify(value));
  }

  /** Resolves when everything that was queued before is in the socket. */
  drained(): Promise<void> {
    if (!this.#writing && this.#filling.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#filling.length > 0) {
      const buffer = this.#filling;
      this.#filling = this.#resting;
      this.#resting = buffer;
      let offset = 0;
      while (offset < buffer.length)
        offset += await this.#connection.write(buffer.bytes.subarray(offset, buffer.length));
      buffer.reset();
    }
    this.#writing = false;
    const waiting = this.#drained;
    if (waiting.length > 0) {
      this.#drained = [];
      for (const resolve of waiting) resolve();
    }
  }
}

/** One frame inside the read buffer: valid only until the handler returns. */
export class IncomingFrame {
  type = 0;
  id = 0;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  end = 0;

  text(start = this.start, end = this.end): string {
    return decoder.decode(this.bytes.subarray(start, end));
  }

  json(start = this.start, end = this.end): unknown {
    return JSON.parse(this.text(start, end));
  }

  /** A copy that outlives the frame. */
  copy(start = this.start, end = this.end): Uint8Array {
    return this.bytes.slice(start, end);
  }
}

/** Reads frames until the other end closes. The gateway is trusted, so nothing is checked here. */
export async function readFrames(connection: DenoConnection, handle: (frame: IncomingFrame) => void): Promise<void> {
  let bytes = new Uint8Array(initialBufferBytes);
  let view = new DataView(bytes.buffer);
  let filled = 0;
  const frame = new IncomingFrame();
  for (;;) {
    const count = await connection.read(filled === 0 ? bytes : bytes.subarray(filled));
    if (count === null) return;
    filled += count;
    let offset = 0;
    let needed = 0;
    frame.bytes = bytes;
    frame.view = view;
    while (filled - offset >= frameHeaderBytes) {
      const length = view.getUint32(offset, true) + 4;
      if (filled - offset < length) {
        needed = length;
        break;
      }
      frame.type = bytes[offset + 4]!;
      frame.id = view.getUint32(offset + 5, true);
      frame.start = offset + frameHeaderBytes;
      frame.end = offset + length;
      handle(frame);
      offset += length;
    }
    const capacity = Math.max(needed, initialBufferBytes);
    if (needed > bytes.length || (bytes.length > capacity && filled - offset <= capacity)) {
      const next = new Uint8Array(capacity);
      next.set(bytes.subarray(offset, filled));
      bytes = next;
      view = new DataView(bytes.buffer);
    } else if (offset > 0) {
      bytes.copyWithin(0, offset, filled);
    }
    filled -= offset;
  }
}
