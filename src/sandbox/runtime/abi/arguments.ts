import type { JsonObject } from '../../../core/json.ts';
import { encodeQuery, encodeUpdate } from './encode-query.ts';
import type { FilterParam } from './host-calls.ts';

/**
 * What apps pass to the datastore methods, sorted out: `codehooks-js` was called in several ways over the years, and the
 * forms have to be told apart by the shape of the arguments (spec/codehooks.md 4.2).
 */

const findOptionNames = new Set([
  ...['filter', 'hints', 'limit', 'offset', 'skip', 'sort', 'fields', 'useIndex', 'reverse', 'projection'],
  ...['start', 'end', 'startIndex', 'endIndex', 'enqueue'],
]);

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
  return query === undefined || query === null ? null : encodeFilter(query, method);
}

export interface FindArguments {
  readonly filter: FilterParam;
  readonly options: JsonObject;
}

/** `getMany(c, query, options)`, and the older `getMany(c, {filter, hints, limit, …})`. */
export function parseFindArguments(query: unknown, options: unknown, method: string): FindArguments {
  if (options === undefined && isLegacyFindOptions(query)) {
    return { filter: encodeFilter(query.filter, method), options: encodeOptions(query) };
  }
  return { filter: encodeFilter(query, method), options: encodeOptions(options) };
}

function isLegacyFindOptions(query: unknown): query is Record<string, unknown> {
  if (!isObject(query)) return false;
  const names = Object.keys(query);
  if (names.length === 0 || !names.every((name) => findOptionNames.has(name))) return false;
  return isObject(query.filter) || isObject(query.hints) || isObject(query.sort) || typeof query.limit === 'number';
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

/** Three, four or five arguments: `(query, update)`, then options or more operators in either order. */
export function parseUpdateArguments(
  update: unknown,
  fourth: unknown,
  fifth: unknown,
  method: string,
): UpdateArguments {
  if (!isObject(update)) throw new TypeError(`${method}: the update must be an object`);
  const extras = [fourth, fifth].filter(isObject);
  const operators = extras.filter((extra) => Object.keys(extra).some((key) => key.startsWith('$')));
  const merged = operators.length === 0 ? update : Object.assign({}, update, ...operators);
  return { update: encodeUpdate(merged) as JsonObject, upsert: hasUpsert(fourth) || hasUpsert(fifth) };
}

function hasUpsert(options: unknown): boolean {
  return isObject(options) && options.upsert === true;
}

export interface UpdateManyArguments extends UpdateArguments, FindArguments {}

/** `updateMany(c, query, update, options)`, and the older `updateMany(c, update, {filter})`. */
export function parseUpdateManyArguments(query: unknown, update: unknown, options: unknown): UpdateManyArguments {
  const isLegacy = options === undefined && isObject(update) && isObject(update.filter) && isLegacyFindOptions(update);
  const [filter, change, rest] = isLegacy ? [update.filter, query, update] : [query, update, options];
  return {
    filter: encodeFilter(filter, 'updateMany'),
    ...parseUpdateArguments(change, rest, undefined, 'updateMany'),
    options: encodeOptions(rest),
  };
}

export function parseReplaceArguments(
  document: unknown,
  options: unknown,
  method: string,
): { readonly document: JsonObject; readonly upsert: boolean; readonly options: JsonObject } {
  return {
    document: requireDocument(document, method),
    upsert: hasUpsert(options),
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
