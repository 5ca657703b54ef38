import type { Connection } from '../sqlite/connection.ts';
import type { LogQuery, StoredLog } from './telemetry-messages.ts';

/** Lines that are looked at between two looks at what else waits. */
const scanStep = 5_000;
const removalStep = 1_000;
const pageBytesOfLines = 8_000_000;

/** The file of the app logs. Its tail may be lost with the machine's power: nothing that was acknowledged lives here. */
export class TelemetryStore {
  readonly #connection: Connection;
  readonly #retentionMs: number;
  readonly #maxBytes: number;

  constructor(connection: Connection, options: { retentionMs: number; maxBytes: number }) {
    this.#connection = connection;
    this.#retentionMs = options.retentionMs;
    this.#maxBytes = options.maxBytes;
    connection.exec(`
      CREATE TABLE IF NOT EXISTS logs (
        id INTEGER PRIMARY KEY,
        space TEXT NOT NULL,
        time INTEGER NOT NULL,
        context TEXT NOT NULL,
        logtype TEXT NOT NULL,
        log TEXT NOT NULL
      ) STRICT;
      CREATE INDEX IF NOT EXISTS logs_by_space ON logs (space, id);
    `);
  }

  get lastId(): number {
    return (this.#connection.sql('SELECT ifnull(max(id), 0) AS id FROM logs').get() as { id: number }).id;
  }

  append(logs: readonly StoredLog[]): void {
    const insert = this.#connection.sql(
      'INSERT OR IGNORE INTO logs (id, space, time, context, logtype, log) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#transaction(() => {
      for (const line of logs) insert.run(line.id, line.spaceId, line.timeMs, line.context, line.logtype, line.log);
    });
  }

  /** Newest first. Yields between steps. */
  *list(query: LogQuery): Generator<void, StoredLog[], void> {
    const found: StoredLog[] = [];
    const wanted = query.filter?.toLowerCase();
    let before = query.beforeId ?? Number.MAX_SAFE_INTEGER;
    let bytes = 0;
    for (;;) {
      // Without conditions no more than wanted is read; with them, a step at a time.
      const hasConditions = wanted !== undefined || query.context !== undefined || query.logtype !== undefined;
      const step = hasConditions ? scanStep : Math.min(query.limit - found.length, scanStep);
      const rows = this.#connection
        .sql(
          `SELECT id, space AS spaceId, time AS timeMs, context, logtype, log FROM logs
           WHERE space = ? AND id < ? ORDER BY id DESC LIMIT ?`,
        )
        .all(query.spaceId, before, step) as unknown as StoredLog[];
      for (const row of rows) {
        if (query.context !== undefined && row.context !== query.context) continue;
        if (query.logtype !== undefined && row.logtype !== query.logtype) continue;
        if (wanted !== undefined && !`${row.context} ${row.log}`.toLowerCase().includes(wanted)) continue;
        found.push({ ...row });
        bytes += row.log.length;
        if (found.length >= query.limit || bytes >= pageBytesOfLines) return found;
      }
      if (rows.length < step) return found;
      before = rows.at(-1)!.id;
      yield;
    }
  }

  /** One step; answers whether there is more to remove. */
  removeOld(nowMs: number): boolean {
    const byAge = this.#remove('SELECT id FROM logs WHERE time < ? ORDER BY id LIMIT ?', nowMs - this.#retentionMs);
    if (byAge > 0) return true;
    if (this.#usedBytes() <= this.#maxBytes) return false;
    return this.#remove('SELECT id FROM logs WHERE ? = 0 ORDER BY id LIMIT ?', 0) > 0;
  }

  removeSpace(spaceId: string): boolean {
    return this.#remove('SELECT id FROM logs WHERE space = ? ORDER BY id LIMIT ?', spaceId) > 0;
  }

  close(): void {
    this.#connection.close();
  }

  #remove(select: string, param: number | string): number {
    let removed = 0;
    this.#transaction(() => {
      removed = Number(
        this.#connection.sql(`DELETE FROM logs WHERE id IN (${select})`).run(param, removalStep).changes,
      );
    });
    return removed;
  }

  #usedBytes(): number {
    const pragma = (name: string): number => {
      const row = this.#connection.sql(`PRAGMA ${name}`).get() as Record<string, number>;
      return row[name] ?? 0;
    };
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
  }

  #transaction(work: () => void): void {
    const { db } = this.#connection;
    db.exec('BEGIN IMMEDIATE');
    try {
      work();
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
