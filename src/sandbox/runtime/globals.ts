import { Buffer } from 'node:buffer';
import type { HostCalls } from './host-channel.ts';
import type { LoadMessage } from './protocol.ts';
import { createAppRequire } from './require.ts';
import { createConsole } from './shims/console.ts';
import { createProcess } from './shims/process.ts';

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
export function installGlobals(calls: HostCalls, message: LoadMessage): void {
  replaceEnv(message.env);
  const require = createAppRequire();
  define('process', createProcess(env));
  define('console', createConsole(calls));
  define('require', require);
  define('Buffer', Buffer);
  define('global', globalThis);
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
