import type { ServerResponse } from 'node:http';
import type { CancelSource } from '../ports/sandbox.ts';

/** Calls an invocation off when its client leaves before the answer is out. Every request has one, so it is small. */
export class ClientGone implements CancelSource {
  aborted = false;
  reason: unknown = undefined;
  #listener: (() => void) | null = null;

  constructor(response: ServerResponse) {
    response.on('close', () => {
      if (!response.writableFinished) this.abort();
    });
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = new Error('The client is gone');
    this.#listener?.();
  }

  /** One listener: that of the invocation. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = null;
  }
}
