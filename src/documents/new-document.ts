import { toDocumentJson } from '../core/document-json.ts';
import { TackleError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { queryLimits } from '../core/query/limits.ts';
import { encodeStoredJson, encodeStoredText } from '../core/query/stored-text.ts';
import type { NewDocument } from '../ports/storage/documents.ts';
import type { JsonText } from './space-documents.ts';

const maxIdLength = 1_024;
const maxNameLength = 128;

export interface PreparedDocument extends NewDocument {
  /** The document as it will be read back. */
  readonly json: JsonText;
}

/** A document to insert: `_id` kept or made, `_ttl` (milliseconds) turned into an expiry. Throws `invalid_request`. */
export function prepareDocument(input: unknown, options: { nowMs: number; createId: () => string }): PreparedDocument {
  const { _id, _ttl, ...fields } = requireObject(input);
  const id = _id === undefined || _id === null ? options.createId() : requireId(_id);
  const body = encodeBody(fields);
  const prepared = { id, body, json: toDocumentJson(encodeStoredText(id), body) };
  return _ttl === undefined || _ttl === null
    ? prepared
    : { ...prepared, expiresAtMs: options.nowMs + requireTtl(_ttl) };
}

/** The body of a replacement: `_id` is ignored. */
export function prepareBody(input: unknown): string {
  const { _id: _, ...fields } = requireObject(input);
  return encodeBody(fields);
}

export function requireCollectionName(name: unknown): string {
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength || !isPlainText(name) || name[0] === '$') {
    throw new TackleError(
      'invalid_name',
      `${JSON.stringify(name)} is no name for a collection: 1 to ${maxNameLength} characters without control characters, not beginning with "$"`,
    );
  }
  return name;
}

export function requireId(id: unknown): string {
  if (typeof id === 'string' && id !== '' && id.length <= maxIdLength && isPlainText(id)) return id;
  throw new TackleError(
    'invalid_request',
    `_id must be a string of 1 to ${maxIdLength} characters without control characters, not ${JSON.stringify(id)?.slice(0, 100)}`,
  );
}

/** No control characters, no halves of surrogate pairs: what can stand in a key, a log line and a URL. */
function isPlainText(text: string): boolean {
  return !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed();
}

function requireTtl(ttl: unknown): number {
  if (typeof ttl === 'number' && Number.isFinite(ttl) && ttl > 0) return Math.ceil(ttl);
  throw new TackleError('invalid_request', '_ttl must be a number of milliseconds greater than 0');
}

function requireObject(input: unknown): Record<string, unknown> {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  const what = Array.isArray(input) ? 'an array' : input === null ? 'null' : typeof input;
  throw new TackleError('invalid_request', `A document must be an object, not ${what}`);
}

function encodeBody(fields: Record<string, unknown>): string {
  checkDepth(fields, 1);
  return encodeStoredJson(fields as Json);
}

/** SQLite reads JSON up to 1,000 levels deep, and one document that is deeper would break every query of its collection. */
function checkDepth(value: object, depth: number): void {
  if (depth > queryLimits.depth) {
    throw new TackleError('invalid_request', `A document may be nested ${queryLimits.depth} levels deep at most`);
  }
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) checkDepth(inner, depth + 1);
  }
}
