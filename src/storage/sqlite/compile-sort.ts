import type { JsonObject } from '../../core/json.ts';
import type { Path } from '../../core/query/filter.ts';
import { completeSort, readSortValue, type Sort } from '../../core/query/sort.ts';
import { encodeStoredText } from '../../core/query/stored-text.ts';
import { jsonPath, sortKeyExpression, sortKeyParameter } from './sort-key.ts';
import { allOf, anyOf, condition, type SqlCondition, type SqlParameter } from './sql-condition.ts';

export interface SortColumns {
  /** Default `body`. */
  readonly bodyColumn?: string;
  /** Default `_id`. */
  readonly idColumn?: string;
}

/**
 * The list after ORDER BY, `_id` included, in exactly the order of compareBySort; null when a field's name cannot be written
 * in SQL and the sort has to be done in JavaScript.
 */
export function compileSort(sort: Sort, columns: SortColumns = {}): string | null {
  const keys = completeSort(sort);
  if (!keys.every(({ path }) => isColumn(path) || jsonPath(path) !== null)) return null;
  return keys
    .map(({ path, direction }) => `${keyExpression(path, columns)} ${direction === 1 ? 'ASC' : 'DESC'}`)
    .join(', ');
}

/**
 * The rows after a document in the order of compileSort, for the next page of a stream. The document needs `_id` and the
 * sorted fields only.
 */
export function compileSeek(sort: Sort, last: JsonObject, columns: SortColumns = {}): SqlCondition {
  const keys = completeSort(sort).map(({ path, direction }) => ({
    expression: keyExpression(path, columns),
    direction,
    param: isColumn(path) ? encodeStoredText(String(last._id)) : sortKeyParameter(readSortValue(last, path)),
  }));
  return seekFrom(keys);
}

interface SeekKey {
  readonly expression: string;
  readonly direction: 1 | -1;
  readonly param: SqlParameter;
}

/** `k >= ? AND (k > ? OR rest)`: the first term is what an index can search by. */
function seekFrom([first, ...rest]: readonly SeekKey[]): SqlCondition {
  const { expression, direction, param } = first!;
  const after = condition(`${expression}${direction === 1 ? '>' : '<'}?`, param);
  if (rest.length === 0) return after;
  return allOf([condition(`${expression}${direction === 1 ? '>=' : '<='}?`, param), anyOf([after, seekFrom(rest)])]);
}

function isColumn(path: Path): boolean {
  return path.length === 1 && path[0] === '_id';
}

function keyExpression(path: Path, { bodyColumn = 'body', idColumn = '_id' }: SortColumns): string {
  return isColumn(path) ? idColumn : sortKeyExpression(path, bodyColumn);
}
