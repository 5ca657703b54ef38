import type { Path } from '../../core/query/filter.ts';
import { parsePath } from '../../core/query/parse-filter.ts';
import { requireJsonPath, sortKeyExpression } from './sort-key.ts';

/** The expression that compiled queries compare and sort by; an index must be on exactly this text. */
export function indexExpression(path: string, bodyColumn = 'body'): string {
  return sortKeyExpression(parsePath(path), bodyColumn);
}

/** 1 when the field is an array or lies behind one, else NULL: such documents are found through the second index. */
export function multikeyExpression(path: Path, bodyColumn = 'body'): string {
  const tests = path.map((_, index) => `json_type(${bodyColumn},${requireJsonPath(path.slice(0, index + 1))})='array'`);
  return `CASE WHEN ${tests.join(' OR ')} THEN 1 END`;
}

export interface DocumentIndexNames {
  readonly table: string;
  /** Name of the first index; the second gets `_m` appended. */
  readonly name: string;
  readonly path: string;
  readonly bodyColumn?: string;
  readonly idColumn?: string;
}

/**
 * The statements that index one field: values with `_id` (so the index also serves sorting), and the documents in which the
 * field holds or crosses an array, which are few in most collections. A condition on the field becomes
 * `value in range OR (array AND element in range)`, and SQLite searches both indexes. Throws `invalid_query` for names that
 * cannot be indexed.
 */
export function createIndexStatements(names: DocumentIndexNames): readonly string[] {
  const { table, name, bodyColumn = 'body', idColumn = '_id' } = names;
  const path = parsePath(names.path);
  const multikey = multikeyExpression(path, bodyColumn);
  return [
    `CREATE INDEX IF NOT EXISTS ${quote(name)} ON ${quote(table)} ((${sortKeyExpression(path, bodyColumn)}), ${idColumn})`,
    `CREATE INDEX IF NOT EXISTS ${quote(`${name}_m`)} ON ${quote(table)} ((${multikey})) WHERE (${multikey})=1`,
  ];
}

export function dropIndexStatements(name: string): readonly string[] {
  return [`DROP INDEX IF EXISTS ${quote(name)}`, `DROP INDEX IF EXISTS ${quote(`${name}_m`)}`];
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
