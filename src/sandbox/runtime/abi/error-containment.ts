interface ErrorEventTarget {
  addEventListener?(type: string, listener: (event: UncaughtEvent) => void): void;
}

/** The event of an uncaught exception or rejection, as Deno dispatches it on the global object. */
interface UncaughtEvent {
  readonly defaultPrevented: boolean;
  readonly error?: unknown;
  readonly reason?: unknown;
  preventDefault(): void;
}

let isInstalled = false;

/**
 * Errors that nobody caught (rejections, timers, emitters without an `error` listener) are written to the app's log and
 * never end the process. What the bootstrap has dealt with already is left alone.
 */
export function containErrors(): void {
  const target: ErrorEventTarget = globalThis;
  if (isInstalled || typeof target.addEventListener !== 'function') return;
  isInstalled = true;
  target.addEventListener('unhandledrejection', (event) => contain(event, 'Unhandled rejection:', event.reason));
  target.addEventListener('error', (event) => contain(event, 'Uncaught exception:', event.error));
}

function contain(event: UncaughtEvent, title: string, error: unknown): void {
  if (event.defaultPrevented) return;
  event.preventDefault();
  console.error(title, error);
}
