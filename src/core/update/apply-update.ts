import type { JsonObject } from '../json.ts';
import { setOwn } from '../query/stored-text.ts';
import { getOwn, isObjectValue } from '../query/values.ts';
import type { ParsedUpdate } from './parse-update.ts';
import { runOperator } from './run-operator.ts';

export interface ApplyOptions {
  /** The moment that `$currentDate` writes, as ISO string. Core has no clock: whoever runs the update supplies it. */
  readonly now: string;
  /** True while a document is being made by an upsert: `$setOnInsert` applies. */
  readonly inserting?: boolean;
}

/**
 * The document after the update; the argument is not changed, unchanged parts are shared. `_id` never changes. Operators run
 * in the order in which they are written, each on the result of the one before. Throws `invalid_update` naming operator and
 * field when a value does not fit (`$inc` on text).
 */
export function applyUpdate(document: JsonObject, update: ParsedUpdate, options: ApplyOptions): JsonObject {
  if (update.kind === 'patch') return mergePatch(document, update.patch);
  let current = document;
  for (const operation of update.operations) {
    if (operation.operator === '$setOnInsert' && options.inserting !== true) continue;
    current = runOperator(current, operation, options.now);
  }
  return current;
}

/** Deep merge of objects; every other value, arrays included, is replaced. The patch's `_id` is ignored. */
function mergePatch(document: JsonObject, patch: JsonObject): JsonObject {
  const { _id: _, ...fields } = patch;
  return mergeObjects(document, fields);
}

function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  const result = { ...target };
  for (const key of Object.keys(patch)) {
    const value = patch[key]!;
    const known = getOwn(target, key);
    setOwn(result, key, isObjectValue(value) && isObjectValue(known) ? mergeObjects(known, value) : value);
  }
  return result;
}
