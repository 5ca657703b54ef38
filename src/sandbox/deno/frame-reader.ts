import { frameHeaderBytes, maxFrameBytes } from '../runtime/protocol.ts';

/** Called for each frame; `start` and `end` delimit the payload in `bytes`, which stay valid and unchanged afterwards. */
export type FrameHandler = (type: number, id: number, bytes: Buffer, start: number, end: number) => void;

/** The process sent what no honest one sends. */
export class ProtocolViolation extends Error {}

/** Cuts a byte stream into frames. Input is hostile: throws ProtocolViolation on a length that no frame may have. */
export class FrameReader {
  readonly #handle: FrameHandler;
  /** Start of a frame whose rest has not arrived. */
  #partial: Buffer | null = null;
  #partialLength = 0;

  constructor(handle: FrameHandler) {
    this.#handle = handle;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    if (this.#partial) {
      offset = this.#continuePartial(chunk);
      if (this.#partial) return;
    }
    while (chunk.length - offset >= frameHeaderBytes) {
      const length = frameLength(chunk, offset);
      if (chunk.length - offset < length) break;
      this.#handle(
        chunk[offset + 4]!,
        chunk.readUInt32LE(offset + 5),
        chunk,
        offset + frameHeaderBytes,
        offset + length,
      );
      offset += length;
    }
    if (offset < chunk.length) this.#startPartial(chunk, offset);
  }

  #startPartial(chunk: Buffer, offset: number): void {
    const available = chunk.length - offset;
    const length = available >= frameHeaderBytes ? frameLength(chunk, offset) : frameHeaderBytes;
    this.#partial = Buffer.allocUnsafeSlow(length);
    chunk.copy(this.#partial, 0, offset);
    this.#partialLength = available;
  }

  /** Fills the partial frame; returns where the rest of the chunk starts. */
  #continuePartial(chunk: Buffer): number {
    let offset = 0;
    while (this.#partial) {
      const partial = this.#partial;
      const take = Math.min(partial.length - this.#partialLength, chunk.length - offset);
      chunk.copy(partial, this.#partialLength, offset, offset + take);
      this.#partialLength += take;
      offset += take;
      if (this.#partialLength < partial.length) return offset;
      const length = frameLength(partial, 0);
      if (length > partial.length) {
        // Only the header was there: now that the length is known, make room for the whole.
        this.#partial = Buffer.allocUnsafeSlow(length);
        partial.copy(this.#partial);
        continue;
      }
      this.#partial = null;
      this.#handle(partial[4]!, partial.readUInt32LE(5), partial, frameHeaderBytes, partial.length);
    }
    return offset;
  }
}

function frameLength(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32LE(offset) + 4;
  if (length < frameHeaderBytes || length > maxFrameBytes) {
    throw new ProtocolViolation(`A frame of ${length} bytes; allowed are ${frameHeaderBytes} to ${maxFrameBytes}`);
  }
  return length;
}
