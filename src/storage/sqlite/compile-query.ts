import type { FieldFilter, Filter, Path, Predicate } from '../../core/query/filter.ts';
import { compileFieldAt, compilePredicate, matchesMissing } from './compile-field.ts';
import { allOf, always, anyOf, never, notOf, type SqlCondition, unknown } from './sql-condition.ts';
import { idSlot, type JsonSource } from './value-slot.ts';

export interface CompileOptions {
  /** Column with the stored body (see core/query/stored-text.ts). Default `body`. */
  readonly bodyColumn?: string;
  /** Column with the stored `_id`. Default `_id`. */
  readonly idColumn?: string;
}

/**
 * A filter as WHERE clause: values as parameters only. When the answer is not `exact`, rows must be checked with
 * compileMatcher as well; no matching row is ever left out.
 */
export function compileFilter(filter: Filter, options: CompileOptions = {}): SqlCondition {
  const { bodyColumn = 'body', idColumn = '_id' } = options;
  return compile(filter, { source: { json: bodyColumn, depth: 0 }, idColumn });
}

interface Context {
  readonly source: JsonSource;
  readonly idColumn: string;
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
  return allOf(predicates.map((predicate) => compileFieldAt(context.source, path, predicate)));
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
