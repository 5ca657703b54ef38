import type { LogEntry } from '../../ports/sandbox.ts';

const linesPerSecond = 1000;
const burstLines = 4000;
const maxLineLength = 16 * 1024;

/** Contexts of log lines, by the kind of invocation. */
const contexts: Readonly<Record<string, string>> = {
  request: 'routehooks',
  worker: 'queuehooks',
  step: 'queuehooks',
  event: 'queuehooks',
  job: 'jobhooks',
  startup: 'startup',
};

/**
 * Passes log lines of one process on, at a bounded rate: a flood costs its own process lines and costs the gateway little.
 */
export class LogIntake {
  readonly #onLog: (entry: LogEntry) => void;
  #tokens = burstLines;
  #refilledAt = performance.now();
  #dropped = 0;
  readonly #unfinished = { stdout: '', stderr: '' };

  constructor(onLog: (entry: LogEntry) => void) {
    this.#onLog = onLog;
  }

  /** `invocationKind` is null outside of any invocation. False when the line was dropped. */
  line(invocationKind: string | null, logtype: LogEntry['logtype'], text: string): boolean {
    const context = invocationKind === null ? 'background' : (contexts[invocationKind] ?? invocationKind);
    return this.#take(context, logtype, text);
  }

  /** Text of stdout or stderr, which comes in pieces of any length. */
  output(stream: 'stdout' | 'stderr', text: string): void {
    const lines = (this.#unfinished[stream] + text).split('\n');
    const rest = lines.pop() ?? '';
    this.#unfinished[stream] = rest.length > maxLineLength ? '' : rest;
    if (rest.length > maxLineLength) lines.push(rest);
    for (const line of lines) {
      if (line !== '' && !this.#take(stream, stream === 'stdout' ? 'log' : 'error', line)) return;
    }
  }

  #take(context: string, logtype: LogEntry['logtype'], text: string): boolean {
    const now = performance.now();
    this.#tokens = Math.min(burstLines, this.#tokens + ((now - this.#refilledAt) * linesPerSecond) / 1000);
    this.#refilledAt = now;
    if (this.#tokens < 1) {
      this.#dropped++;
      return false;
    }
    this.#tokens--;
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#emit('background', 'warn', `${dropped} log lines were dropped: more than ${linesPerSecond} lines a second`);
    }
    this.#emit(context, logtype, text.length > maxLineLength ? `${text.slice(0, maxLineLength)}…` : text);
    return true;
  }

  #emit(context: string, logtype: LogEntry['logtype'], log: string): void {
    this.#onLog({ context, logtype, log, time: Date.now() });
  }
}
