import { TackleError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { Path } from '../../core/query/filter.ts';
import { encodeStoredJson, encodeStoredText } from '../../core/query/stored-text.ts';
import type { FoundValue } from '../../core/query/values.ts';
import type { SqlParameter } from './sql-condition.ts';

/**
 * One SQL value per field that keeps types apart and sorts like compareBySort: missing and null are -Infinity (no document
 * holds it), then numbers, texts, and as blobs objects (01 and their JSON), arrays (02 and their JSON), false (0300), true
 * (0301). Plain json_extract would confuse true with 1 and an object with its text. It is never NULL.
 */
export function sortKeyExpression(path: Path, bodyColumn = 'body'): string {
  const at = `${bodyColumn},${requireJsonPath(path)}`;
  return (
    `CASE json_type(${at}) WHEN 'true' THEN x'0301' WHEN 'false' THEN x'0300' ` +
    `WHEN 'object' THEN CAST(char(1)||json_extract(${at}) AS BLOB) ` +
    `WHEN 'array' THEN CAST(char(2)||json_extract(${at}) AS BLOB) ` +
    `ELSE ifnull(json_extract(${at}),-9e999) END`
  );
}

/** The parameter that equals the sort key of a value. */
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

/** A JSON path as SQL literal, or null when a segment cannot be written in one. */
export function jsonPath(path: Path): string | null {
  const labels = path.map((segment) => encodeStoredText(segment));
  if (labels.some((label) => unwritable.test(label))) return null;
  return `'$${labels.map((label) => `."${label.replaceAll("'", "''")}"`).join('')}'`;
}

// Quotes, backslashes and control characters stand escaped in the body's text, where SQLite compares labels.
const unwritable = /["\\\u0000-\u001f]/;

export function requireJsonPath(path: Path): string {
  const literal = jsonPath(path);
  if (literal !== null) return literal;
  throw new TackleError(
    'invalid_query',
    `field ${JSON.stringify(path.join('.'))} cannot be indexed or sorted by: quotes, backslashes and control characters are not supported in its name`,
  );
}
