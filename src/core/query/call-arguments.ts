/** Forms in which apps call the datastore (spec/codehooks.md 4.2), sorted out without looking into filters or updates. */

export interface FindCall {
  readonly filter: unknown;
  readonly options: unknown;
}

const optionNames = new Set(['filter', 'hints', 'limit', 'offset', 'skip', 'sort', 'fields', 'projection', 'reverse']);
const isOptionName = (name: string): boolean => optionNames.has(name) || /^(?:useIndex|start|end)/.test(name);

/**
 * `getMany(c, filter, options)`, and the older `getMany(c, {filter, hints, limit, …})`: one object with names of options only,
 * among them an object as `filter`, `hints` or `sort`, or a number as `limit`. Beside one of the others the filter is also
 * called `query`; alone, that is the name of a field.
 */
export function readFindCall(filter: unknown, options: unknown): FindCall {
  if (options !== undefined || !isObject(filter)) return { filter, options };
  const { query, ...others } = filter;
  const named = isObject(query) ? others : filter;
  const isLegacy =
    hasOptionsOnly(named) && (namesFilter(named) || ownObject(named, 'sort') || typeof named.limit === 'number');
  if (!isLegacy) return { filter, options };
  const { filter: inner = query, ...rest } = named;
  return { filter: inner, options: rest };
}

export interface UpdateOneCall {
  /** To be applied one after the other. */
  readonly updates: readonly unknown[];
  readonly upsert: boolean;
}

/**
 * `updateOne(c, filter, update, operators?, options?)`: options are whichever of the last two has `upsert`; further operators
 * may stand in the fourth.
 */
export function readUpdateOneCall(update: unknown, fourth?: unknown, fifth?: unknown): UpdateOneCall {
  const upsert = [fourth, fifth].some((one) => isObject(one) && Object.hasOwn(one, 'upsert') && Boolean(one.upsert));
  const operators = isObject(fourth) ? Object.entries(fourth).filter(([key]) => key.startsWith('$')) : [];
  return { updates: operators.length === 0 ? [update] : [update, Object.fromEntries(operators)], upsert };
}

export interface UpdateManyCall extends FindCall {
  readonly update: unknown;
}

/**
 * `updateMany(c, filter, update, options)`, and the older `updateMany(c, update, {filter})`. A `filter` inside of the options
 * is ignored: crudlify passes its whole query object there.
 */
export function readUpdateManyCall(filter: unknown, update: unknown, options?: unknown): UpdateManyCall {
  const isLegacy = options === undefined && isObject(update) && hasOptionsOnly(update) && namesFilter(update);
  if (!isLegacy) return { filter, update, options };
  const { filter: inner, ...rest } = update;
  return { filter: inner, update: filter, options: rest };
}

/** `removeMany(c, filter, options)`, and the older `removeMany(c, {filter})`. */
export function readRemoveManyCall(filter: unknown, options?: unknown): FindCall {
  const isLegacy = options === undefined && isObject(filter) && hasOptionsOnly(filter) && ownObject(filter, 'filter');
  return isLegacy ? readFindCall(filter, undefined) : { filter, options };
}

function isObject(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function hasOptionsOnly(input: Record<string, unknown>): boolean {
  return Object.keys(input).every(isOptionName);
}

function namesFilter(input: Record<string, unknown>): boolean {
  return ownObject(input, 'filter') || ownObject(input, 'hints');
}

function ownObject(object: Record<string, unknown>, key: string): boolean {
  return Object.hasOwn(object, key) && isObject(object[key]);
}
