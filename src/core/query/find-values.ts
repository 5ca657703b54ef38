import type { Json, JsonObject } from '../json.ts';
import type { Path } from './filter.ts';
import { type FoundValue, getOwn, isObjectValue } from './values.ts';

type Visit = (value: FoundValue) => boolean;

/**
 * Visits what a path names in a document, as MongoDB does (its `src/mongo/db/matcher/path.cpp`), until `visit` answers true;
 * answers whether it did. `undefined` stands for a missing field.
 *
 * - On the way, an array stands for its elements that are objects; a segment of digits also names one element. Arrays
 *   directly inside arrays are entered by number only.
 * - At the end, with `expand`, an array stands for its elements and then for itself.
 * - An array on the way that has no object elements has nothing to visit: not even "missing".
 */
export function someValue(document: JsonObject, path: Path, expand: boolean, visit: Visit): boolean {
  return walkObject(document, path, 0, expand, visit);
}

function walkObject(object: JsonObject, path: Path, start: number, expand: boolean, visit: Visit): boolean {
  let current: JsonObject = object;
  for (let index = start; ; index += 1) {
    const value = getOwn(current, path[index]!);
    const isLast = index === path.length - 1;
    if (Array.isArray(value))
      return isLast ? visitLeafArray(value, expand, visit) : walkArray(value, path, index + 1, expand, visit);
    if (isLast) return visit(value);
    if (!isObjectValue(value)) return visit(undefined);
    current = value;
  }
}

function visitLeafArray(array: readonly Json[], expand: boolean, visit: Visit): boolean {
  if (expand) for (const element of array) if (visit(element)) return true;
  return visit(array);
}

/** `next` is the segment that follows the array. */
function walkArray(array: readonly Json[], path: Path, next: number, expand: boolean, visit: Visit): boolean {
  const position = arrayPosition(path[next]!);
  const isLast = next === path.length - 1;
  for (let index = 0; index < array.length; index += 1) {
    const element = array[index]!;
    if (isObjectValue(element) && walkObject(element, path, next, expand, visit)) return true;
    if (index !== position) continue;
    if (isLast) {
      if (visit(element)) return true;
    } else if (Array.isArray(element)) {
      if (walkArray(element, path, next + 1, expand, visit)) return true;
    } else if (isObjectValue(element) && walkObject(element, path, next + 1, expand, visit)) return true;
  }
  return false;
}

/** The position that a segment names, or -1. "01" is a name, not a position. */
export function arrayPosition(segment: string): number {
  return /^(?:0|[1-9]\d{0,9})$/.test(segment) ? Number(segment) : -1;
}
