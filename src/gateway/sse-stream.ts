import type { ServerResponse } from 'node:http';
import type { EventSink } from '../realtime/channel.ts';
import type { Exchange } from './app-response.ts';
import { appendCorsHeaders } from './cors.ts';

/** A response that stays open and carries server-sent events (HTML Standard, 9.2). */
export class SseStream implements EventSink {
  readonly #response: ServerResponse;

  constructor({ request, response, requestId }: Exchange) {
    const headers = ['X-Request-Id', requestId, 'Content-Type', 'text/event-stream; charset=utf-8'];
    // `no-transform` and the last line keep proxies from compressing or collecting the stream.
    headers.push('Cache-Control', 'no-cache, no-transform', 'X-Accel-Buffering', 'no');
    appendCorsHeaders(headers, request);
    response.writeHead(200, headers);
    this.#response = response;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  send(chunk: Uint8Array): void {
    // Between the end of a stream and its close a write would be an error that nobody handles.
    if (!this.#response.destroyed && !this.#response.writableEnded) this.#response.write(chunk);
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  onClose(listener: () => void): void {
    // Who left before the stream was opened causes no event any more.
    if (this.#response.destroyed) queueMicrotask(listener);
    else this.#response.once('close', listener);
  }
}
