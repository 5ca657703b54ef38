import { compareCodePoints } from '../../../core/query/code-points.ts';
import { readSortValue, type Sort } from '../../../core/query/sort.ts';
import { decodeStoredDocument } from '../../../core/query/stored-text.ts';
import { sortKeyParameter } from '../sort-key.ts';
import type { SqlParameter } from '../sql-condition.ts';
import { compareKeys } from './key-ranges.ts';

/** A document in a sorted list: what it is sorted by, and its stored `_id`. */
export interface SortEntry {
  readonly keys: readonly SqlParameter[];
  readonly id: string;
}

/** The keys of a complete sort without `_id` at its end, whose direction stands apart. */
export interface EntryOrder {
  readonly keys: Sort;
  readonly idDirection: 1 | -1;
}

export function toEntryOrder(sort: Sort): EntryOrder {
  return { keys: sort.slice(0, -1), idDirection: sort.at(-1)?.direction ?? 1 };
}

export function toSortEntry(order: EntryOrder, row: { readonly _id: string; readonly body: string }): SortEntry {
  const document = decodeStoredDocument(row._id, row.body);
  return { keys: order.keys.map(({ path }) => sortKeyParameter(readSortValue(document, path))), id: row._id };
}

export function compareEntries(order: EntryOrder): (a: SortEntry, b: SortEntry) => number {
  const { keys, idDirection } = order;
  return (a, b) => {
    for (let index = 0; index < keys.length; index += 1) {
      const difference = compareKeys(a.keys[index]!, b.keys[index]!);
      if (difference !== 0) return difference * keys[index]!.direction;
    }
    return compareCodePoints(a.id, b.id) * idDirection;
  };
}
