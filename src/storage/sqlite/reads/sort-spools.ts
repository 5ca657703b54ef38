import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { TackleError } from '../../../core/errors.ts';
import type { SqlParameter } from '../sql-condition.ts';
import { compareEntries, type EntryOrder, type SortEntry } from './sort-entries.ts';

const entriesInMemory = 50_000;
const maxSpoolBytes = 256 * 1024 * 1024;
const maxSpools = 32;
const idleLimitMs = 5 * 60_000;
const pageSize = 4_096;
/** SQLITE_FULL, https://sqlite.org/rescode.html#full */
const full = 13;

/** A sorted list of (keys, id) that pages are cut from. */
export interface Spool {
  readonly collectionN: number;
  readAfter(after: SortEntry | null, skip: number, limit: number): readonly SortEntry[];
  close(): void;
}

/** Takes entries in any order; goes to a temporary file when they become many. */
export class SpoolBuilder {
  readonly #collectionN: number;
  readonly #order: EntryOrder;
  readonly #path: string;
  #entries: SortEntry[] = [];
  #file: SpoolFile | null = null;

  constructor(collectionN: number, order: EntryOrder, path: string) {
    this.#collectionN = collectionN;
    this.#order = order;
    this.#path = path;
  }

  add(entries: readonly SortEntry[]): void {
    if (this.#file === null) {
      for (const entry of entries) this.#entries.push(entry);
      if (this.#entries.length <= entriesInMemory) return;
      this.#file = new SpoolFile(this.#collectionN, this.#order, this.#path);
      this.#file.add(this.#entries);
      this.#entries = [];
    } else {
      this.#file.add(entries);
    }
  }

  finish(): Spool {
    if (this.#file !== null) return this.#file;
    const compare = compareEntries(this.#order);
    return new SpoolList(this.#collectionN, this.#entries.sort(compare), compare);
  }

  discard(): void {
    this.#file?.close();
  }
}

class SpoolList implements Spool {
  readonly collectionN: number;
  readonly #entries: readonly SortEntry[];
  readonly #compare: (a: SortEntry, b: SortEntry) => number;

  constructor(collectionN: number, entries: readonly SortEntry[], compare: (a: SortEntry, b: SortEntry) => number) {
    this.collectionN = collectionN;
    this.#entries = entries;
    this.#compare = compare;
  }

  readAfter(after: SortEntry | null, skip: number, limit: number): readonly SortEntry[] {
    let low = 0;
    let high = after === null ? 0 : this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#entries[middle]!, after!) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#entries.slice(low + skip, low + skip + limit);
  }

  close(): void {}
}

/** A b-tree in a file of its own, in the order of the sort; it may be lost at any time, so nothing is synced and nothing ever commits. */
class SpoolFile implements Spool {
  readonly collectionN: number;
  readonly #db: DatabaseSync;
  readonly #order: EntryOrder;
  readonly #path: string;
  readonly #insert: StatementSync;

  constructor(collectionN: number, order: EntryOrder, path: string) {
    this.collectionN = collectionN;
    this.#order = order;
    this.#path = path;
    this.#db = new DatabaseSync(path);
    const columns = order.keys.map((_, index) => `k${index}`);
    const primaryKey = [
      ...order.keys.map(({ direction }, index) => `k${index} ${direction === 1 ? 'ASC' : 'DESC'}`),
      `id ${order.idDirection === 1 ? 'ASC' : 'DESC'}`,
    ];
    this.#db.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA page_size = ${pageSize}; PRAGMA max_page_count = ${maxSpoolBytes / pageSize}; PRAGMA cache_size = -8192;
      CREATE TABLE spool (${columns.map((column) => `${column} ANY NOT NULL, `).join('')}id TEXT NOT NULL,
        PRIMARY KEY (${primaryKey.join(', ')})) STRICT, WITHOUT ROWID;
      BEGIN`);
    const names = [...columns, 'id'];
    this.#insert = this.#db.prepare(
      `INSERT OR IGNORE INTO spool (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
  }

  add(entries: readonly SortEntry[]): void {
    try {
      for (const { keys, id } of entries) this.#insert.run(...keys, id);
    } catch (error) {
      if (((error as { errcode?: number }).errcode ?? 0) !== full) throw error;
      throw new TackleError(
        'quota_exceeded',
        'Sorting would need more than 256 MB of temporary space. Create an index on the sorted field, or narrow the query.',
      );
    }
  }

  readAfter(after: SortEntry | null, skip: number, limit: number): readonly SortEntry[] {
    const columns = [...this.#order.keys.map((_, index) => `k${index}`), 'id'];
    const directions = [...this.#order.keys.map(({ direction }) => direction), this.#order.idDirection];
    const seek = after === null ? { sql: '1', params: [] } : seekAfter(columns, directions, [...after.keys, after.id]);
    const order = columns.map((column, index) => `${column} ${directions[index] === 1 ? 'ASC' : 'DESC'}`);
    const rows = this.#db
      .prepare(
        `SELECT ${columns.join(', ')} FROM spool WHERE ${seek.sql} ORDER BY ${order.join(', ')} LIMIT ? OFFSET ?`,
      )
      .all(...seek.params, limit, skip) as Record<string, SqlParameter>[];
    return rows.map((row) => ({
      keys: this.#order.keys.map((_, index) => row[`k${index}`]!),
      id: row.id as string,
    }));
  }

  close(): void {
    this.#db.close();
    rmSync(this.#path, { force: true });
  }
}

/** `k0 >= ? AND (k0 > ? OR (k0 = ? AND …))`: the first term is what the b-tree can search by. */
function seekAfter(
  columns: readonly string[],
  directions: readonly number[],
  values: readonly SqlParameter[],
): { sql: string; params: SqlParameter[] } {
  const operator = directions[0] === 1 ? '>' : '<';
  const [column] = columns;
  const [value] = values;
  if (columns.length === 1) return { sql: `${column} ${operator} ?`, params: [value!] };
  const rest = seekAfter(columns.slice(1), directions.slice(1), values.slice(1));
  return {
    sql: `${column} ${operator}= ? AND (${column} ${operator} ? OR (${column} = ? AND ${rest.sql}))`,
    params: [value!, value!, value!, ...rest.params],
  };
}

/** The sorted lists of one reader thread. They only save time: a page can always be found again by sorting anew. */
export class SortSpools {
  readonly thread: number;
  readonly #directory: string;
  readonly #spools = new Map<number, { spool: Spool; usedAtMs: number }>();
  #lastId = 0;

  constructor(options: { directory: string; thread: number }) {
    this.#directory = options.directory;
    this.thread = options.thread;
  }

  build(collectionN: number, order: EntryOrder): SpoolBuilder {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#lastId += 1;
    const path = join(this.#directory, `sort-${process.pid}-${this.thread}-${this.#lastId}`);
    rmSync(path, { force: true });
    return new SpoolBuilder(collectionN, order, path);
  }

  keep(spool: Spool): number {
    this.#dropIdle();
    this.#lastId += 1;
    this.#spools.set(this.#lastId, { spool, usedAtMs: Date.now() });
    return this.#lastId;
  }

  get(id: number, collectionN: number): Spool | null {
    const entry = this.#spools.get(id);
    if (entry === undefined || entry.spool.collectionN !== collectionN) return null;
    entry.usedAtMs = Date.now();
    return entry.spool;
  }

  drop(id: number): void {
    this.#spools.get(id)?.spool.close();
    this.#spools.delete(id);
  }

  close(): void {
    for (const id of [...this.#spools.keys()]) this.drop(id);
  }

  #dropIdle(): void {
    const oldestFirst = [...this.#spools].sort((a, b) => a[1].usedAtMs - b[1].usedAtMs);
    for (const [index, [id, { usedAtMs }]] of oldestFirst.entries()) {
      if (this.#spools.size - index >= maxSpools || usedAtMs < Date.now() - idleLimitMs) this.drop(id);
    }
  }
}
