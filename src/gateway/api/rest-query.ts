import { optionNames, type RestQuery, readFilter, readOptions } from 'tackle-sdk/rest-query';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';

/**
 * Reads a query as people write it on command lines: a MongoDB filter as JSON text, or the language of CRUD URLs without `q`,
 * `h` and `a` (spec/codehooks 9.3, mode A): `status=open&age>=3&name=/^po/i&tags=a,b&!deleted&sort=-age&limit=10`. Expressions
 * come out as `$regex`. Throws `invalid_query`.
 */
export function parseRestQuery(text: string): RestQuery {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return { filter: parseJsonFilter(trimmed), options: {} };
  const conditions: string[] = [];
  const given: Record<string, string> = {};
  for (const part of trimmed.split('&')) {
    const pair = decode(part.trim());
    const [, name = '', value = ''] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
    if (optionNames.has(name)) given[name] = value;
    else if (pair !== '') conditions.push(pair);
  }
  try {
    return { filter: toPlain(readFilter(conditions)) as RestQuery['filter'], options: readOptions(given) };
  } catch (cause) {
    throw new TackleError('invalid_query', (cause as Error).message, { cause });
  }
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

function toPlain(value: unknown): unknown {
  if (value instanceof RegExp) {
    return value.flags === '' ? { $regex: value.source } : { $regex: value.source, $options: value.flags };
  }
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toPlain(entry)]));
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
