/** One running thread or process of a hook, seen from the engine. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FromHost, ToHost } from './protocol.ts';

export interface HostChannel {
  readonly post: (message: ToHost) => void;
  /** Ends it at once; the promise only says when the operating system agreed. */
  readonly kill: () => Promise<void>;
  /** Bytes held outside the JavaScript heap (thread) or in all (process); null when unknown. */
  readonly readMemoryBytes: () => Promise<number | null>;
}

export interface HostChannelEvents {
  readonly onMessage: (message: FromHost) => void;
  /** Called once. `reason` is a sentence for the record. */
  readonly onEnd: (reason: string) => void;
}

export interface HostLimits {
  readonly heapMb: number;
  /** Limit for what `readMemoryBytes` returns. */
  readonly memoryBytes: number;
  readonly maxChildren: number;
}

export type OpenHostChannel = (events: HostChannelEvents) => HostChannel;

const extension = path.extname(import.meta.filename);
const entry = path.join(import.meta.dirname, `host-main${extension}`);

/** Threads that were told to end and have not yet. */
const ending = new Set<Worker>();
let watchesExit = false;

/**
 * The runtime waits for its threads when the process ends, so one that sits in native code would keep the process
 * for ever. Nothing but a signal gets past that; everything worth keeping is on the disk by then.
 */
function endProcessDespiteStuckThreads(): void {
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    if (ending.size > 0) process.kill(process.pid, 'SIGKILL');
  });
}

export function openThreadChannel(env: NodeJS.ProcessEnv, limits: HostLimits): OpenHostChannel {
  return (events) => {
    const worker = new Worker(entry, {
      env,
      argv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      workerData: { maxChildren: limits.maxChildren },
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
    });
    let reason: string | undefined;
    worker.on('message', events.onMessage);
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      reason = isMemory
        ? `the hook used more than ${limits.heapMb} MB of memory`
        : `the hook's thread failed: ${error.message}`;
    });
    worker.once('exit', (code) => events.onEnd(reason ?? `the hook's thread ended with code ${code}`));
    return {
      post: (message) => worker.postMessage(message),
      kill: async () => {
        worker.unref();
        ending.add(worker);
        endProcessDespiteStuckThreads();
        await worker.terminate();
        ending.delete(worker);
      },
      readMemoryBytes: () =>
        worker.getHeapStatistics().then(
          (statistics) => statistics.external_memory,
          () => null,
        ),
    };
  };
}

export function openProcessChannel(env: NodeJS.ProcessEnv, limits: HostLimits): OpenHostChannel {
  return (events) => {
    const child = fork(entry, [], {
      env: { ...env, TACKLE_HOOK_MAX_CHILDREN: String(limits.maxChildren) },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [`--max-old-space-size=${limits.heapMb}`],
    });
    let ended = false;
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      events.onEnd(reason);
    };
    child.on('message', (message) => events.onMessage(message as FromHost));
    child.once('error', (error) => end(`the hook's process failed: ${error.message}`));
    child.once('exit', (code, signal) => end(`the hook's process ended with ${signal ?? `code ${code}`}`));
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    return {
      post: (message) => {
        if (child.connected) child.send(message, () => undefined);
      },
      kill: () => {
        child.kill('SIGKILL');
        return exited;
      },
      readMemoryBytes: async () => readResidentBytes(child.pid),
    };
  };
}

/** Resident size as Linux tells it; null elsewhere. */
export function readResidentBytes(pid: number | undefined): number | null {
  if (pid === undefined || process.platform !== 'linux') return null;
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return Number.isFinite(pages) ? pages * 4096 : null;
  } catch {
    return null;
  }
}
