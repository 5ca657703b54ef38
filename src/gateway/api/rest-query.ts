import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';

/** A query as people write it in URLs and on command lines, understood: a filter, and options of a find. */
export interface RestQuery {
  readonly filter: Record<string, unknown>;
  readonly options: {
    readonly fields?: unknown;
    readonly sort?: string;
    readonly limit?: number;
    readonly offset?: number;
  };
}

interface Condition {
  readonly field: string;
  /** Operators by name, such as `$gte`. */
  readonly operators: Readonly<Record<string, unknown>>;
}

/**
 * Reads a MongoDB filter as JSON text, or the REST query language (spec/codehooks 9.3, mode A):
 * `status=open&age>=3&name=/^po/i&tags=a,b&!deleted&sort=-age&limit=10`. Throws `invalid_query`.
 */
export function parseRestQuery(text: string): RestQuery {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return { filter: parseJsonFilter(trimmed), options: {} };
  const conditions: Condition[] = [];
  const options: Record<string, unknown> = {};
  for (const part of trimmed.split('&')) {
    const pair = decode(part.trim());
    if (pair === '') continue;
    const [, name, value] = /^(fields|omit|sort|limit|offset)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined) conditions.push(parseCondition(pair));
    else readOption(options, name, value!);
  }
  return { filter: mergeConditions(conditions), options };
}

function parseJsonFilter(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isPlainObject(value)) return value;
  } catch (cause) {
    throw new TackleError('invalid_query', `The query is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  throw new TackleError('invalid_query', 'The query must be a JSON object');
}

function readOption(options: Record<string, unknown>, name: string, value: string): void {
  if (name === 'sort') options.sort = value;
  else if (name === 'limit' || name === 'offset') {
    if (!/^\d{1,15}$/.test(value))
      throw new TackleError('invalid_query', `${name} must be a whole number, not "${value}"`);
    options[name] = Number(value);
  } else {
    const fields = value.split(',').filter((field) => field !== '');
    const isOmit = name === 'omit';
    // What is left out wins over what is asked for.
    if (isOmit || !isPlainObject(options.fields)) {
      options.fields = isOmit ? Object.fromEntries(fields.map((field) => [field, 0])) : fields;
    }
  }
}

function parseCondition(pair: string): Condition {
  const absent = /^!([^=<>!:]+)$/.exec(pair)?.[1];
  if (absent !== undefined) return { field: absent, operators: { $exists: false } };
  const match = /^([^=<>!:]+)(!=|>=|<=|>|<|=|:([a-zA-Z]+)=)(.*)$/s.exec(pair);
  if (match === null) {
    if (/^[^=<>!:]+$/.test(pair)) return { field: pair, operators: { $exists: true } };
    throw new TackleError(
      'invalid_query',
      `"${pair.slice(0, 80)}" is not a condition; write field=value, field>value, …`,
    );
  }
  const [, field, operator, named, value] = match as unknown as [string, string, string, string | undefined, string];
  return { field, operators: readOperators(operator, named, value) };
}

const COMPARISONS: Readonly<Record<string, string>> = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' };

function readOperators(operator: string, named: string | undefined, text: string): Record<string, unknown> {
  if (named !== undefined) {
    const isList = named === 'in' || named === 'nin' || named === 'all';
    return { [`$${named}`]: isList ? splitList(text).map(readValue) : readValue(text) };
  }
  const comparison = COMPARISONS[operator];
  if (comparison !== undefined) return { [comparison]: readValue(text) };
  if (operator === '=' && text === '!') return { $exists: false };
  const isNegated = operator === '!=' || text.startsWith('!');
  const items = splitList(operator === '=' && isNegated ? text.slice(1) : text);
  if (items.length > 1) return { [isNegated ? '$nin' : '$in']: items.map(readListItem) };
  const pattern = readPattern(items[0]!);
  if (pattern !== null) return isNegated ? { $not: pattern } : pattern;
  return { [isNegated ? '$ne' : '$eq']: readValue(items[0]!) };
}

/** Splits at commas, but not within quotes or a regular expression. */
function splitList(text: string): string[] {
  return (
    text
      .match(/(?:^|,)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/(?:[^/\\]|\\.)*\/[a-z]*|[^,]*)(?=,|$)/gs)
      ?.map((part, index) => (index > 0 || part.startsWith(',') ? part.slice(1) : part)) ?? [text]
  );
}

function readListItem(text: string): unknown {
  return readPattern(text) ?? readValue(text);
}

function readPattern(text: string): { $regex: string; $options?: string } | null {
  const match = /^\/(.+)\/([a-z]*)$/s.exec(text);
  if (match === null) return null;
  const [, source, flags] = match as unknown as [string, string, string];
  return flags === '' ? { $regex: source } : { $regex: source, $options: flags };
}

function readValue(text: string): unknown {
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2]!.replace(/\\(["'\\])/g, '$1');
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (/^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))) return Number(text);
  const isDate = /^\d{4}-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?$/.test(text);
  return isDate && !Number.isNaN(Date.parse(text)) ? new Date(text) : text;
}

/** One entry per field; a condition that clashes with an earlier one on the same field goes into `$and`. */
function mergeConditions(conditions: readonly Condition[]): Record<string, unknown> {
  const byField = new Map<string, Record<string, unknown>>();
  const clashing: Record<string, unknown>[] = [];
  for (const { field, operators } of conditions) {
    const present = byField.get(field);
    if (present === undefined) byField.set(field, { ...operators });
    else if (Object.keys(operators).some((name) => name in present)) clashing.push(toEntry(field, operators));
    else Object.assign(present, operators);
  }
  const filter = Object.fromEntries([...byField].map(([field, operators]) => [field, simplify(operators)]));
  return clashing.length === 0 ? filter : { $and: [filter, ...clashing] };
}

function toEntry(field: string, operators: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries([[field, simplify(operators)]]);
}

function simplify(operators: Readonly<Record<string, unknown>>): unknown {
  const [name, ...others] = Object.keys(operators);
  return name === '$eq' && others.length === 0 ? operators.$eq : operators;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
