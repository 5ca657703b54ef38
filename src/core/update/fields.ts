import type { Json, JsonObject } from '../json.ts';
import { arrayPosition } from '../query/find-values.ts';
import { setOwn } from '../query/stored-text.ts';
import { type FoundValue, getOwn, isObjectValue } from '../query/values.ts';
import { failUpdate } from './fail.ts';

/** Where an operator writes: one literal key, or several segments when dotted names mean paths. */
export type FieldPath = readonly string[];

/** Positions past the end fill the gap with null; more than this is taken for a mistake. */
const maxArrayGap = 10_000;

export function readField(document: JsonObject, path: FieldPath): FoundValue {
  let current: FoundValue = document;
  for (const segment of path) {
    if (isObjectValue(current)) current = getOwn(current, segment);
    else if (Array.isArray(current)) current = (current as readonly Json[])[arrayPosition(segment)];
    else return undefined;
  }
  return current;
}

/** A copy with the field set; objects on the way are created, other values on the way are an error. */
export function writeField(document: JsonObject, path: FieldPath, value: Json, where: string): JsonObject {
  return writeInto(document, path, 0, value, where) as JsonObject;
}

function writeInto(container: FoundValue, path: FieldPath, index: number, value: Json, where: string): Json {
  if (index === path.length) return value;
  const segment = path[index]!;
  if (container === undefined || isObjectValue(container)) {
    const known = container === undefined ? undefined : getOwn(container, segment);
    const result = { ...container };
    setOwn(result, segment, writeInto(known, path, index + 1, value, where));
    return result;
  }
  if (!Array.isArray(container)) {
    return failUpdate(
      where,
      `cannot create "${segment}" inside ${container === null ? 'null' : `a ${typeof container}`}`,
    );
  }
  const position = arrayPosition(segment);
  if (position < 0) return failUpdate(where, `"${segment}" is not a position in an array`);
  if (position > container.length + maxArrayGap)
    return failUpdate(where, `position ${position} is too far past the end`);
  const copy = [...container];
  while (copy.length < position) copy.push(null);
  copy[position] = writeInto(copy[position], path, index + 1, value, where);
  return copy;
}

/** A copy without the field; the same document when it has none. A removed array element becomes null. */
export function removeField(document: JsonObject, path: FieldPath): JsonObject {
  return readField(document, path) === undefined ? document : (removeFrom(document, path, 0) as JsonObject);
}

function removeFrom(container: Json, path: FieldPath, index: number): Json {
  const segment = path[index]!;
  const isLast = index === path.length - 1;
  if (Array.isArray(container)) {
    const position = arrayPosition(segment);
    return container.map((element, at) => {
      if (at !== position) return element;
      return isLast ? null : removeFrom(element, path, index + 1);
    });
  }
  const result: Record<string, Json> = { ...(container as JsonObject) };
  if (isLast) delete result[segment];
  else setOwn(result, segment, removeFrom(getOwn(result, segment)!, path, index + 1));
  return result;
}
