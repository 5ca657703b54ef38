import type { Socket } from 'node:net';
import { frameHeaderBytes } from '../runtime/protocol.ts';

const chunkBytes = 64 * 1024;

/**
 * Collects frames and writes them once per turn of the event loop: with many requests in one turn there is one system call
 * for all of them.
 */
export class FrameWriter {
  readonly #socket: Socket;
  #chunk = Buffer.allocUnsafeSlow(chunkBytes);
  #length = 0;
  #chunkStart = 0;
  #ready: Buffer[] = [];
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the other end has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength + this.#length - this.#chunkStart;
  }

  send(type: number, id: number, text: string): void {
    const start = this.#begin(type, id, text.length * 3);
    this.#length += this.#chunk.write(text, this.#length);
    this.#finish(start, 0);
  }

  sendJson(type: number, id: number, value: unknown): void {
    this.send(type, id, JSON.stringify(value) ?? '');
  }

  sendUint32(type: number, id: number, value: number): void {
    const start = this.#begin(type, id, 4);
    this.#length = this.#chunk.writeUInt32LE(value, this.#length);
    this.#finish(start, 0);
  }

  /** The bytes must not be changed afterwards. */
  sendBytes(type: number, id: number, bytes: Uint8Array): void {
    const start = this.#begin(type, id, 0);
    this.#finishWith(start, bytes);
  }

  /** A byte, a text with its length before it, and bytes: the shape of REQUEST. */
  sendRequest(type: number, id: number, kind: number, head: string, body: Uint8Array | null): void {
    const start = this.#begin(type, id, head.length * 3 + 5);
    this.#chunk[this.#length] = kind;
    const headBytes = this.#chunk.write(head, this.#length + 5);
    this.#chunk.writeUInt32LE(headBytes, this.#length + 1);
    this.#length += 5 + headBytes;
    if (body) this.#finishWith(start, body);
    else this.#finish(start, 0);
  }

  #begin(type: number, id: number, payloadBytes: number): number {
    if (this.#length + frameHeaderBytes + payloadBytes > this.#chunk.length) {
      this.#closeChunk();
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, frameHeaderBytes + payloadBytes));
      this.#length = 0;
      this.#chunkStart = 0;
    }
    const start = this.#length;
    this.#chunk[start + 4] = type;
    this.#chunk.writeUInt32LE(id, start + 5);
    this.#length += frameHeaderBytes;
    return start;
  }

  #finishWith(start: number, bytes: Uint8Array): void {
    if (bytes.length <= 1024 && this.#length + bytes.length <= this.#chunk.length) {
      this.#chunk.set(bytes, this.#length);
      this.#length += bytes.length;
      this.#finish(start, 0);
      return;
    }
    this.#finish(start, bytes.length);
    this.#closeChunk();
    this.#ready.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  #finish(start: number, bytesBeyond: number): void {
    this.#chunk.writeUInt32LE(this.#length - start - 4 + bytesBeyond, start);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  /** What is written so far of the chunk becomes its own buffer; the rest of the chunk stays in use. */
  #closeChunk(): void {
    if (this.#length === this.#chunkStart) return;
    this.#ready.push(this.#chunk.subarray(this.#chunkStart, this.#length));
    this.#chunkStart = this.#length;
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    this.#closeChunk();
    const ready = this.#ready;
    if (ready.length === 0) return;
    this.#ready = [];
    if (this.#socket.destroyed) return;
    if (ready.length === 1) {
      this.#socket.write(ready[0]!);
      return;
    }
    this.#socket.cork();
    for (const buffer of ready) this.#socket.write(buffer);
    this.#socket.uncork();
  };
}
