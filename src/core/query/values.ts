import type { Json, JsonObject } from '../json.ts';
import { compareCodePoints } from './code-points.ts';

/** A value found in a document; `undefined` stands for "the field is missing". */
export type FoundValue = Json | undefined;

export type ValueType = 'null' | 'number' | 'string' | 'object' | 'array' | 'boolean';

export function typeOfValue(value: Json): ValueType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as 'number' | 'string' | 'object' | 'boolean';
}

/** MongoDB's order of types, restricted to those of JSON. Comparisons never hold between two types. */
const typeRank: Record<ValueType, number> = { null: 0, number: 1, string: 2, object: 3, array: 4, boolean: 5 };

export function isObjectValue(value: FoundValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property; never what a prototype has. */
export function getOwn(object: JsonObject, key: string): FoundValue {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Total order of values as MongoDB compares them: by type, then by value. Strings go by code point. Objects are compared
 * entry by entry in their own order (type, then key, then value), so `{a: 1, b: 2}` and `{b: 2, a: 1}` differ.
 */
export function compareValues(a: Json, b: Json): number {
  const type = typeOfValue(a);
  const difference = typeRank[type] - typeRank[typeOfValue(b)];
  if (difference !== 0) return difference;
  switch (type) {
    case 'null':
      return 0;
    case 'number':
    case 'boolean':
      return Math.sign(Number(a) - Number(b)) || 0;
    case 'string':
      return compareCodePoints(a as string, b as string);
    case 'array':
      return compareArrays(a as readonly Json[], b as readonly Json[]);
    case 'object':
      return compareObjects(a as JsonObject, b as JsonObject);
  }
}

function compareArrays(a: readonly Json[], b: readonly Json[]): number {
  for (let index = 0; index < a.length && index < b.length; index += 1) {
    const difference = compareValues(a[index]!, b[index]!);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareObjects(a: JsonObject, b: JsonObject): number {
  const left = Object.keys(a);
  const right = Object.keys(b);
  for (let index = 0; index < left.length && index < right.length; index += 1) {
    const leftValue = a[left[index]!]!;
    const rightValue = b[right[index]!]!;
    const difference =
      typeRank[typeOfValue(leftValue)] - typeRank[typeOfValue(rightValue)] ||
      compareCodePoints(left[index]!, right[index]!) ||
      compareValues(leftValue, rightValue);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Deep equality; the order of an object's keys counts, as it does in MongoDB. */
export function equalValues(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return compareValues(a, b) === 0;
}
