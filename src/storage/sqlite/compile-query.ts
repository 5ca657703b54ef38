import type { FieldFilter, Filter, Path, Predicate } from '../../core/query/filter.ts';
import { arrayPosition } from '../../core/query/find-values.ts';
import { compileFieldAt, documentSource } from './compile-field.ts';
import { compileIndexed } from './compile-indexed.ts';
import { compilePredicate, idSlot, matchesMissing } from './compile-predicate.ts';
import { allOf, always, anyOf, never, notOf, type SqlCondition, unknown } from './sql-condition.ts';

export interface CompileOptions {
  /** Column with the stored body (see core/query/stored-text.ts). Default `body`. */
  readonly bodyColumn?: string;
  /** Column with the stored `_id`. Default `_id`. */
  readonly idColumn?: string;
  /** Names of the indexed fields: conditions on them are written so that SQLite uses their indexes. */
  readonly indexes?: readonly string[];
}

/**
 * A filter as WHERE clause: values as parameters only. When the answer is not `exact`, rows must be checked with
 * compileMatcher as well; no matching row is ever left out.
 */
export function compileFilter(filter: Filter, options: CompileOptions = {}): SqlCondition {
  const { bodyColumn = 'body', idColumn = '_id', indexes = [] } = options;
  return compile(filter, { bodyColumn, idColumn, indexes: new Set(indexes) });
}

interface Context {
  readonly bodyColumn: string;
  readonly idColumn: string;
  readonly indexes: ReadonlySet<string>;
}

function compile(filter: Filter, context: Context): SqlCondition {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.filters.map((inner) => compile(inner, context)));
    case 'or':
      return anyOf(filter.filters.map((inner) => compile(inner, context)));
    case 'nor':
      return notOf(anyOf(filter.filters.map((inner) => compile(inner, context))));
    case 'field':
      return compileFieldFilter(filter, context);
  }
}

function compileFieldFilter({ path, predicates }: FieldFilter, context: Context): SqlCondition {
  if (path[0] === '_id') return compileId(path, predicates, context.idColumn);
  const source = documentSource(context.bodyColumn);
  if (context.indexes.has(path.join('.')) && !path.some((segment) => arrayPosition(segment) >= 0)) {
    return compileIndexed(source, path, predicates);
  }
  return allOf(predicates.map((predicate) => compileFieldAt(source, path, predicate)));
}

/** `_id` is a text in its own column: never missing, never an array. */
function compileId(path: Path, predicates: readonly Predicate[], idColumn: string): SqlCondition {
  return allOf(predicates.map((predicate) => compileIdPredicate(path, predicate, idColumn)));
}

function compileIdPredicate(path: Path, predicate: Predicate, idColumn: string): SqlCondition {
  if (predicate.op === 'not') {
    return notOf(allOf(predicate.predicates.map((inner) => compileIdPredicate(path, inner, idColumn))));
  }
  if (path.length === 1) return compilePredicate(predicate, idSlot(idColumn));
  const holds = matchesMissing(predicate);
  return holds === null ? unknown : holds ? always : never;
}
