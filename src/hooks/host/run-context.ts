/** Attributes output, stray errors, child processes and exits of a hook's thread to the run that caused them. */
import { AsyncLocalStorage } from 'node:async_hooks';
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { describeError, type FromHost } from './protocol.ts';

interface RunStore {
  readonly runId: string;
  loggedBytes: number;
}

export interface RunContext {
  readonly run: <T>(runId: string, work: () => T) => T;
  readonly getRunId: () => string | null;
}

/** Output of one run beyond this is dropped; the record says so. */
const maxLogBytes = 64 * 1024;

export function installRunContext(post: (message: FromHost) => void, maxChildren: number): RunContext {
  const storage = new AsyncLocalStorage<RunStore>();
  const background: RunStore = { runId: '', loggedBytes: 0 };
  const getRunId = () => storage.getStore()?.runId ?? null;
  captureOutput(post, () => storage.getStore() ?? background);
  reportStrayErrors(post, getRunId);
  reportExit(post, getRunId);
  limitChildren(post, maxChildren);
  return { run: (runId, work) => storage.run({ runId, loggedBytes: 0 }, work), getRunId };
}

function captureOutput(post: (message: FromHost) => void, getStore: () => RunStore): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const target = process[stream];
    const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
      const store = getStore();
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8');
      const room = maxLogBytes - store.loggedBytes;
      store.loggedBytes += text.length;
      if (room > 0) {
        const kept = text.length > room ? `${text.slice(0, room)}\n[further output dropped]\n` : text;
        post({ kind: 'log', runId: store.runId === '' ? null : store.runId, stream, text: kept });
      }
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') queueMicrotask(() => done());
      return true;
    };
    Object.defineProperty(target, 'write', { value: write, configurable: true, writable: true });
  }
}

function reportStrayErrors(post: (message: FromHost) => void, getRunId: () => string | null): void {
  const exit = process.exit.bind(process);
  process.on('uncaughtException', (error) => {
    post({ kind: 'stray-error', runId: getRunId(), error: describeError(error), fatal: true });
    exit(1);
  });
  // A forgotten rejection is an error of its run, but no reason to end watchers that other runs left behind.
  process.on('unhandledRejection', (error) => {
    post({ kind: 'stray-error', runId: getRunId(), error: describeError(error), fatal: false });
  });
}

function reportExit(post: (message: FromHost) => void, getRunId: () => string | null): void {
  const exit = process.exit.bind(process);
  process.exit = (code?: number | string | null): never => {
    const given = Number(code ?? process.exitCode ?? 0);
    post({ kind: 'exiting', runId: getRunId(), code: given });
    return exit(given);
  };
}

interface PatchableChild {
  spawn(this: childProcess.ChildProcess, options: unknown): unknown;
}

/** Children are counted, so that a hook cannot fork without end, and reported, so that they end with their hook. */
function limitChildren(post: (message: FromHost) => void, maxChildren: number): void {
  const prototype = childProcess.ChildProcess.prototype as unknown as PatchableChild;
  const spawn = prototype.spawn;
  let alive = 0;
  prototype.spawn = function spawnCounted(options: unknown): unknown {
    if (alive >= maxChildren)
      throw new Error(`This hook already runs ${maxChildren} child processes; no more are started.`);
    const result = spawn.call(this, options);
    const { pid } = this;
    if (pid === undefined) return result;
    alive += 1;
    post({ kind: 'child', pid, alive: true });
    this.once('exit', () => {
      alive -= 1;
      post({ kind: 'child', pid, alive: false });
    });
    return result;
  };
  syncBuiltinESMExports();
}
