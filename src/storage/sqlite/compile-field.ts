import type { Filter, Path, Predicate } from '../../core/query/filter.ts';
import { arrayPosition } from '../../core/query/find-values.ts';
import { expandsArrays } from '../../core/query/match-filter.ts';
import { compilePredicate, elementSlot, fieldSlot, matchesMissing } from './compile-predicate.ts';
import { jsonPath } from './sort-key.ts';
import { allOf, anyOf, condition, inexact, notOf, type SqlCondition, unknown } from './sql-condition.ts';

/** SQL that yields the JSON text of an object (or NULL), and the depth of json_each scopes around it, for alias names. */
export interface JsonSource {
  readonly json: string;
  readonly depth: number;
}

export function documentSource(bodyColumn: string): JsonSource {
  return { json: bodyColumn, depth: 0 };
}

/** Each array that may lie on the way doubles the SQL; longer paths are left to the matcher. */
const maxSegments = 4;
/** Scopes of json_each within one another. */
const maxDepth = 8;

/** A predicate on a field below a source. The whole predicate holds for missing fields and through arrays as the matcher says. */
export function compileFieldAt(source: JsonSource, path: Path, predicate: Predicate): SqlCondition {
  if (predicate.op === 'not') {
    return notOf(allOf(predicate.predicates.map((inner) => compileFieldAt(source, path, inner))));
  }
  const literal = jsonPath(path);
  const isPlain = !path.some((segment, index) => index > 0 && arrayPosition(segment) >= 0);
  if (literal === null || !isPlain || path.length > maxSegments || source.depth > maxDepth) return unknown;
  const slot = fieldSlot(source, literal);
  const whole = compilePredicate(predicate, slot);
  const branches = [withoutArrayOnTheWay(source, path, predicate, whole)];
  if (expandsArrays(predicate)) {
    const element = elementSlot(source.depth);
    branches.push(existsIn(slot.type, slot.each, element.alias, compilePredicate(predicate, element)));
  }
  for (let index = 1; index < path.length; index += 1) {
    branches.push(throughArray(source, path, index, predicate));
  }
  return anyOf(branches);
}

/** An array on the way hides the field, which must not look like "missing". */
function withoutArrayOnTheWay(source: JsonSource, path: Path, predicate: Predicate, whole: SqlCondition): SqlCondition {
  if (path.length === 1 || matchesMissing(predicate) === false) return whole;
  const guards = path.slice(0, -1).map((_, index) => {
    return condition(`json_type(${source.json},${jsonPath(path.slice(0, index + 1))}) IS NOT 'array'`);
  });
  return allOf([...guards, whole]);
}

function throughArray(source: JsonSource, path: Path, index: number, predicate: Predicate): SqlCondition {
  const slot = fieldSlot(source, jsonPath(path.slice(0, index))!);
  const element = elementSlot(source.depth);
  const inner = compileFieldAt(objectElement(element.alias, source.depth), path.slice(index), predicate);
  return existsIn(slot.type, slot.each, element.alias, allOf([condition(`${element.alias}.type='object'`), inner]));
}

export function existsIn(type: string, each: string, alias: string, inner: SqlCondition): SqlCondition {
  if (inner.sql === '0') return inner;
  const sql = `(${type}='array' AND EXISTS (SELECT 1 FROM json_each(${each}) AS ${alias} WHERE ${inner.sql}))`;
  const result = condition(sql, ...inner.params);
  return inner.exact ? result : inexact(result);
}

/** The CASE keeps SQLite from reading a text element as JSON, whatever the order in which it evaluates conditions. */
function objectElement(alias: string, depth: number): JsonSource {
  return { json: `CASE WHEN ${alias}.type IN ('object','array') THEN ${alias}.value END`, depth: depth + 1 };
}

/** A filter on the elements of an array, for `$elemMatch`. */
export function compileElementFilter(filter: Filter, alias: string, depth: number): SqlCondition {
  const source = objectElement(alias, depth);
  const compileInner = (inner: Filter): SqlCondition => {
    switch (inner.kind) {
      case 'and':
        return allOf(inner.filters.map(compileInner));
      case 'or':
        return anyOf(inner.filters.map(compileInner));
      case 'nor':
        return notOf(anyOf(inner.filters.map(compileInner)));
      case 'field':
        // The elements may be arrays, whose positions count as names here.
        if (arrayPosition(inner.path[0]!) >= 0) return unknown;
        return allOf(inner.predicates.map((predicate) => compileFieldAt(source, inner.path, predicate)));
    }
  };
  return allOf([condition(`${alias}.type IN ('object','array')`), compileInner(filter)]);
}
