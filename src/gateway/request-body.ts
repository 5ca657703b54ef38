import type { IncomingMessage } from 'node:http';
import { TackleError } from '../core/errors.ts';
import { countPassingBytes } from '../files/passing-bytes.ts';

export interface StreamedBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Never resolves. */
  readonly failure: Promise<never>;
}

/** Bodies up to this size are read whole and handed over in one piece; larger ones stream. */
const inlineBytes = 256 * 1024;

/**
 * The body of a request, whole when it is small, as a stream otherwise, null when there is none. Rejects with
 * `payload_too_large` when it exceeds `maxBytes`, and with `invalid_request` when the client stops before the announced
 * end; a stream errors with these, and its `failure` rejects.
 */
export function readBody(request: IncomingMessage, maxBytes: number): null | Promise<Uint8Array> | StreamedBody {
  const announced = request.headers['content-length'];
  if (announced === undefined && request.headers['transfer-encoding'] === undefined) return null;
  const length = announced === undefined ? null : Number(announced);
  if (length === 0) return null;
  if (length !== null && length > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return length !== null && length <= inlineBytes ? readWhole(request, length) : readStream(request, maxBytes);
}

function tooLarge(maxBytes: number): TackleError {
  return new TackleError('payload_too_large', `The body is larger than the limit of ${maxBytes} bytes.`);
}

function cutOff(): TackleError {
  return new TackleError('invalid_request', 'The connection ended before the whole body had arrived.');
}

function readWhole(request: IncomingMessage, length: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] | null = null;
    let first: Buffer | null = null;
    request.on('data', (chunk: Buffer) => {
      if (first === null) first = chunk;
      else {
        chunks ??= [first];
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(chunks === null ? (first ?? Buffer.alloc(0)) : Buffer.concat(chunks, length)));
    request.on('error', () => reject(cutOff()));
    request.on('close', () => {
      if (!request.complete) reject(cutOff());
    });
  });
}

function readStream(request: IncomingMessage, maxBytes: number): StreamedBody {
  let received = 0;
  let ended = false;
  const { promise: failure, reject } = Promise.withResolvers<never>();
  failure.catch(() => undefined);
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const fail = (error: TackleError) => {
          if (ended) return;
          ended = true;
          controller.error(error);
          reject(error);
        };
        request.pause();
        request.on('data', (chunk: Buffer) => {
          if (ended) return;
          received += chunk.byteLength;
          countPassingBytes(chunk.byteLength);
          if (received > maxBytes) return fail(tooLarge(maxBytes));
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) request.pause();
        });
        request.on('end', () => {
          if (ended) return;
          ended = true;
          controller.close();
        });
        request.on('error', () => fail(cutOff()));
        request.on('close', () => {
          if (!request.complete) fail(cutOff());
        });
      },
      pull() {
        request.resume();
      },
      cancel() {
        ended = true;
        // What the app did not want is still on the wire; drain it so that the connection stays usable.
        request.resume();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: inlineBytes }),
  );
  return { stream, failure };
}
