import type { FindOptions } from '../types.ts';

/** What a list request asks the datastore for. */
export interface RestQuery {
  readonly filter: Record<string, unknown>;
  readonly options: FindOptions;
}

type UrlQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Parameters that are no conditions. */
export const optionNames: ReadonlySet<string> = new Set(['fields', 'omit', 'sort', 'offset', 'limit']);

/**
 * The query language of CRUD URLs (spec/codehooks.md 9.3). Without `q` or `h` every parameter is a condition:
 * `age>=2&name=/^po/i&tags=a,b&!gone&sort=-age&limit=10`; with them `q` is a filter, `h` hints and `a` an aggregate, all JSON.
 * Throws an Error that says what cannot be read.
 */
export function parseRestQuery(query: UrlQuery): RestQuery {
  const urlOptions = readOptions(query);
  // A field may be called "a": then its value is no JSON object.
  const hasAggregate = query.a !== undefined && String(query.a).startsWith('{');
  if (query.q === undefined && query.h === undefined && !hasAggregate) {
    return { filter: readFilter(listConditions(query)), options: urlOptions };
  }
  const filter = parseJson(query.q, 'q') ?? {};
  const aggregate = hasAggregate ? parseJson(query.a, 'a') : null;
  const hints = parseJson(query.h, 'h');
  const options = hints === null ? urlOptions : { ...pick(hints, ['limit', 'offset', 'fields']), hints };
  return { filter, options: aggregate === null ? options : { ...options, aggregate } };
}

function parseJson(text: string | readonly string[] | undefined, name: string): Record<string, unknown> | null {
  if (text === undefined || text === '') return null;
  try {
    const value: unknown = JSON.parse(String(text));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${name} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new Error(`${name} must be a JSON object`);
}

function pick(source: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]));
}

/** Throws an Error for a limit or offset that is no number. */
export function readOptions(query: UrlQuery): FindOptions {
  const { fields, omit, sort, offset, limit } = query;
  const options: FindOptions = {};
  if (fields) options.fields = toProjection(String(fields), 1);
  if (omit) options.fields = toProjection(String(omit), 0);
  if (sort) options.sort = toSort(String(sort));
  if (offset) options.offset = toCount(String(offset), 'offset');
  if (limit) options.limit = toCount(String(limit), 'limit');
  return options;
}

function toProjection(list: string, value: 0 | 1): Record<string, number> {
  return Object.fromEntries(list.split(',').map((field) => [field.trim(), value]));
}

function toSort(list: string): Record<string, number> {
  return Object.fromEntries(
    list.split(',').map((item) => {
      const field = item.trim();
      return field.startsWith('-') ? [field.slice(1), -1] : [field.replace(/^\+/, ''), 1];
    }),
  );
}

function toCount(text: string, name: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new Error(`${name} must be a whole number, not "${text}"`);
}

function listConditions(query: UrlQuery): string[] {
  return Object.entries(query).flatMap(([key, value]) => {
    if (optionNames.has(key) || value === undefined) return [];
    // A repeated parameter is a list of alternatives.
    const text = Array.isArray(value) ? value.join(',') : String(value);
    return [text === '' ? key : `${key}=${text}`];
  });
}

/** All of the conditions at once, each as it stands in a URL, decoded: `age>=2`. Throws an Error for what is none. */
export function readFilter(conditions: readonly string[]): Record<string, unknown> {
  const filter = new Map<string, unknown>();
  const clashing: Record<string, unknown>[] = [];
  for (const text of conditions) {
    const { field, condition } = parseCondition(text);
    const present = filter.get(field);
    if (!filter.has(field)) filter.set(field, condition);
    else if (canMerge(present, condition)) filter.set(field, Object.assign({}, present, condition));
    else clashing.push({ [field]: condition });
  }
  const merged = Object.fromEntries(filter);
  return clashing.length === 0 ? merged : { $and: [merged, ...clashing] };
}

function canMerge(a: unknown, b: unknown): boolean {
  return isOperators(a) && isOperators(b) && !Object.keys(b).some((name) => name in a);
}

function isOperators(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).some((name) => name.startsWith('$'));
}

interface Condition {
  readonly field: string;
  readonly condition: unknown;
}

const comparisons: Readonly<Record<string, string>> = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' };

/** One parameter as it stood in the URL, decoded: `age>=2`, `name=/^po/i`, `!gone`, `tags:all=a,b`. */
function parseCondition(text: string): Condition {
  const match = /^(!?)([^><!=:]+)(?:([><]=?|!=|=|:([A-Za-z]+)=)(.*))?$/s.exec(text);
  if (match === null) throw new Error(`"${text.slice(0, 100)}" is not a condition: write field=value, field>value, …`);
  const [, negation, field, operator, named, value = ''] = match as unknown as [
    string,
    string,
    ...(string | undefined)[],
  ];
  if (operator === undefined || negation === '!') return { field: field!, condition: { $exists: negation === '' } };
  if (named !== undefined) return { field: field!, condition: { [`$${named}`]: readNamed(named, value) } };
  const comparison = comparisons[operator];
  if (comparison !== undefined) return { field: field!, condition: { [comparison]: readItem(value) } };
  return { field: field!, condition: readEquality(operator, value) };
}

function readNamed(operator: string, value: string): unknown {
  const items = splitList(value).map(readItem);
  return items.length > 1 || ['in', 'nin', 'all'].includes(operator) ? items : items[0];
}

function readEquality(operator: string, value: string): unknown {
  if (operator === '=' && value === '!') return { $exists: false };
  const isNegated = operator === '!=' || value.startsWith('!');
  const items = splitList(operator === '=' && isNegated ? value.slice(1) : value).map((text, index) =>
    index === 0 && operator === '=' ? readValue(text) : readItem(text),
  );
  if (items.length > 1) return { [isNegated ? '$nin' : '$in']: items };
  const [item] = items;
  if (!isNegated) return item;
  return item instanceof RegExp ? { $not: item } : { $ne: item };
}

/** Commas within quotes or a regular expression do not split. */
function splitList(text: string): string[] {
  return text.match(/"[^"]*"|'[^']*'|\/(?:[^/\\]|\\.)*\/i?(?=,|$)|[^,]+/g) ?? [text];
}

/** A ! means something only at the beginning of a condition; elsewhere it is dropped. */
function readItem(text: string): unknown {
  return readValue(text.replace(/^!/, ''));
}

const isoDate = /^\d{4}-\d\d(?:-\d\d)?(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

function readValue(text: string): unknown {
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2];
  const pattern = /^\/(.*)\/(i?)$/s.exec(text);
  if (pattern !== null) return toPattern(pattern[1]!, pattern[2]!);
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (isoDate.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text);
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function toPattern(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new Error(
      `/${source}/ is not a regular expression: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
