import type { Json } from '../../core/json.ts';
import { encodeStoredJson, encodeStoredText } from '../../core/query/stored-text.ts';
import type { FoundValue } from '../../core/query/values.ts';
import type { SqlParameter } from './sql-condition.ts';

/**
 * A value as one SQL value that keeps types apart and sorts like compareBySort: missing and null are -Infinity (no document
 * holds it), then numbers, texts, and as blobs objects (01 and their JSON), arrays (02 and their JSON), false (0300), true
 * (0301).
 */
export function sortKeyParameter(value: FoundValue): SqlParameter {
  if (value === undefined || value === null) return Number.NEGATIVE_INFINITY;
  if (typeof value === 'number') return numberParameter(value);
  if (typeof value === 'string') return encodeStoredText(value);
  if (typeof value === 'boolean') return new Uint8Array([3, value ? 1 : 0]);
  return new TextEncoder().encode(`${Array.isArray(value) ? '\u0002' : '\u0001'}${encodeStoredJson(value as Json)}`);
}

const maxInteger = 2n ** 63n;

/**
 * SQLite reads a whole number in a JSON text as a 64-bit integer, and JavaScript writes large ones rounded to the digits
 * that tell them apart (2^60 as 1152921504606847000). So those are bound as the integer that SQLite will read.
 */
export function numberParameter(value: number): number | bigint {
  if (Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  const text = JSON.stringify(value);
  if (!/^-?\d+$/.test(text)) return value;
  const integer = BigInt(text);
  return integer < maxInteger && integer >= -maxInteger ? integer : value;
}
