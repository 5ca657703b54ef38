import type { Json, JsonObject } from '../json.ts';

/**
 * Strings as databases can hold them. U+0000 (PostgreSQL refuses it) and lone surrogates (not UTF-8) are replaced by two
 * characters each; the three ranges used for that are escaped themselves. The mapping keeps code-point order and prefixes,
 * so comparisons of stored texts answer like comparisons of the originals.
 *
 *   U+0000       → U+0001 U+0001            lone surrogate S → U+E000 U+E001+(S-U+D800)
 *   U+0001       → U+0001 U+0002            U+E000           → U+E000 U+E801
 */
export function encodeStoredText(text: string): string {
  return needsEncoding.test(text) ? text.replace(encodable, encodeCharacter) : text;
}

export function decodeStoredText(text: string): string {
  return needsDecoding.test(text) ? text.replace(decodable, decodePair) : text;
}

/** A value as JSON text for the database: the text of JSON.stringify with every string and key encoded. */
export function encodeStoredJson(value: Json): string {
  const text = JSON.stringify(value);
  return jsonNeedsEncoding.test(text) ? JSON.stringify(mapStrings(value, encodeStoredText)) : text;
}

export function decodeStoredJson(text: string): Json {
  const value = JSON.parse(text) as Json;
  return jsonNeedsDecoding.test(text) ? mapStrings(value, decodeStoredText) : value;
}

/** The `body` column of a document: everything but `_id`, keys in the order of insertion. */
export function encodeStoredBody(document: JsonObject): string {
  const { _id: _, ...body } = document;
  return encodeStoredJson(body);
}

/** The document of a row; `_id` comes last. `id` and `body` are the stored texts. */
export function decodeStoredDocument(id: string, body: string): JsonObject {
  const document = decodeStoredJson(body) as Record<string, Json>;
  document._id = decodeStoredText(id);
  return document;
}

/** Sets an own property whatever its name is; `__proto__` stays plain data. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}

const needsEncoding = /[\0\u0001\ue000]|[\ud800-\udfff]/u;
const encodable = /[\0\u0001\ue000\ud800-\udfff]/gu;
const needsDecoding = /[\u0001\ue000]/;
const decodable = /\u0001([\u0001\u0002])|\ue000([\ue001-\ue801])/g;
// JSON.stringify writes control characters and lone surrogates as \uXXXX. An escaped backslash in front may match as well;
// that only costs the slow path, which changes nothing then.
const jsonNeedsEncoding = /\\u(?:000[01]|d[89a-f])|\ue000/;
const jsonNeedsDecoding = /\\u0001|\ue000/;

function encodeCharacter(character: string): string {
  const unit = character.charCodeAt(0);
  if (unit === 0) return '\u0001\u0001';
  if (unit === 1) return '\u0001\u0002';
  if (unit === 0xe000) return '\ue000\ue801';
  return `\ue000${String.fromCharCode(0xe001 + unit - 0xd800)}`;
}

function decodePair(_pair: string, control: string | undefined, other: string | undefined): string {
  if (control !== undefined) return control === '\u0001' ? '\0' : '\u0001';
  const unit = other!.charCodeAt(0);
  return unit === 0xe801 ? '\ue000' : String.fromCharCode(0xd800 + unit - 0xe001);
}

function mapStrings(value: Json, map: (text: string) => string): Json {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => mapStrings(element, map));
  const result = {};
  for (const [key, element] of Object.entries(value)) setOwn(result, map(key), mapStrings(element, map));
  return result as JsonObject;
}
