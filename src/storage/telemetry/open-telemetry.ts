import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { deserializeError, TackleError } from '../../core/errors.ts';
import type { LogQuery, StoredLog, TelemetryReply, TelemetryRequest } from './telemetry-messages.ts';

export type { LogQuery, StoredLog } from './telemetry-messages.ts';

export interface TelemetryOptions {
  readonly directory: string;
  /** Older lines are removed. */
  readonly retentionMs?: number;
  /** When the file holds more, the oldest lines are removed. */
  readonly maxBytes?: number;
}

/** A line as an app process reports it. */
export interface NewLog {
  readonly context: string;
  readonly logtype: StoredLog['logtype'];
  readonly log: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The logs of apps, in a file of their own (`telemetry.db`). Appending never waits and never fails. */
export interface Telemetry extends AsyncDisposable {
  appendLogs(spaceId: string, entries: readonly NewLog[]): void;
  /** Newest first; sees everything that was appended before the call. */
  listLogs(query: LogQuery): Promise<readonly StoredLog[]>;
  /** Calls the listener for every line from now on, of all spaces; the returned function ends that. */
  onLog(listener: (line: StoredLog) => void): () => void;
  removeSpace(spaceId: string): Promise<void>;
}

const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './telemetry-thread.ts' : './telemetry-thread.js',
  import.meta.url,
);
const flushDelayMs = 50;
const appendsUnderWay = 2;
const waitingLines = 20_000;
const waitingBytes = 16 * 1024 * 1024;
const longestLine = 64 * 1024;
const dayMs = 86_400_000;

export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const worker = new Worker(threadFile, {
    workerData: {
      path: join(options.directory, 'telemetry.db'),
      retentionMs: options.retentionMs ?? 7 * dayMs,
      maxBytes: options.maxBytes ?? 1024 * 1024 * 1024,
    },
    resourceLimits: { maxOldGenerationSizeMb: 128 },
  });
  const telemetry = new ThreadTelemetry(worker);
  await telemetry.opened;
  return telemetry;
}

class ThreadTelemetry implements Telemetry {
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #listeners = new Set<(line: StoredLog) => void>();
  readonly #pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #exited: Promise<void>;
  #waiting: StoredLog[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #flushTimer: NodeJS.Timeout | null = null;
  #appending = 0;
  #lastLogId = 0;
  #lastRequestId = 0;
  #isClosed = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    const opened = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.#exited = exited.promise;
    worker.on('message', (message: TelemetryReply) => {
      if (message.type === 'opened') {
        this.#lastLogId = message.lastId;
        opened.resolve();
      } else if (message.type === 'failed') {
        opened.reject(deserializeError(message.error));
      } else if (message.type === 'appended') {
        this.#appending -= 1;
      } else {
        this.#settle(message);
      }
    });
    const end = (cause?: unknown): void => {
      this.#isClosed = true;
      const error = new TackleError('storage_unavailable', 'The log storage ended', { cause });
      opened.reject(error);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
      exited.resolve();
    };
    worker.on('error', end);
    worker.on('exit', () => end());
  }

  appendLogs(spaceId: string, entries: readonly NewLog[]): void {
    for (const { context, logtype, log, time } of entries) {
      this.#lastLogId += 1;
      const text = log.length > longestLine ? `${log.slice(0, longestLine)}…` : log;
      const line: StoredLog = { id: this.#lastLogId, spaceId, timeMs: Math.trunc(time), context, logtype, log: text };
      for (const listener of this.#listeners) listener(line);
      this.#keep(line);
    }
  }

  async listLogs(query: LogQuery): Promise<readonly StoredLog[]> {
    this.#flush();
    return (await this.#request((id) => ({ type: 'list', id, query }))) as StoredLog[];
  }

  onLog(listener: (line: StoredLog) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async removeSpace(spaceId: string): Promise<void> {
    this.#flush();
    await this.#request((id) => ({ type: 'remove-space', id, spaceId }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) {
      this.#flush();
      this.#isClosed = true;
      this.#post({ type: 'close' });
    }
    await this.#exited;
  }

  /** An app that logs faster than the disk takes it loses the newest lines, and a line says so. */
  #keep(line: StoredLog): void {
    if (this.#isClosed) return;
    if (this.#waiting.length >= waitingLines || this.#waitingBytes >= waitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.log.length;
    this.#scheduleFlush();
  }

  /** While the thread is behind, lines wait here, where their number is bounded. */
  #scheduleFlush(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = null;
      if (this.#appending >= appendsUnderWay) this.#scheduleFlush();
      else this.#flush();
    }, flushDelayMs);
  }

  #flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    const logs = this.#waiting;
    if (logs.length === 0 || this.#isClosed) return;
    if (this.#dropped > 0) {
      const last = logs.at(-1)!;
      this.#lastLogId += 1;
      const log = `${this.#dropped} lines were dropped: they came faster than they could be stored`;
      logs.push({ ...last, id: this.#lastLogId, logtype: 'warn', log });
      this.#dropped = 0;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#appending += 1;
    this.#post({ type: 'append', logs });
  }

  #request(toRequest: (id: number) => TelemetryRequest): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new TackleError('storage_unavailable', 'The log storage is closed'));
    this.#lastRequestId += 1;
    const id = this.#lastRequestId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post(toRequest(id));
    });
  }

  #settle(message: Extract<TelemetryReply, { id: number }>): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'error') pending?.reject(deserializeError(message.error));
    else pending?.resolve(message.result);
  }

  #post(request: TelemetryRequest): void {
    this.#worker.postMessage(request);
  }
}
