import { TackleError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Filter, Predicate } from './filter.ts';
import { OperandReader } from './operands.ts';
import { parsePath } from './parse-filter.ts';
import { type ProjectionFields, parseProjectionFields } from './projection.ts';
import { parseSort, type Sort } from './sort.ts';

/** How to read a collection, after all spellings have been understood. Plain data. */
export interface FindOptions {
  /** Empty: by `_id`, or by the field of `range`. */
  readonly sort: Sort;
  /** Null: all. */
  readonly limit: number | null;
  readonly skip: number;
  /** From the end: by `_id` descending, or the range backwards. Ignored when there is a sort. */
  readonly reverse: boolean;
  readonly fields: ProjectionFields | null;
  /** The result is the one item `{count}`. */
  readonly count: boolean;
  readonly range: IndexRange | null;
}

/** Documents with `start` ≤ field ≤ `end`, in the order of the field. A bound that is left out is open. */
export interface IndexRange {
  readonly field: string;
  readonly start?: Json;
  readonly end?: Json;
}

/**
 * Understands the options of a find (spec/codehooks.md 4.5): `sort limit offset skip reverse fields projection useIndex
 * startIndex endIndex start end`, and `hints`, where the same may stand, also as `$fields $sort $orderby $limit $max
 * $offset $skip`, and where `count $count $onlycount` ask for a count. What stands on top wins over hints, earlier hints over
 * later ones. A limit of 0 (and `$max: -1`) means none. Throws `invalid_query`.
 */
export function parseFindOptions(options: unknown, ...hints: readonly unknown[]): FindOptions {
  const top = readObject(options, 'options');
  const sources = [top, readObject(top.hints, 'hints'), ...hints.map((one) => readObject(one, 'hints'))];
  const pick = (...names: readonly string[]): unknown => {
    for (const source of sources) {
      for (const name of names) {
        if (Object.hasOwn(source, name) && source[name] !== undefined && source[name] !== null) return source[name];
      }
    }
    return undefined;
  };
  return {
    sort: parseSort(pick('sort', '$sort', '$orderby', 'orderby')),
    limit: readLimit(pick('limit', '$limit', '$max', 'max')),
    skip: readCount(pick('offset', 'skip', '$offset', '$skip') ?? 0, 'offset'),
    reverse: isOn(pick('reverse')),
    fields: parseProjectionFields(pick('fields', '$fields', 'projection', '$projection')),
    count: isOn(pick('count', '$count', '$onlycount', 'onlycount')),
    range: readRange(pick),
  };
}

function readObject(input: unknown, what: string): Record<string, unknown> {
  if (input === undefined || input === null) return {};
  if (typeof input === 'object' && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new TackleError(
    'invalid_query',
    `${what}: takes an object, not ${Array.isArray(input) ? 'an array' : typeof input}`,
  );
}

function readLimit(input: unknown): number | null {
  if (input === undefined || input === Number.POSITIVE_INFINITY || input === -1 || input === '-1') return null;
  return readCount(input, 'limit') || null;
}

function readCount(input: unknown, name: string): number {
  const count = typeof input === 'string' && input.trim() !== '' ? Number(input) : input;
  if (typeof count === 'number' && Number.isSafeInteger(Math.trunc(count)) && count >= 0) return Math.trunc(count);
  throw new TackleError(
    'invalid_query',
    `${name}: must be a number that is not negative, not ${JSON.stringify(input)}`,
  );
}

function isOn(input: unknown): boolean {
  return input === true || input === 1 || input === 'true' || input === '1';
}

function readRange(pick: (...names: readonly string[]) => unknown): IndexRange | null {
  const field = pick('useIndex', 'useindex');
  if (field === undefined || field === '') return null;
  if (typeof field !== 'string') throw new TackleError('invalid_query', 'useIndex: takes the name of a field');
  const reader = new OperandReader('invalid_query');
  const start = pick('startIndex', 'start');
  const end = pick('endIndex', 'end');
  parsePath(field);
  return {
    field,
    ...(start === undefined ? {} : { start: reader.readValue(start, 'startIndex') }),
    ...(end === undefined ? {} : { end: reader.readValue(end, 'endIndex') }),
  };
}

/** The condition that a range adds to the filter; without bounds, none: documents without the field come first then. */
export function rangeToFilter({ field, start, end }: IndexRange): Filter {
  const predicates: Predicate[] = [];
  if (start !== undefined) predicates.push({ op: 'gte', value: start });
  if (end !== undefined) predicates.push({ op: 'lte', value: end });
  return predicates.length === 0 ? { kind: 'and', filters: [] } : { kind: 'field', path: parsePath(field), predicates };
}

/** The order that options ask for, `reverse` and `range` resolved. */
export function resolveSort({ sort, reverse, range }: Pick<FindOptions, 'sort' | 'reverse' | 'range'>): Sort {
  if (sort.length > 0) return sort;
  const direction = reverse ? -1 : 1;
  return [{ path: range === null ? ['_id'] : parsePath(range.field), direction }];
}
