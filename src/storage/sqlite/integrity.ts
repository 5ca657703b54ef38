import { TackleError } from '../../core/errors.ts';
import type { Connection } from './connection.ts';

export interface IntegrityResult {
  readonly checkedTables: number;
  readonly totalTables: number;
}

/**
 * Checks table by table (structure, order and size of records) until the budget is used up; yields after each. Throws
 * `storage_corrupt` naming the table.
 */
export function* checkIntegrity(connection: Connection, budgetMs: number): Generator<void, IntegrityResult, void> {
  const deadline = performance.now() + budgetMs;
  const tables = connection
    .sql(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`)
    .all() as { name: string }[];
  let checkedTables = 0;
  for (const { name } of tables) {
    if (performance.now() > deadline) break;
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
