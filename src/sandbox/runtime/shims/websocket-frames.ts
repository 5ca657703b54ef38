import { Buffer } from 'node:buffer';

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const maxMessageBytes = 64 * 1024 * 1024;

/** One frame from a client: always final, always masked (RFC 6455, 5.2). */
export function encodeFrame(code: number, payload: Uint8Array): Buffer {
  const lengthBytes = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + lengthBytes + 4 + payload.length);
  frame[0] = 0x80 | code;
  frame[1] = 0x80 | (lengthBytes === 0 ? payload.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(payload.length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(payload.length), 2);
  const maskAt = 2 + lengthBytes;
  crypto.getRandomValues(frame.subarray(maskAt, maskAt + 4));
  for (let index = 0; index < payload.length; index++) {
    frame[maskAt + 4 + index] = payload[index]! ^ frame[maskAt + (index & 3)]!;
  }
  return frame;
}

export interface FrameEvents {
  message(code: number, payload: Buffer): void;
  control(code: number, payload: Buffer): void;
}

/** Cuts what a server sends into messages. Throws on what RFC 6455 forbids. */
export class FrameDecoder {
  readonly #events: FrameEvents;
  #buffered: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;
  #fragmentCode = 0;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    for (;;) {
      const frame = this.#takeFrame();
      if (!frame) return;
      this.#onFrame(frame.final, frame.code, frame.payload);
    }
  }

  #takeFrame(): { readonly final: boolean; readonly code: number; readonly payload: Buffer } | null {
    const bytes = this.#buffered;
    if (bytes.length < 2) return null;
    if ((bytes[0]! & 0x70) !== 0) throw new Error('The server uses an extension that was not agreed on');
    if ((bytes[1]! & 0x80) !== 0) throw new Error('A server must not mask its frames');
    const short = bytes[1]! & 0x7f;
    const payloadAt = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < payloadAt) return null;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (length > maxMessageBytes) throw new Error(`A message of ${length} bytes is too large`);
    if (bytes.length < payloadAt + length) return null;
    this.#buffered = bytes.subarray(payloadAt + length);
    return {
      final: (bytes[0]! & 0x80) !== 0,
      code: bytes[0]! & 0x0f,
      payload: bytes.subarray(payloadAt, payloadAt + length),
    };
  }

  #onFrame(final: boolean, code: number, payload: Buffer): void {
    if (code >= opcode.close) {
      if (!final || payload.length > 125) throw new Error('A broken control frame');
      this.#events.control(code, payload);
      return;
    }
    if ((code === opcode.continuation) !== this.#fragments.length > 0)
      throw new Error('Frames of two messages are mixed');
    if (final && code !== opcode.continuation) {
      this.#events.message(code, payload);
      return;
    }
    if (code !== opcode.continuation) this.#fragmentCode = code;
    this.#fragments.push(payload);
    this.#fragmentBytes += payload.length;
    if (this.#fragmentBytes > maxMessageBytes) throw new Error('A message is too large');
    if (!final) return;
    const message = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#events.message(this.#fragmentCode, message);
  }
}
