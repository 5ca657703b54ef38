import type { Json, JsonObject } from '../json.ts';
import { type Filter, getFilterId } from '../query/filter.ts';
import { setOwn } from '../query/stored-text.ts';
import { type ApplyOptions, applyUpdate } from './apply-update.ts';
import type { ParsedUpdate } from './parse-update.ts';

/**
 * The document that an upsert inserts when nothing matched: what the filter fixes by equality, then the update. `_id` is
 * there only when the filter or the update's patch fixes it; otherwise the caller generates one.
 */
export function buildUpsert(filter: Filter, update: ParsedUpdate, options: Pick<ApplyOptions, 'now'>): JsonObject {
  const seed = {};
  collectEqualities(filter, seed);
  const document = applyUpdate(seed, update, { now: options.now, inserting: true });
  const id = getFilterId(filter) ?? getPatchId(update);
  return id === null ? document : { ...document, _id: id };
}

function getPatchId(update: ParsedUpdate): string | null {
  const operations = update.kind === 'patch' ? [] : update.operations;
  const id = update.kind === 'patch' ? update.patch._id : undefined;
  return operations.length === 0 && typeof id === 'string' ? id : null;
}

/** `{a: 1, 'b.c': 2}` and the same under `$and` become `{a: 1, b: {c: 2}}`. Conditions other than equality add nothing. */
function collectEqualities(filter: Filter, seed: object): void {
  if (filter.kind === 'and') for (const inner of filter.filters) collectEqualities(inner, seed);
  if (filter.kind !== 'field' || filter.path[0] === '_id') return;
  for (const predicate of filter.predicates) {
    if (predicate.op === 'eq') setNested(seed, filter.path, predicate.value);
  }
}

function setNested(target: object, path: readonly string[], value: Json): void {
  let current = target as Record<string, unknown>;
  for (const segment of path.slice(0, -1)) {
    if (!Object.hasOwn(current, segment)) setOwn(current, segment, {});
    const next = current[segment];
    // A condition on the whole field and one on a part of it: the whole stays.
    if (typeof next !== 'object' || next === null || Array.isArray(next)) return;
    current = next as Record<string, unknown>;
  }
  const last = path.at(-1)!;
  if (!Object.hasOwn(current, last)) setOwn(current, last, value);
}
