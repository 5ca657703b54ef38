import { Buffer } from 'node:buffer';
import timers from 'node:timers';
import type { EgressClient } from './egress-client.ts';
import type { HostCalls } from './host-channel.ts';
import type { LoadMessage } from './protocol.ts';
import { createAppRequire } from './require.ts';
import { createConsole } from './shims/console.ts';
import { createFetch } from './shims/fetch.ts';
import { createProcess } from './shims/process.ts';
import { refusedFunction } from './shims/refused.ts';
import { createUrlClass } from './shims/url.ts';
import { createWebSocketClass } from './shims/websocket.ts';
import { createWorkerClass } from './shims/worker.ts';

/** Need permissions that the process does not have; refused with a better message. */
const refusedGlobals = ['EventSource', 'WebSocketStream', 'WebTransport', 'alert', 'confirm', 'prompt'];
/** Stores on a disk that the process does not have. */
const missingGlobals = ['localStorage', 'sessionStorage', 'caches'];

const timerNames = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
] as const;

const env: Record<string, string> = {};

/** Replaces the variables that app code sees, in the same object: libraries keep a reference to it. */
export function replaceEnv(next: Record<string, string>): void {
  for (const name of Object.keys(env)) delete env[name];
  Object.assign(env, next);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Gives app code the globals that it expects of Node, and hides those of the runtime underneath. */
export function installGlobals(calls: HostCalls, egress: EgressClient, message: LoadMessage): void {
  replaceEnv(message.env);
  // What the runtime deprecates is no news for the log of an app.
  (globalThis.process as { noDeprecation?: boolean }).noDeprecation = true;
  const require = createAppRequire(egress);
  define('process', createProcess(env));
  define('console', createConsole(calls));
  define('require', require);
  define('Buffer', Buffer);
  define('global', globalThis);
  // Packages in CommonJS make paths of them when they are loaded, long before any file is wanted.
  define('__dirname', '/app');
  define('__filename', '/app/index.js');
  // Timers as Node's are objects with `unref` and `refresh`; the runtime's own are numbers.
  for (const name of timerNames) define(name, timers[name]);
  define('fetch', createFetch(egress));
  define('URL', createUrlClass());
  define(
    'WebSocket',
    createWebSocketClass((name) => require(name)),
  );
  define('Worker', createWorkerClass(message.maxWorkers));
  for (const name of refusedGlobals) define(name, refusedFunction(name));
  for (const name of missingGlobals) define(name, undefined);
  reportUncaughtErrors(calls);
}

/** An error that nobody caught ends up in the app's log, not in the end of its process. */
function reportUncaughtErrors(calls: HostCalls): void {
  const report = (kind: string, error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    calls.log({ logtype: 'error', log: `${kind}: ${text}` });
  };
  const target = globalThis as unknown as {
    addEventListener(type: string, listener: (event: Event & { error?: unknown; reason?: unknown }) => void): void;
  };
  target.addEventListener('error', (event) => {
    event.preventDefault();
    report('Uncaught error', event.error);
  });
  target.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    report('Unhandled rejection', event.reason);
  });
}
