/** The journal's own thread: one SQLite file, commands in groups, one transaction and at most one fsync per group. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { JournalCommand, JournalReply } from './sqlite-journal.ts';

const port = parentPort;
if (port === null) throw new Error('journal-thread.ts runs only as a worker thread');

const database = new DatabaseSync((workerData as { file: string }).file);
database.exec(`
  PRAGMA busy_timeout = 5000;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, event_key TEXT NOT NULL,
    session_key TEXT NOT NULL, agent_id TEXT NOT NULL, payload TEXT NOT NULL, listeners TEXT NOT NULL,
    dedupe_key TEXT UNIQUE, created_ms INTEGER NOT NULL, open INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS events_open ON events (seq) WHERE open = 1;
  CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, event_id TEXT NOT NULL, hook TEXT NOT NULL,
    event_key TEXT NOT NULL, outcome TEXT NOT NULL, started_ms INTEGER NOT NULL, record TEXT NOT NULL,
    late_logs TEXT NOT NULL DEFAULT '') STRICT;
  CREATE INDEX IF NOT EXISTS runs_event ON runs (event_id);
  CREATE INDEX IF NOT EXISTS runs_hook ON runs (hook, seq);
`);

const statements = new Map<string, StatementSync>();

function prepare(sql: string): StatementSync {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const statement = database.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

const maxLateLogChars = 64 * 1024;

function execute(command: JournalCommand): unknown {
  switch (command.op) {
    case 'append':
      return appendEvent(command);
    case 'run':
      prepare(
        'INSERT OR REPLACE INTO runs (id, event_id, hook, event_key, outcome, started_ms, record) VALUES (?,?,?,?,?,?,?)',
      ).run(
        command.id,
        command.eventId,
        command.hook,
        command.eventKey,
        command.outcome,
        command.startedMs,
        command.record,
      );
      return undefined;
    case 'late-log':
      prepare('UPDATE runs SET late_logs = substr(late_logs || ?, 1, ?) WHERE id = ?').run(
        command.text,
        maxLateLogChars,
        command.runId,
      );
      return undefined;
    case 'messages':
      prepare(`UPDATE runs SET record = json_set(record, '$.messages', json(?)) WHERE id = ?`).run(
        command.messages,
        command.runId,
      );
      return undefined;
    case 'finish':
      prepare('UPDATE events SET open = 0 WHERE id = ?').run(command.eventId);
      return undefined;
    case 'read-event':
      return prepare('SELECT * FROM events WHERE id = ?').get(command.eventId);
    case 'open-events':
      return prepare('SELECT * FROM events WHERE open = 1 ORDER BY seq').all();
    case 'list-runs':
      return listRuns(command);
    case 'last-fired':
      return prepare(`SELECT hook, max(started_ms) AS at FROM runs WHERE outcome <> 'skipped' GROUP BY hook`).all();
    case 'purge':
      return purge(command.beforeMs);
    case 'flush':
      return undefined;
  }
}

function appendEvent(command: Extract<JournalCommand, { op: 'append' }>): string | undefined {
  if (command.dedupeKey !== null) {
    const found = prepare('SELECT id FROM events WHERE dedupe_key = ?').get(command.dedupeKey);
    if (found !== undefined) return String(found.id);
  }
  prepare(
    `INSERT INTO events (id, mode, event_key, session_key, agent_id, payload, listeners, dedupe_key, created_ms, open)
     VALUES (?,?,?,?,?,?,?,?,?,?)`,
  ).run(
    command.id,
    command.mode,
    command.eventKey,
    command.sessionKey,
    command.agentId,
    command.payload,
    command.listeners,
    command.dedupeKey,
    command.createdMs,
    command.open ? 1 : 0,
  );
  return undefined;
}

function listRuns(command: Extract<JournalCommand, { op: 'list-runs' }>): unknown {
  const where: string[] = [];
  const values: (string | number)[] = [];
  if (command.hook !== null) {
    where.push('hook = ?');
    values.push(command.hook);
  }
  if (command.eventId !== null) {
    where.push('event_id = ?');
    values.push(command.eventId);
  }
  if (command.eventKey !== null) {
    where.push(`(event_key = ? OR substr(event_key, 1, length(?) + 1) = ? || ':')`);
    values.push(command.eventKey, command.eventKey, command.eventKey);
  }
  if (command.outcomes.length > 0) {
    where.push(`outcome IN (${command.outcomes.map(() => '?').join(',')})`);
    values.push(...command.outcomes);
  }
  const filter = where.length > 0 ? `WHERE ${where.join(' AND ')}` : '';
  return prepare(`SELECT record, late_logs FROM runs ${filter} ORDER BY seq DESC LIMIT ?`).all(
    ...values,
    command.limit,
  );
}

/** In chunks, so that a big purge does not hold other commands up. */
function purge(beforeMs: number): number {
  const chunk = 'SELECT id FROM events WHERE open = 0 AND created_ms < ? ORDER BY seq LIMIT 1000';
  prepare(`DELETE FROM runs WHERE event_id IN (${chunk})`).run(beforeMs);
  return Number(prepare(`DELETE FROM events WHERE id IN (${chunk})`).run(beforeMs).changes);
}

let isFull = true;

function runGroup(commands: readonly JournalCommand[]): JournalReply[] {
  const durable = commands.some((command) => command.op === 'append' && command.durable);
  if (durable !== isFull) {
    database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
    isFull = durable;
  }
  const replies: JournalReply[] = [];
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const command of commands) {
      database.exec('SAVEPOINT one');
      try {
        replies.push({ value: execute(command) });
        database.exec('RELEASE one');
      } catch (error) {
        database.exec('ROLLBACK TO one; RELEASE one');
        replies.push({ error: error instanceof Error ? error.message : String(error) });
      }
    }
    database.exec('COMMIT');
    return replies;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    const message = error instanceof Error ? error.message : String(error);
    return commands.map(() => ({ error: message }));
  }
}

port.on('message', (message: { group: number; commands: readonly JournalCommand[]; close?: boolean }) => {
  if (message.close) {
    database.close();
    port.postMessage({ group: message.group, replies: [] });
    port.close();
    return;
  }
  let replies: JournalReply[];
  try {
    replies = runGroup(message.commands);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    replies = message.commands.map(() => ({ error: text }));
  }
  port.postMessage({ group: message.group, replies });
});
