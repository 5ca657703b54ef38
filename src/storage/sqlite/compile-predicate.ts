import type { Json } from '../../core/json.ts';
import { hasLoneSurrogate } from '../../core/query/code-points.ts';
import type { ComparisonPredicate, Pattern, Predicate, TypeName } from '../../core/query/filter.ts';
import { getLiteralPrefix } from '../../core/query/regex/literal-prefix.ts';
import { encodeStoredJson, encodeStoredText } from '../../core/query/stored-text.ts';
import { typeOfValue } from '../../core/query/values.ts';
import { compileElementFilter, existsIn, type JsonSource } from './compile-field.ts';
import { numberParameter } from './sort-key.ts';
import { allOf, always, anyOf, condition, inexact, never, notOf, type SqlCondition } from './sql-condition.ts';

/** Where one value stands in SQL: expressions for its JSON type (NULL when missing) and its value (JSON text of composites). */
export interface Slot {
  readonly type: string;
  readonly value: string;
  /** Arguments of json_each and json_array_length that reach into it when it is an array. */
  readonly each: string;
  readonly depth: number;
  readonly isId?: boolean;
}

export function fieldSlot(source: JsonSource, path: string): Slot {
  const at = `${source.json},${path}`;
  return { type: `json_type(${at})`, value: `json_extract(${at})`, each: at, depth: source.depth };
}

export function elementSlot(depth: number): Slot & { readonly alias: string } {
  const alias = `e${depth}`;
  const each = `CASE WHEN ${alias}.type='array' THEN ${alias}.value END`;
  return { alias, type: `${alias}.type`, value: `${alias}.value`, each, depth: depth + 1 };
}

export function idSlot(column: string): Slot {
  return { type: "'text'", value: column, each: 'NULL', depth: 0, isId: true };
}

type SqlType = 'null' | 'integer' | 'real' | 'text' | 'object' | 'array' | 'true' | 'false';

function hasType(slot: Slot, ...types: SqlType[]): SqlCondition {
  if (slot.isId) return types.includes('text') ? always : never;
  const [only] = types;
  return condition(
    types.length === 1 ? `${slot.type}='${only}'` : `${slot.type} IN (${types.map((type) => `'${type}'`)})`,
  );
}

/** The predicate on the value itself, arrays not expanded. */
export function compilePredicate(predicate: Predicate, slot: Slot): SqlCondition {
  switch (predicate.op) {
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compileComparison(predicate, slot);
    case 'in':
      return compileIn(predicate, slot);
    case 'exists':
      return slot.isId ? always : condition(`${slot.type} IS NOT NULL`);
    case 'type':
      return anyOf(predicate.types.map((type) => compileType(type, slot)));
    case 'regex':
      return compilePattern(predicate.pattern, slot);
    case 'startsWith':
      return compileStartsWith(predicate.text, slot);
    case 'endsWith':
      return compileEndsWith(predicate.text, slot);
    case 'mod':
      return inexact(hasType(slot, 'integer', 'real'));
    case 'size':
      return allOf([hasType(slot, 'array'), condition(`json_array_length(${slot.each})=?`, predicate.size)]);
    case 'not':
      return notOf(allOf(predicate.predicates.map((inner) => compilePredicate(inner, slot))));
    case 'elemMatch': {
      if (slot.isId) return never;
      const element = elementSlot(slot.depth);
      const inner = allOf(predicate.predicates.map((one) => compilePredicate(one, element)));
      return existsIn(slot.type, slot.each, element.alias, inner);
    }
    case 'elemMatchObject': {
      if (slot.isId) return never;
      const alias = `e${slot.depth}`;
      return existsIn(slot.type, slot.each, alias, compileElementFilter(predicate.filter, alias, slot.depth));
    }
  }
}

const sqlOperators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function compileComparison({ op, value }: ComparisonPredicate, slot: Slot): SqlCondition {
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

function compileIn({ values, patterns }: Extract<Predicate, { op: 'in' }>, slot: Slot): SqlCondition {
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
export function memberOf(expression: string, values: readonly (number | string)[]): SqlCondition {
  const finite = values.filter((value) => typeof value === 'string' || Number.isFinite(value));
  if (finite.length === 0) return never;
  if (finite.length > 8)
    return condition(`${expression} IN (SELECT value FROM json_each(?))`, encodeStoredJson(finite));
  const params = finite.map((value) => (typeof value === 'number' ? numberParameter(value) : encodeStoredText(value)));
  return condition(`${expression} IN (${params.map(() => '?')})`, ...params);
}

function compileType(type: TypeName, slot: Slot): SqlCondition {
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
function compilePattern(pattern: Pattern, slot: Slot): SqlCondition {
  const prefix = getLiteralPrefix(pattern);
  return inexact(prefix === '' ? hasType(slot, 'text') : compileStartsWith(prefix, slot));
}

function compileStartsWith(text: string, slot: Slot): SqlCondition {
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
export function prefixRange(text: string): { readonly from: string; readonly before: string | null } | null {
  if (hasLoneSurrogate(text)) return null;
  const from = encodeStoredText(text);
  const points = Array.from(from, (character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return { from, before: null };
  // U+D7FF is followed by U+E000: surrogates are no characters.
  return { from, before: String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1) };
}

function compileEndsWith(text: string, slot: Slot): SqlCondition {
  if (text === '') return hasType(slot, 'text');
  // A text that begins like the second half of an escape (stored-text.ts) or of a pair might be found inside one.
  if (/^[\0-\u0002\udc00-\udfff\ue001-\ue801]/.test(text) || hasLoneSurrogate(text))
    return inexact(hasType(slot, 'text'));
  const stored = encodeStoredText(text);
  return typed(slot, ['text'], `substr(${slot.value},${-[...stored].length})=?`, stored);
}

/** Whether the predicate holds for a missing field; null when that takes the matcher. */
export function matchesMissing(predicate: Predicate): boolean | null {
  switch (predicate.op) {
    case 'eq':
    case 'gte':
    case 'lte':
      return predicate.value === null;
    case 'in':
      return predicate.values.includes(null);
    case 'not': {
      const inner = predicate.predicates.map(matchesMissing);
      return inner.includes(false) ? true : inner.includes(null) ? null : false;
    }
    default:
      return false;
  }
}
