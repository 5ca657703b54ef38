import { compareCodePoints } from '../../../core/query/code-points.ts';
import type { Filter, Path, Predicate } from '../../../core/query/filter.ts';
import { getLiteralPrefix } from '../../../core/query/regex/literal-prefix.ts';
import { encodeStoredText } from '../../../core/query/stored-text.ts';
import { type IndexKey, toIndexKey } from '../index-keys.ts';
import { prefixRange } from '../prefix-range.ts';

/** Keys of an index between two bounds; null is open. */
export interface KeyRange {
  readonly from: { readonly key: IndexKey; readonly inclusive: boolean } | null;
  readonly to: { readonly key: IndexKey; readonly inclusive: boolean } | null;
}

const lowestNumber = { key: Number.NEGATIVE_INFINITY, inclusive: false } as const;
const lowestText = { key: '', inclusive: true } as const;
const aboveNumbers = { key: '', inclusive: false } as const;
const aboveTexts = { key: new Uint8Array(0), inclusive: false } as const;

/** The predicates that a filter asks of a path in any case: those of its top-level conjunction. */
export function getPredicates(filter: Filter, path: Path): readonly Predicate[] {
  const fields = filter.kind === 'and' ? filter.filters : [filter];
  const name = path.join('.');
  return fields.flatMap((field) => (field.kind === 'field' && field.path.join('.') === name ? field.predicates : []));
}

/**
 * Ranges of keys in which every matching document has at least one; null when the predicates do not narrow the index down.
 * With `multikey`, two bounds may be met by two elements of an array, so only one of them is used.
 */
export function computeKeyRanges(predicates: readonly Predicate[], multikey: boolean): readonly KeyRange[] | null {
  let bounded: KeyRange | null = null;
  for (const predicate of predicates) {
    const points = getPoints(predicate);
    if (points !== null) return points.map((key) => toPoint(key));
    const range = getRange(predicate);
    if (range === null) continue;
    if (bounded === null) bounded = range;
    else if (!multikey) bounded = intersect(bounded, range);
  }
  return bounded === null ? null : [bounded];
}

export function isPoint(range: KeyRange): boolean {
  return range.from !== null && range.from === range.to;
}

function toPoint(key: IndexKey): KeyRange {
  const bound = { key, inclusive: true };
  return { from: bound, to: bound };
}

function getPoints(predicate: Predicate): readonly IndexKey[] | null {
  if (predicate.op === 'eq') {
    const key = toIndexKey(predicate.value);
    return key === null ? null : [key];
  }
  if (predicate.op !== 'in' || predicate.patterns.length > 0) return null;
  const keys = new Map(predicate.values.map((value) => [value, toIndexKey(value)]));
  const known = [...keys.values()].filter((key) => key !== null);
  return known.length === keys.size ? known : null;
}

function getRange(predicate: Predicate): KeyRange | null {
  switch (predicate.op) {
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const { value } = predicate;
      if (typeof value !== 'number' && typeof value !== 'string') return null;
      const key = toIndexKey(value);
      if (key === null) return null;
      const bound = { key, inclusive: predicate.op === 'gte' || predicate.op === 'lte' };
      const isNumber = typeof value === 'number';
      if (predicate.op === 'gt' || predicate.op === 'gte')
        return { from: bound, to: isNumber ? aboveNumbers : aboveTexts };
      return { from: isNumber ? lowestNumber : lowestText, to: bound };
    }
    case 'startsWith':
      return getPrefixRange(predicate.text);
    case 'regex':
      return getPrefixRange(getLiteralPrefix(predicate.pattern));
    default:
      return null;
  }
}

function getPrefixRange(text: string): KeyRange | null {
  if (text === '') return null;
  const { from, to } = prefixRange(encodeStoredText(text));
  return { from: { key: from, inclusive: true }, to: { key: to, inclusive: false } };
}

function intersect(a: KeyRange, b: KeyRange): KeyRange {
  return {
    from: a.from === null || (b.from !== null && isTighter(b.from, a.from, 1)) ? b.from : a.from,
    to: a.to === null || (b.to !== null && isTighter(b.to, a.to, -1)) ? b.to : a.to,
  };
}

function isTighter(a: NonNullable<KeyRange['from']>, b: NonNullable<KeyRange['from']>, direction: 1 | -1): boolean {
  const difference = compareKeys(a.key, b.key) * direction;
  return difference > 0 || (difference === 0 && !a.inclusive);
}

/** SQLite's order: numbers, texts, blobs; texts by code point, blobs by byte. */
export function compareKeys(a: IndexKey, b: IndexKey): number {
  const rank = rankOf(a);
  const difference = rank - rankOf(b);
  if (difference !== 0) return difference;
  if (rank === 0) return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
  if (rank === 1) return compareCodePoints(a as string, b as string);
  return Buffer.compare(a as Uint8Array, b as Uint8Array);
}

function rankOf(key: IndexKey): 0 | 1 | 2 {
  return typeof key === 'string' ? 1 : typeof key === 'object' ? 2 : 0;
}

export function rangeToSql(
  range: KeyRange,
  column: string,
): { readonly sql: string; readonly params: readonly IndexKey[] } {
  if (isPoint(range)) return { sql: `${column} = ?`, params: [range.from!.key] };
  const parts: string[] = [];
  const params: IndexKey[] = [];
  if (range.from !== null) {
    parts.push(`${column} ${range.from.inclusive ? '>=' : '>'} ?`);
    params.push(range.from.key);
  }
  if (range.to !== null) {
    parts.push(`${column} ${range.to.inclusive ? '<=' : '<'} ?`);
    params.push(range.to.key);
  }
  return { sql: parts.length === 0 ? '1' : parts.join(' AND '), params };
}
