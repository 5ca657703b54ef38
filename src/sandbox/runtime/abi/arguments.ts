import type { JsonObject } from '../../../core/json.ts';
import {
  readFindCall,
  readRemoveManyCall,
  readUpdateManyCall,
  readUpdateOneCall,
} from '../../../core/query/call-arguments.ts';
import { encodeQuery, encodeUpdate } from './encode-query.ts';
import type { FilterParam } from './host-calls.ts';

/**
 * What apps pass to the datastore methods, sorted out and made JSON: `codehooks-js` was called in several ways over the
 * years (spec/codehooks.md 4.2). Which argument is what is decided in core/query.
 */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A filter for operations on many documents: nothing given means all. A field that is `undefined` is left out, as JSON
 * does; only `_id: undefined` is not, because it would turn one document into all of them.
 */
export function encodeFilter(query: unknown, method: string): FilterParam {
  if (typeof query === 'string') return query;
  if (query === undefined || query === null) return {};
  if (typeof query === 'number') return String(query);
  if (!isObject(query)) throw new TypeError(`${method}: the query must be an object or the _id of a document`);
  const encoded = encodeQuery(query) as Record<string, unknown>;
  if ('_id' in query && query._id === undefined) encoded._id = null;
  return encoded as JsonObject;
}

/** A filter for operations on one document: nothing given means none, which is null. */
export function encodeSingleFilter(query: unknown, method: string): FilterParam | null {
  return query === undefined || query === null ? null : encodeStrictFilter(query, method);
}

/**
 * As `encodeFilter`, for what would hit the wrong documents if all conditions were left out: `{ token: undefined }` matches
 * nothing instead of the first session, or of every document that is to be removed.
 */
export function encodeStrictFilter(query: unknown, method: string): FilterParam {
  const filter = encodeFilter(query, method);
  const isLost = isObject(query) && typeof filter === 'object' && Object.keys(filter).length === 0;
  return isLost && Object.keys(query).length > 0 ? { _id: null } : filter;
}

export interface FindArguments {
  readonly filter: FilterParam;
  readonly options: JsonObject;
}

export function parseFindArguments(query: unknown, options: unknown, method: string): FindArguments {
  const call = readFindCall(query, options);
  return { filter: encodeFilter(call.filter, method), options: encodeOptions(call.options) };
}

export function parseRemoveManyArguments(query: unknown, options: unknown): FindArguments {
  const call = readRemoveManyCall(query, options);
  return { filter: encodeStrictFilter(call.filter, 'removeMany'), options: encodeOptions(call.options) };
}

/** The filter never counts twice: what `crudlify` passes as options repeats it. */
function encodeOptions(options: unknown): JsonObject {
  if (!isObject(options)) return {};
  const { filter: _filter, ...rest } = encodeQuery(options) as Record<string, unknown>;
  return rest as JsonObject;
}

export interface UpdateArguments {
  readonly update: JsonObject;
  readonly upsert: boolean;
}

export function parseUpdateArguments(
  update: unknown,
  fourth: unknown,
  fifth: unknown,
  method: string,
): UpdateArguments {
  const { updates, upsert } = readUpdateOneCall(update, fourth, fifth);
  return { update: mergeUpdates(updates, method), upsert };
}

/** A patch beside operators becomes one of them, for an update is either. */
function mergeUpdates(updates: readonly unknown[], method: string): JsonObject {
  const [first, operators] = updates;
  if (!isObject(first)) throw new TypeError(`${method}: the update must be an object`);
  if (!isObject(operators)) return encodeUpdate(first) as JsonObject;
  const isPatch = !Object.keys(first).some((key) => key.startsWith('$'));
  const { _id, ...fields } = first;
  const base = !isPatch ? first : Object.keys(fields).length === 0 ? {} : { $set: fields };
  return encodeUpdate({ ...base, ...operators }) as JsonObject;
}

export interface UpdateManyArguments extends UpdateArguments, FindArguments {}

export function parseUpdateManyArguments(query: unknown, update: unknown, options: unknown): UpdateManyArguments {
  const call = readUpdateManyCall(query, update, options);
  return {
    filter: encodeStrictFilter(call.filter, 'updateMany'),
    ...parseUpdateArguments(call.update, call.options, undefined, 'updateMany'),
    options: encodeOptions(call.options),
  };
}

export function parseReplaceArguments(
  document: unknown,
  options: unknown,
  method: string,
): { readonly document: JsonObject; readonly upsert: boolean; readonly options: JsonObject } {
  return {
    document: requireDocument(document, method),
    upsert: isObject(options) && options.upsert === true,
    options: encodeOptions(options),
  };
}

export function requireDocument(document: unknown, method: string): JsonObject {
  if (!isObject(document)) throw new TypeError(`${method}: the document must be an object`);
  return document as JsonObject;
}

export function requireName(name: unknown, method: string, what: string): string {
  if (typeof name !== 'string' || name === '') throw new TypeError(`${method}: the ${what} must be a non-empty string`);
  return name;
}

export function parseIndexFields(fields: unknown, method: string): string[] {
  const list = Array.isArray(fields) ? fields : [fields];
  return list.map((field) => requireName(field, method, 'name of the field'));
}

/** Epoch milliseconds of a Date, an ISO string or a number. */
export function parseTime(date: unknown): number {
  const timeMs = date instanceof Date ? date.getTime() : new Date(date as string | number).getTime();
  if (Number.isNaN(timeMs)) throw new TypeError('runAt: the date must be a Date, an ISO string or epoch milliseconds');
  return timeMs;
}
