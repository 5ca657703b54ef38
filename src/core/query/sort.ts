import { TackleError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { compareCodePoints } from './code-points.ts';
import type { Path } from './filter.ts';
import { queryLimits } from './limits.ts';
import { parsePath } from './parse-filter.ts';
import { encodeStoredJson } from './stored-text.ts';
import { type FoundValue, getOwn, isObjectValue } from './values.ts';

export interface SortKey {
  readonly path: Path;
  readonly direction: 1 | -1;
}

export type Sort = readonly SortKey[];

/**
 * Reads `{a: 1, b: -1}`, `[['a', 1], ['b', 'desc']]`, `['a', '-b']`, `"a,-b"` (spaces work too). Nothing gives an empty
 * sort. Throws `invalid_query`.
 */
export function parseSort(input: unknown): Sort {
  if (input === undefined || input === null || input === '') return [];
  const entries = readEntries(input);
  if (entries.length > queryLimits.sortKeys) fail(`more than ${queryLimits.sortKeys} keys`);
  const seen = new Set<string>();
  return entries.flatMap(([name, direction]) => {
    if (seen.has(name)) return [];
    seen.add(name);
    return [{ path: parsePath(name), direction }];
  });
}

function readEntries(input: unknown): (readonly [string, 1 | -1])[] {
  if (typeof input === 'string')
    return input
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .map(readSigned);
  if (Array.isArray(input)) {
    if (typeof input[0] === 'string' && input.length === 2 && isDirection(input[1]))
      return [[input[0], readDirection(input[1])]];
    return input.flatMap((entry: unknown) => {
      if (Array.isArray(entry) && typeof entry[0] === 'string') return [[entry[0], readDirection(entry[1])] as const];
      if (typeof entry === 'string' || (typeof entry === 'object' && entry !== null)) return readEntries(entry);
      return fail('an entry must be a name, a pair or an object');
    });
  }
  if (typeof input !== 'object' || input === null) return fail(`takes an object, pairs or "a,-b", not ${typeof input}`);
  return Object.entries(input).map(([name, direction]) => [name, readDirection(direction)] as const);
}

function readSigned(part: string): readonly [string, 1 | -1] {
  if (part.startsWith('-')) return [part.slice(1), -1];
  return [part.startsWith('+') ? part.slice(1) : part, 1];
}

function readDirection(input: unknown): 1 | -1 {
  if (isDirection(input)) return input === 1 || input === '1' || input === 'asc' || input === 'ascending' ? 1 : -1;
  return fail('a direction must be 1 or -1');
}

function isDirection(input: unknown): boolean {
  return [1, -1, '1', '-1', 'asc', 'desc', 'ascending', 'descending'].includes(input as string | number);
}

function fail(problem: string): never {
  throw new TackleError('invalid_query', `sort: ${problem}`);
}

/**
 * Order of documents. Values go by type first: missing and null (alike), numbers, strings (by code point), objects, arrays,
 * false, true. Objects, and likewise arrays, go by their JSON text; MongoDB would take an array's smallest or largest
 * element instead. A path that meets an array on its way counts as missing. Ties go by `_id`, in the direction of the last
 * key, so that an index on (key, _id) read either way gives the order; no keys means `_id` ascending.
 */
export function compareBySort(sort: Sort): (a: JsonObject, b: JsonObject) => number {
  const keys = completeSort(sort);
  return (a, b) => {
    for (const { path, direction } of keys) {
      const difference = compareSortValues(readSortValue(a, path), readSortValue(b, path));
      if (difference !== 0) return difference * direction;
    }
    return 0;
  };
}

/** The sort with `_id` as last key, which makes it total. */
export function completeSort(sort: Sort): Sort {
  const idAt = sort.findIndex(({ path }) => path.length === 1 && path[0] === '_id');
  if (idAt >= 0) return sort.slice(0, idAt + 1);
  return [...sort, { path: ['_id'], direction: sort.at(-1)?.direction ?? 1 }];
}

/** What a document is sorted by: the value behind nested objects; undefined when there is none. */
export function readSortValue(document: JsonObject, path: Path): FoundValue {
  let current: FoundValue = document;
  for (const segment of path) {
    if (!isObjectValue(current)) return undefined;
    current = getOwn(current, segment);
  }
  return current;
}

export function compareSortValues(a: FoundValue, b: FoundValue): number {
  const rank = sortRank(a);
  const difference = rank - sortRank(b);
  if (difference !== 0) return difference;
  if (typeof a === 'number') return Math.sign(a - (b as number)) || 0;
  if (typeof a === 'string') return compareCodePoints(a, b as string);
  return rank === 3 || rank === 4 ? compareCodePoints(encodeStoredJson(a!), encodeStoredJson(b!)) : 0;
}

function sortRank(value: FoundValue): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return 1;
  if (typeof value === 'string') return 2;
  if (typeof value === 'boolean') return value ? 6 : 5;
  return Array.isArray(value) ? 4 : 3;
}
