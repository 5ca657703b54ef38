import type { CancelSource } from '../ports/sandbox.ts';

/** Tells the invocation that works on a task to stop. Every task has one, so it is small: one listener, no event. */
export class TaskCancel implements CancelSource {
  aborted = false;
  reason: unknown = undefined;
  #listener: (() => void) | null = null;

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#listener?.();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = null;
  }
}
