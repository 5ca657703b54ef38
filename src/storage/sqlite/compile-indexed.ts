import type { Path, Predicate } from '../../core/query/filter.ts';
import { getLiteralPrefix } from '../../core/query/regex/literal-prefix.ts';
import { encodeStoredText } from '../../core/query/stored-text.ts';
import { compileFieldAt, type JsonSource } from './compile-field.ts';
import { memberOf, prefixRange } from './compile-predicate.ts';
import { multikeyExpression } from './document-index.ts';
import { jsonPath, numberParameter, sortKeyExpression, sortKeyParameter } from './sort-key.ts';
import { allOf, anyOf, condition, inexact, never, type SqlCondition, type SqlParameter } from './sql-condition.ts';

/**
 * Conditions on an indexed field, as `key in range OR (array AND general condition)`, so that SQLite searches the two
 * indexes of document-index.ts. Predicates that no key range expresses are added in their general form.
 */
export function compileIndexed(source: JsonSource, path: Path, predicates: readonly Predicate[]): SqlCondition {
  const general = (predicate: Predicate): SqlCondition => compileFieldAt(source, path, predicate);
  if (jsonPath(path) === null) return allOf(predicates.map(general));
  const key = sortKeyExpression(path, source.json);
  const ranged: Predicate[] = [];
  const others: Predicate[] = [];
  const bounds = new KeyBounds(key);
  for (const predicate of predicates) (bounds.add(predicate, path, source.json) ? ranged : others).push(predicate);
  if (ranged.length === 0) return allOf(others.map(general));
  const multikey = multikeyExpression(path, source.json);
  const viaArray = allOf([condition(`(${multikey})=1`), ...ranged.map(general)]);
  return allOf([anyOf([bounds.build(), viaArray]), ...others.map(general)]);
}

const lowestNumber = { sql: '>-9e999', params: [] } as const;
const highestNumber = { sql: "<''", params: [] } as const;
const lowestText = { sql: ">=''", params: [] } as const;
const highestText = { sql: "<x''", params: [] } as const;

interface Bound {
  readonly sql: string;
  readonly params: readonly SqlParameter[];
}

/** Collects ranges of the key; what the predicates say replaces the limits of the type, so that one range scan remains. */
class KeyBounds {
  readonly #key: string;
  readonly #lower: Bound[] = [];
  readonly #upper: Bound[] = [];
  readonly #types = new Set<'number' | 'text'>();
  readonly #others: SqlCondition[] = [];
  #exact = true;

  constructor(key: string) {
    this.#key = key;
  }

  /** False when the predicate is no range of keys. */
  add(predicate: Predicate, path: Path, bodyColumn: string): boolean {
    switch (predicate.op) {
      case 'eq':
        return this.#addEqual(predicate.value, path, bodyColumn);
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#addRange(predicate.op, predicate.value);
      case 'in':
        return this.#addIn(predicate, path, bodyColumn);
      case 'startsWith':
        return this.#addPrefix(predicate.text, true);
      case 'regex':
        return this.#addPrefix(getLiteralPrefix(predicate.pattern), false);
      default:
        return false;
    }
  }

  build(): SqlCondition {
    const lower = [...this.#lower];
    const upper = [...this.#upper];
    for (const type of this.#types) {
      if (lower.length === 0 || this.#types.size > 1) lower.push(type === 'number' ? lowestNumber : lowestText);
      if (upper.length === 0 || this.#types.size > 1) upper.push(type === 'number' ? highestNumber : highestText);
    }
    const ranges = [...lower, ...upper].map((bound) => condition(`${this.#key}${bound.sql}`, ...bound.params));
    const all = allOf([...this.#others, ...ranges]);
    return this.#exact ? all : inexact(all);
  }

  #addEqual(value: unknown, path: Path, bodyColumn: string): boolean {
    if (typeof value === 'object' && value !== null) return false;
    this.#others.push(this.#equal(value as null | boolean | number | string, path, bodyColumn));
    return true;
  }

  #equal(value: null | boolean | number | string, path: Path, bodyColumn: string): SqlCondition {
    if (value === Number.NEGATIVE_INFINITY) return never;
    const equal = condition(`${this.#key}=?`, sortKeyParameter(value));
    if (value !== null || path.length === 1) return equal;
    // Behind an array the key says "missing", which is for the other branch to decide.
    return allOf([equal, condition(`(${multikeyExpression(path, bodyColumn)}) IS NULL`)]);
  }

  #addIn(predicate: Extract<Predicate, { op: 'in' }>, path: Path, bodyColumn: string): boolean {
    if (predicate.patterns.length > 0) return false;
    const listed: (number | string)[] = [];
    const single: (null | boolean)[] = [];
    for (const value of predicate.values) {
      if (typeof value === 'object' && value !== null) return false;
      if (typeof value === 'number' || typeof value === 'string') listed.push(value);
      else single.push(value);
    }
    this.#others.push(
      anyOf([memberOf(this.#key, listed), ...single.map((value) => this.#equal(value, path, bodyColumn))]),
    );
    return true;
  }

  #addRange(op: 'gt' | 'gte' | 'lt' | 'lte', value: unknown): boolean {
    if (typeof value !== 'number' && typeof value !== 'string') return false;
    const param = typeof value === 'number' ? numberParameter(value) : encodeStoredText(value);
    const bounds = op === 'gt' || op === 'gte' ? this.#lower : this.#upper;
    this.#types.add(typeof value === 'number' ? 'number' : 'text');
    if (value === Number.NEGATIVE_INFINITY) bounds.push(lowestNumber);
    if (value === Number.NEGATIVE_INFINITY && op === 'gte') return true;
    bounds.push({ sql: { gt: '>?', gte: '>=?', lt: '<?', lte: '<=?' }[op], params: [param] });
    return true;
  }

  #addPrefix(text: string, exact: boolean): boolean {
    const range = text === '' ? null : prefixRange(text);
    if (range === null) return false;
    this.#types.add('text');
    this.#lower.push({ sql: '>=?', params: [range.from] });
    if (range.before !== null) this.#upper.push({ sql: '<?', params: [range.before] });
    if (!exact) this.#exact = false;
    return true;
  }
}
