/** The journal on one SQLite file, kept by a thread of its own so that the event loop never waits for the disk. */
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { TackleError } from '../../core/errors.ts';
import { parseEvent, stringifyEvent } from './event-json.ts';
import {
  type EventMode,
  getListenerId,
  type HookJournal,
  type JournalEvent,
  type OpenEvent,
  type RunFilter,
  type RunRecord,
} from './journal.ts';

export type JournalCommand =
  | {
      readonly op: 'append';
      readonly id: string;
      readonly mode: EventMode;
      readonly eventKey: string;
      readonly sessionKey: string;
      readonly agentId: string;
      readonly payload: string;
      readonly listeners: string;
      readonly dedupeKey: string | null;
      readonly createdMs: number;
      readonly open: boolean;
      readonly durable: boolean;
    }
  | {
      readonly op: 'run';
      readonly id: string;
      readonly eventId: string;
      readonly hook: string;
      readonly eventKey: string;
      readonly outcome: string;
      readonly startedMs: number;
      readonly record: string;
    }
  | { readonly op: 'late-log'; readonly runId: string; readonly text: string }
  | { readonly op: 'messages'; readonly runId: string; readonly messages: string }
  | { readonly op: 'finish'; readonly eventId: string }
  | { readonly op: 'read-event'; readonly eventId: string }
  | { readonly op: 'open-events' }
  | {
      readonly op: 'list-runs';
      readonly hook: string | null;
      readonly eventId: string | null;
      readonly eventKey: string | null;
      readonly outcomes: readonly string[];
      readonly limit: number;
    }
  | { readonly op: 'last-fired' }
  | { readonly op: 'purge'; readonly beforeMs: number }
  | { readonly op: 'flush' };

export interface JournalReply {
  readonly value?: unknown;
  readonly error?: string;
}

export interface SqliteJournalOptions {
  readonly file: string;
  /** Today's configuration, for events that had one as `context.cfg`. */
  readonly getConfig: () => unknown;
  /** Told about writes that nobody waits for and that failed. */
  readonly onError: (message: string) => void;
}

interface EventRow {
  readonly id: string;
  readonly mode: EventMode;
  readonly agent_id: string;
  readonly payload: string;
  readonly listeners: string;
  readonly dedupe_key: string | null;
  readonly created_ms: number;
  readonly open: number;
}

type Waiter = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

/** Opens the file, making it and its directory when needed. */
export function openSqliteJournal(options: SqliteJournalOptions): HookJournal {
  mkdirSync(path.dirname(options.file), { recursive: true });
  const extension = path.extname(import.meta.filename);
  const thread = new Worker(path.join(import.meta.dirname, `journal-thread${extension}`), {
    workerData: { file: options.file },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let commands: JournalCommand[] = [];
  let waiters: Waiter[] = [];
  const groups = new Map<number, Waiter[]>();
  let nextGroup = 0;
  let failure: TackleError | undefined;
  let isClosed = false;
  let isProtected = false;

  thread.on('message', (message: { group: number; replies: readonly JournalReply[] }) => {
    protectFile();
    const group = groups.get(message.group) ?? [];
    groups.delete(message.group);
    for (const [index, waiter] of group.entries()) {
      const reply = message.replies[index];
      if (reply?.error === undefined) waiter.resolve(reply?.value);
      else
        waiter.reject(
          new TackleError('storage_unavailable', `The hook journal ${options.file} cannot write: ${reply.error}`),
        );
    }
    // Commands that came while the thread was busy go as one group.
    if (groups.size === 0) sendGroup();
  });
  thread.on('error', (error) => fail(error.message));
  thread.on('exit', () => {
    if (!isClosed) fail('its thread ended');
  });

  /** Payloads hold what users wrote; nobody else on the machine should read them. */
  function protectFile(): void {
    if (isProtected) return;
    isProtected = true;
    try {
      chmodSync(options.file, 0o600);
    } catch {
      // A file system without permissions.
    }
  }

  function fail(reason: string): void {
    failure = new TackleError('storage_unavailable', `The hook journal ${options.file} failed: ${reason}`);
    for (const group of groups.values()) for (const waiter of group) waiter.reject(failure);
    for (const waiter of waiters) waiter.reject(failure);
    groups.clear();
    waiters = [];
    commands = [];
  }

  function sendGroup(): void {
    if (commands.length === 0) return;
    nextGroup += 1;
    groups.set(nextGroup, waiters);
    thread.postMessage({ group: nextGroup, commands });
    commands = [];
    waiters = [];
  }

  function execute(command: JournalCommand): Promise<unknown> {
    if (failure !== undefined || isClosed) {
      return Promise.reject(failure ?? new TackleError('storage_unavailable', 'The hook journal is closed.'));
    }
    return new Promise((resolve, reject) => {
      commands.push(command);
      waiters.push({ resolve, reject });
      if (commands.length === 1 && groups.size === 0) queueMicrotask(sendGroup);
    });
  }

  function executeLater(command: JournalCommand): void {
    execute(command).catch((error: unknown) => options.onError(error instanceof Error ? error.message : String(error)));
  }

  function toStored(row: EventRow): JournalEvent {
    return {
      id: row.id,
      mode: row.mode,
      agentId: row.agent_id,
      event: parseEvent(row.payload, options.getConfig()),
      listeners: JSON.parse(row.listeners) as string[],
      dedupeKey: row.dedupe_key ?? undefined,
      createdMs: row.created_ms,
      open: row.open === 1,
    };
  }

  async function listRuns(filter: RunFilter): Promise<RunRecord[]> {
    const rows = (await execute({
      op: 'list-runs',
      hook: filter.hook ?? null,
      eventId: filter.eventId ?? null,
      eventKey: filter.event ?? null,
      outcomes: filter.outcomes ?? [],
      limit: filter.limit ?? 50,
    })) as { record: string; late_logs: string }[];
    return rows.map((row) => {
      const record = JSON.parse(row.record) as RunRecord;
      return row.late_logs === '' ? record : { ...record, logs: record.logs + row.late_logs };
    });
  }

  async function listOpenEvents(): Promise<OpenEvent[]> {
    const rows = (await execute({ op: 'open-events' })) as EventRow[];
    const result: OpenEvent[] = [];
    for (const row of rows) {
      const runs = await listRuns({ eventId: row.id, limit: 10_000 });
      const attempts = new Map<string, number>();
      const settled = new Set<string>();
      for (const run of runs) {
        const listener = getListenerId(run.hook, run.listenerKey);
        attempts.set(listener, Math.max(attempts.get(listener) ?? 0, run.attempts));
        if (run.outcome === 'ok' || run.outcome === 'dead' || run.outcome === 'skipped') settled.add(listener);
      }
      result.push({ stored: toStored(row), attempts, settled });
    }
    return result;
  }

  return {
    appendEvent: async (stored, { durable }) => {
      const { event } = stored;
      const duplicateOf = await execute({
        op: 'append',
        id: stored.id,
        mode: stored.mode,
        eventKey: `${event.type}:${event.action}`,
        sessionKey: event.sessionKey,
        agentId: stored.agentId,
        payload: stringifyEvent(event),
        listeners: JSON.stringify(stored.listeners),
        dedupeKey: stored.dedupeKey ?? null,
        createdMs: stored.createdMs,
        open: stored.open,
        durable,
      });
      return { duplicateOf: typeof duplicateOf === 'string' ? duplicateOf : undefined };
    },
    recordRun: (run) =>
      executeLater({
        op: 'run',
        id: run.id,
        eventId: run.eventId,
        hook: run.hook,
        eventKey: run.key,
        outcome: run.outcome,
        startedMs: Date.parse(run.startedAt),
        record: JSON.stringify(run),
      }),
    appendRunLog: (runId, text) => executeLater({ op: 'late-log', runId, text }),
    updateRunMessages: (runId, messages) => executeLater({ op: 'messages', runId, messages: JSON.stringify(messages) }),
    finishEvent: (eventId) => executeLater({ op: 'finish', eventId }),
    readEvent: async (eventId) => {
      const row = (await execute({ op: 'read-event', eventId })) as EventRow | undefined;
      return row === undefined ? null : toStored(row);
    },
    listOpenEvents,
    listRuns,
    readLastFired: async () => {
      const rows = (await execute({ op: 'last-fired' })) as { hook: string; at: number }[];
      return new Map(rows.map((row) => [row.hook, row.at]));
    },
    purge: async (beforeMs) => {
      let total = 0;
      for (;;) {
        const removed = Number(await execute({ op: 'purge', beforeMs }));
        total += removed;
        if (removed < 1_000) return total;
      }
    },
    flush: async () => {
      await execute({ op: 'flush' });
    },
    close: async () => {
      if (isClosed) return;
      await execute({ op: 'flush' }).catch(() => undefined);
      isClosed = true;
      const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
      thread.postMessage({ group: 0, commands: [], close: true });
      await ended;
    },
  };
}
