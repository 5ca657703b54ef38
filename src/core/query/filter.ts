import type { Json } from '../json.ts';

/**
 * A parsed filter: plain data (it survives structured cloning), already validated. What a filter means is in
 * match-filter.ts; the SQL compilers must answer alike or a superset.
 */
export type Filter = AndFilter | OrFilter | NorFilter | FieldFilter;

/** Holds when all hold; with no filters it matches everything. */
export interface AndFilter {
  readonly kind: 'and';
  readonly filters: readonly Filter[];
}

export interface OrFilter {
  readonly kind: 'or';
  readonly filters: readonly Filter[];
}

export interface NorFilter {
  readonly kind: 'nor';
  readonly filters: readonly Filter[];
}

/** All predicates must hold of the field, each on its own: different elements of an array may satisfy different ones. */
export interface FieldFilter {
  readonly kind: 'field';
  readonly path: Path;
  readonly predicates: readonly Predicate[];
}

/** Segments of a dotted name. A segment of digits names a property or the position in an array. */
export type Path = readonly string[];

/** A regular expression in JavaScript syntax. Flags are a subset of `imsuv`, sorted. */
export interface Pattern {
  readonly source: string;
  readonly flags: string;
}

export type TypeName = 'null' | 'number' | 'int' | 'long' | 'double' | 'string' | 'object' | 'array' | 'bool' | 'never';

export type Predicate =
  | ComparisonPredicate
  | { readonly op: 'in'; readonly values: readonly Json[]; readonly patterns: readonly Pattern[] }
  | { readonly op: 'exists' }
  | { readonly op: 'type'; readonly types: readonly TypeName[] }
  | { readonly op: 'regex'; readonly pattern: Pattern }
  | { readonly op: 'startsWith' | 'endsWith'; readonly text: string }
  | { readonly op: 'mod'; readonly divisor: number; readonly remainder: number }
  | { readonly op: 'size'; readonly size: number }
  /** Some element of the array satisfies all predicates. */
  | { readonly op: 'elemMatch'; readonly predicates: readonly Predicate[] }
  /** Some element of the array is an object (or array) that the filter matches. */
  | { readonly op: 'elemMatchObject'; readonly filter: Filter }
  /** Not all of the predicates hold. */
  | { readonly op: 'not'; readonly predicates: readonly Predicate[] };

export interface ComparisonPredicate {
  readonly op: 'eq' | 'gt' | 'gte' | 'lt' | 'lte';
  readonly value: Json;
}

/** The `_id` that a filter fixes by equality, or null. */
export function getFilterId(filter: Filter): string | null {
  if (filter.kind === 'and') return filter.filters.map(getFilterId).find((id) => id !== null) ?? null;
  if (filter.kind !== 'field' || filter.path.length !== 1 || filter.path[0] !== '_id') return null;
  for (const predicate of filter.predicates) {
    if (predicate.op === 'eq' && typeof predicate.value === 'string') return predicate.value;
  }
  return null;
}

/** True when the filter runs a regular expression, which must never happen while the writer is held. */
export function hasPattern(filter: Filter): boolean {
  return filter.kind === 'field' ? filter.predicates.some(predicateHasPattern) : filter.filters.some(hasPattern);
}

function predicateHasPattern(predicate: Predicate): boolean {
  switch (predicate.op) {
    case 'regex':
      return true;
    case 'in':
      return predicate.patterns.length > 0;
    case 'elemMatch':
    case 'not':
      return predicate.predicates.some(predicateHasPattern);
    case 'elemMatchObject':
      return hasPattern(predicate.filter);
    default:
      return false;
  }
}
