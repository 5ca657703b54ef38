import { TackleError } from '../../core/errors.ts';
import type { Connection } from './connection.ts';

export interface IntegrityResult {
  readonly checkedTables: number;
  readonly totalTables: number;
}

export interface IntegrityBudget {
  /** No further table is begun after this time. */
  readonly budgetMs: number;
  /** Tables of more rows are passed over: one table is checked in one piece, whatever it takes. */
  readonly maxRows?: number;
}

/**
 * Checks table by table (structure, order and size of records) until the budget is used up; yields after each. Throws
 * `storage_corrupt` naming the table.
 */
export function* checkIntegrity(
  connection: Connection,
  { budgetMs, maxRows }: IntegrityBudget,
): Generator<void, IntegrityResult, void> {
  const deadline = performance.now() + budgetMs;
  const tables = connection
    .sql(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
    .all() as { name: string }[];
  let checkedTables = 0;
  for (const { name } of tables) {
    if (performance.now() > deadline) break;
    if (maxRows !== undefined && hasMoreRows(connection, name, maxRows)) continue;
    const problems = connection.db.prepare(`PRAGMA quick_check('${name.replaceAll("'", "''")}')`).all() as {
      quick_check: string;
    }[];
    const problem = problems.find((row) => row.quick_check !== 'ok');
    if (problem !== undefined) {
      throw new TackleError('storage_corrupt', `Table ${name}: ${problem.quick_check}. Restore the last backup.`);
    }
    checkedTables += 1;
    yield;
  }
  return { checkedTables, totalTables: tables.length };
}

function hasMoreRows({ db }: Connection, table: string, rows: number): boolean {
  return db.prepare(`SELECT 1 FROM "${table.replaceAll('"', '""')}" LIMIT 1 OFFSET ${rows}`).get() !== undefined;
}
