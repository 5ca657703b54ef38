import type { Json } from '../../core/json.ts';
import { hasLoneSurrogate } from '../../core/query/code-points.ts';
import type { ComparisonPredicate, Pattern, Predicate, TypeName } from '../../core/query/filter.ts';
import { getLiteralPrefix } from '../../core/query/regex/literal-prefix.ts';
import { encodeStoredJson, encodeStoredText } from '../../core/query/stored-text.ts';
import { typeOfValue } from '../../core/query/values.ts';
import { numberParameter } from './sort-key.ts';
import { allOf, anyOf, condition, inexact, never, type SqlCondition } from './sql-condition.ts';
import { hasType, type Slot, type SqlType } from './value-slot.ts';

/** Predicates on one value that do not look inside of it. */

const sqlOperators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

export function compileComparison({ op, value }: ComparisonPredicate, slot: Slot): SqlCondition {
  const operator = sqlOperators[op];
  switch (typeOfValue(value)) {
    case 'null':
      if (op === 'gt' || op === 'lt' || slot.isId) return never;
      return condition(`(${slot.type} IS NULL OR ${slot.type}='null')`);
    case 'boolean':
      return anyOf([
        compileBoolean(op, value as boolean, false, slot),
        compileBoolean(op, value as boolean, true, slot),
      ]);
    case 'number':
      return typed(slot, ['integer', 'real'], `${slot.value}${operator}?`, numberParameter(value as number));
    case 'string':
      return typed(slot, ['text'], `${slot.value}${operator}?`, encodeStoredText(value as string));
    case 'object':
    case 'array':
      if (op !== 'eq') return inexact(hasType(slot, Array.isArray(value) ? 'array' : 'object'));
      return typed(slot, [Array.isArray(value) ? 'array' : 'object'], `${slot.value}=?`, encodeStoredJson(value));
  }
}

function typed(slot: Slot, types: SqlType[], sql: string, param: string | number | bigint): SqlCondition {
  return allOf([hasType(slot, ...types), condition(sql, param)]);
}

/** Whether the found boolean satisfies the comparison is known now; only its type is left to test. */
function compileBoolean(op: ComparisonPredicate['op'], operand: boolean, found: boolean, slot: Slot): SqlCondition {
  const difference = Number(found) - Number(operand);
  const holds = {
    eq: difference === 0,
    gt: difference > 0,
    gte: difference >= 0,
    lt: difference < 0,
    lte: difference <= 0,
  };
  return holds[op] ? hasType(slot, found ? 'true' : 'false') : never;
}

export function compileIn({ values, patterns }: Extract<Predicate, { op: 'in' }>, slot: Slot): SqlCondition {
  const of = (type: string): Json[] => values.filter((value) => typeOfValue(value) === type);
  const others = values.filter((value) => !['number', 'string'].includes(typeOfValue(value)));
  return anyOf([
    compileList(slot, ['integer', 'real'], of('number') as number[]),
    compileList(slot, ['text'], of('string') as string[]),
    ...others.map((value) => compileComparison({ op: 'eq', value }, slot)),
    ...patterns.map((pattern) => compilePattern(pattern, slot)),
  ]);
}

function compileList(slot: Slot, types: SqlType[], values: readonly (number | string)[]): SqlCondition {
  if (values.length === 0) return never;
  return allOf([hasType(slot, ...types), memberOf(slot.value, values)]);
}

/** Long lists travel as one JSON parameter; SQLite reads its numbers as it reads those of the documents. */
function memberOf(expression: string, values: readonly (number | string)[]): SqlCondition {
  const finite = values.filter((value) => typeof value === 'string' || Number.isFinite(value));
  if (finite.length === 0) return never;
  if (finite.length > 8)
    return condition(`${expression} IN (SELECT value FROM json_each(?))`, encodeStoredJson(finite));
  const params = finite.map((value) => (typeof value === 'number' ? numberParameter(value) : encodeStoredText(value)));
  return condition(`${expression} IN (${params.map(() => '?')})`, ...params);
}

export function compileType(type: TypeName, slot: Slot): SqlCondition {
  switch (type) {
    case 'number':
      return hasType(slot, 'integer', 'real');
    case 'int':
    case 'long':
    case 'double':
      return inexact(hasType(slot, 'integer', 'real'));
    case 'string':
      return hasType(slot, 'text');
    case 'bool':
      return hasType(slot, 'true', 'false');
    case 'null':
    case 'object':
    case 'array':
      return hasType(slot, type);
    case 'never':
      return never;
  }
}

/** The expression itself never runs in SQL; what it says about the beginning of the text narrows the search. */
export function compilePattern(pattern: Pattern, slot: Slot): SqlCondition {
  const prefix = getLiteralPrefix(pattern);
  return inexact(prefix === '' ? hasType(slot, 'text') : compileStartsWith(prefix, slot));
}

export function compileStartsWith(text: string, slot: Slot): SqlCondition {
  const range = prefixRange(text);
  if (range === null) return inexact(hasType(slot, 'text'));
  const bounds = [condition(`${slot.value}>=?`, range.from)];
  if (range.before !== null) bounds.push(condition(`${slot.value}<?`, range.before));
  return allOf([hasType(slot, 'text'), ...bounds]);
}

/**
 * The texts with a prefix as range of stored texts; null when that cannot be told: a lone surrogate at the prefix's end may
 * be half of a pair in the text. `before` is null when nothing comes after the range.
 */
function prefixRange(text: string): { readonly from: string; readonly before: string | null } | null {
  if (hasLoneSurrogate(text)) return null;
  const from = encodeStoredText(text);
  const points = Array.from(from, (character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return { from, before: null };
  // U+D7FF is followed by U+E000: surrogates are no characters.
  return { from, before: String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1) };
}

export function compileEndsWith(text: string, slot: Slot): SqlCondition {
  if (text === '') return hasType(slot, 'text');
  // A text that begins like the second half of an escape (stored-text.ts) or of a pair might be found inside one.
  if (/^[\0-\u0002\udc00-\udfff\ue001-\ue801]/.test(text) || hasLoneSurrogate(text))
    return inexact(hasType(slot, 'text'));
  const stored = encodeStoredText(text);
  return typed(slot, ['text'], `substr(${slot.value},${-[...stored].length})=?`, stored);
}
