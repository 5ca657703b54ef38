import type { Filter, Path, Predicate } from '../../core/query/filter.ts';
import { arrayPosition } from '../../core/query/find-values.ts';
import { expandsArrays } from '../../core/query/match-filter.ts';
import {
  compileComparison,
  compileEndsWith,
  compileIn,
  compilePattern,
  compileStartsWith,
  compileType,
} from './compile-value.ts';
import { jsonPath } from './json-path.ts';
import { allOf, always, anyOf, condition, inexact, never, notOf, type SqlCondition, unknown } from './sql-condition.ts';
import { elementSlot, elementSource, fieldSlot, hasType, type JsonSource, type Slot } from './value-slot.ts';

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
  const inner = compileFieldAt(elementSource(source.depth), path.slice(index), predicate);
  return existsIn(slot.type, slot.each, element.alias, allOf([hasType(element, 'object'), inner]));
}

function existsIn(type: string, each: string, alias: string, inner: SqlCondition): SqlCondition {
  if (inner.sql === '0') return inner;
  const sql = `(${type}='array' AND EXISTS (SELECT 1 FROM json_each(${each}) AS ${alias} WHERE ${inner.sql}))`;
  const result = condition(sql, ...inner.params);
  return inner.exact ? result : inexact(result);
}

/** A filter on the elements of an array, for `$elemMatch`. */
function compileElementFilter(filter: Filter, depth: number): SqlCondition {
  const source = elementSource(depth);
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
  return allOf([hasType(elementSlot(depth), 'object', 'array'), compileInner(filter)]);
}

/** The predicate on the value itself, arrays not expanded. */
export function compilePredicate(predicate: Predicate, slot: Slot): SqlCondition {
  switch (predicate.op) {
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compileComparison(predicate, slot);
    case 'in':
      return compileIn(predicate, slot);
    case 'exists':
      return slot.isId ? always : condition(`${slot.type} IS NOT NULL`);
    case 'type':
      return anyOf(predicate.types.map((type) => compileType(type, slot)));
    case 'regex':
      return compilePattern(predicate.pattern, slot);
    case 'startsWith':
      return compileStartsWith(predicate.text, slot);
    case 'endsWith':
      return compileEndsWith(predicate.text, slot);
    case 'mod':
      return inexact(hasType(slot, 'integer', 'real'));
    case 'size':
      return allOf([hasType(slot, 'array'), condition(`json_array_length(${slot.each})=?`, predicate.size)]);
    case 'not':
      return notOf(allOf(predicate.predicates.map((inner) => compilePredicate(inner, slot))));
    case 'elemMatch': {
      if (slot.isId) return never;
      const element = elementSlot(slot.depth);
      const inner = allOf(predicate.predicates.map((one) => compilePredicate(one, element)));
      return existsIn(slot.type, slot.each, element.alias, inner);
    }
    case 'elemMatchObject': {
      if (slot.isId) return never;
      const { alias } = elementSlot(slot.depth);
      return existsIn(slot.type, slot.each, alias, compileElementFilter(predicate.filter, slot.depth));
    }
  }
}

/** Whether the predicate holds for a missing field; null when that takes the matcher. */
export function matchesMissing(predicate: Predicate): boolean | null {
  switch (predicate.op) {
    case 'eq':
    case 'gte':
    case 'lte':
      return predicate.value === null;
    case 'in':
      return predicate.values.includes(null);
    case 'not': {
      const inner = predicate.predicates.map(matchesMissing);
      return inner.includes(false) ? true : inner.includes(null) ? null : false;
    }
    default:
      return false;
  }
}
