import { type Filter, getFilterId } from '../../../core/query/filter.ts';
import { compileMatcher, type Matcher } from '../../../core/query/match-filter.ts';
import { completeSort, type Sort } from '../../../core/query/sort.ts';
import type { CollectionRef } from '../../../ports/storage/documents.ts';
import type { CollectionState, IndexState } from '../catalogue.ts';
import { compileFilter } from '../compile-query.ts';
import type { Connection } from '../connection.ts';
import type { ReaderContext } from '../handlers.ts';
import type { SqlCondition } from '../sql-condition.ts';
import { computeKeyRanges, getPredicates, isPoint, type KeyRange, rangeToSql } from './key-ranges.ts';

/** Where the rows of a query come from, and in which order. */
export type Access =
  /** The filter fixes `_id`. */
  | { readonly type: 'id'; readonly id: string }
  /** The filter lists what `_id` may be. */
  | { readonly type: 'ids'; readonly ids: readonly string[]; readonly direction: 1 | -1 }
  /** The table, or the part of it between two ids, by `_id`. */
  | { readonly type: 'table'; readonly range: KeyRange; readonly direction: 1 | -1 }
  /** One key of an index, by `_id`; `entries` are at least as many as were counted, up to a limit. */
  | {
      readonly type: 'key';
      readonly index: IndexState;
      readonly range: KeyRange;
      readonly direction: 1 | -1;
      readonly entries: number;
    }
  /** Part of an index, by (key, `_id`). */
  | { readonly type: 'ordered'; readonly index: IndexState; readonly range: KeyRange; readonly direction: 1 | -1 }
  /** Parts of an index: gathered first, then by `_id`. */
  | {
      readonly type: 'gather';
      readonly index: IndexState;
      readonly ranges: readonly KeyRange[];
      readonly direction: 1 | -1;
    };

export interface Plan {
  readonly collection: CollectionState;
  readonly access: Access;
  /** The filter on a row of `d`; a superset unless `exact`. */
  readonly where: SqlCondition;
  readonly matches: Matcher;
  readonly sort: Sort;
  /** True when the access does not give the order of `sort`. */
  readonly needsSort: boolean;
}

/** Gathering more than this many ids costs more than walking the table. */
const gatherLimit = 20_000;
/** Entries of an index are counted up to here to compare indexes. */
const estimateLimit = 2_000;
const everything: KeyRange = { from: null, to: null };

/** Null when the collection does not exist. */
export function planQuery(
  { connection, collections }: Pick<ReaderContext, 'connection' | 'collections'>,
  query: CollectionRef & { readonly filter: Filter; readonly sort?: Sort },
): Plan | null {
  const collection = collections.get(query);
  if (collection === undefined) return null;
  const sort = completeSort(query.sort ?? []);
  const { access, needsSort } = chooseAccess(connection, collection, query.filter, sort);
  return {
    collection,
    access,
    where: compileFilter(query.filter, { bodyColumn: 'd.body', idColumn: 'd._id' }),
    matches: compileMatcher(query.filter),
    sort,
    needsSort,
  };
}

function chooseAccess(
  connection: Connection,
  collection: CollectionState,
  filter: Filter,
  sort: Sort,
): { access: Access; needsSort: boolean } {
  const [first] = sort;
  const byId = sort.length === 1;
  const direction = byId ? first!.direction : 1;
  const id = getFilterId(filter);
  if (id !== null) return { access: { type: 'id', id }, needsSort: false };
  const idRanges = computeKeyRanges(getPredicates(filter, ['_id']), false);
  if (idRanges?.every(isPoint)) {
    const ids = idRanges.map(({ from }) => from!.key).filter((key) => typeof key === 'string');
    return { access: { type: 'ids', ids, direction }, needsSort: !byId };
  }
  const candidate = chooseCandidate(connection, collection, filter);
  if (!byId && (candidate === null || candidate.estimate >= estimateLimit)) {
    const ordered = chooseOrdered(collection, filter, sort);
    if (ordered !== null) return { access: ordered, needsSort: false };
  }
  if (candidate === null || candidate.estimate > gatherLimit) {
    return { access: { type: 'table', range: idRanges?.[0] ?? everything, direction }, needsSort: !byId };
  }
  const { index, ranges } = candidate;
  const [range] = ranges;
  const isKey = ranges.length === 1 && range !== undefined && isPoint(range);
  const access: Access = isKey
    ? { type: 'key', index, range, direction, entries: candidate.estimate }
    : { type: 'gather', index, ranges, direction };
  return { access, needsSort: !byId };
}

interface Candidate {
  readonly index: IndexState;
  readonly ranges: readonly KeyRange[];
  readonly estimate: number;
}

/** The index that leaves the fewest entries to look at. */
function chooseCandidate(connection: Connection, collection: CollectionState, filter: Filter): Candidate | null {
  let best: Candidate | null = null;
  for (const index of collection.indexes) {
    if (index.state !== 'ready') continue;
    const ranges = computeKeyRanges(getPredicates(filter, index.path), index.multikey);
    if (ranges === null) continue;
    const isKey = ranges.length === 1 && isPoint(ranges[0]!);
    // A single key is read by pages whatever its size; what has to be gathered must be counted further.
    const limit = isKey ? estimateLimit : gatherLimit + 1;
    const estimate = Math.min(countEntries(connection, index, ranges, limit), isKey ? estimateLimit : limit);
    if (best === null || estimate < best.estimate) best = { index, ranges, estimate };
  }
  return best;
}

function countEntries(connection: Connection, index: IndexState, ranges: readonly KeyRange[], limit: number): number {
  let total = 0;
  for (const range of ranges) {
    const { sql, params } = rangeToSql(range, 'value');
    const row = connection
      .sql(`SELECT count(*) AS count FROM (SELECT 1 FROM i_${index.n} WHERE ${sql} LIMIT ?)`)
      .get(...params, limit - total) as { count: number };
    total += row.count;
    if (total >= limit) break;
  }
  return total;
}

/** An index whose order is that of the sort: one field, no arrays or objects in it. */
function chooseOrdered(collection: CollectionState, filter: Filter, sort: Sort): Access | null {
  const [first, second] = sort;
  if (first === undefined || second === undefined || sort.length > 2) return null;
  if (second.path.length !== 1 || second.path[0] !== '_id' || second.direction !== first.direction) return null;
  const name = first.path.join('.');
  const index = collection.indexes.find((one) => one.field === name && one.state === 'ready' && !one.multikey);
  if (index === undefined) return null;
  const ranges = computeKeyRanges(getPredicates(filter, index.path), false);
  const range = ranges?.length === 1 ? ranges[0]! : everything;
  return { type: 'ordered', index, range, direction: first.direction };
}
