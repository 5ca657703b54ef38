import { TackleError } from '../errors.ts';
import type { Json } from '../json.ts';
import { queryLimits } from './limits.ts';
import { setOwn } from './stored-text.ts';

/** Counts what one query or update holds, so that hostile input fails early and by name. */
export class OperandReader {
  readonly #code: 'invalid_query' | 'invalid_update';
  #values = 0;

  constructor(code: 'invalid_query' | 'invalid_update') {
    this.#code = code;
  }

  fail(where: string, problem: string): never {
    throw new TackleError(this.#code, where === '' ? problem : `${where}: ${problem}`);
  }

  checkDepth(depth: number, where: string): void {
    if (depth > queryLimits.depth) this.fail(abbreviate(where), `nested deeper than ${queryLimits.depth} levels`);
  }

  /**
   * An operand as JSON: a Date and `{$date}` become ISO strings, objects with `toJSON` what that returns. Refuses what JSON
   * would lose silently (undefined, NaN, functions, regular expressions): a condition that vanishes matches too much.
   */
  readValue(input: unknown, where: string, depth = 0): Json {
    this.checkDepth(depth, where);
    this.#values += 1;
    if (this.#values > queryLimits.values) this.fail('', `more than ${queryLimits.values} values`);
    switch (typeof input) {
      case 'string':
      case 'boolean':
        return input;
      case 'number':
        return this.#readNumber(input, where, depth);
      case 'bigint':
        if (Number.isSafeInteger(Number(input))) return Number(input);
        return this.fail(where, 'a bigint must be within the safe integers');
      case 'object':
        return input === null ? null : this.#readObject(input, where, depth);
      default:
        return this.fail(where, `a value of type ${typeof input} cannot be stored or compared`);
    }
  }

  #readNumber(input: number, where: string, depth: number): number {
    if (Number.isNaN(input)) this.fail(where, 'NaN is not a value of JSON');
    // An infinite bound of a comparison is meaningful; inside a document it would turn into null.
    if (!Number.isFinite(input) && (depth > 0 || this.#code === 'invalid_update')) {
      this.fail(where, `${input} is not a value of JSON`);
    }
    return Object.is(input, -0) ? 0 : input;
  }

  #readObject(input: object, where: string, depth: number): Json {
    if (input instanceof RegExp) this.fail(where, 'a regular expression cannot stand here');
    if (input instanceof Date) return this.#readDate(input, where);
    if (Array.isArray(input)) {
      return Array.from(input, (element, index) => this.readValue(element, `${where}[${index}]`, depth + 1));
    }
    const { toJSON } = input as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.readValue(toJSON.call(input), where, depth + 1);
    const keys = Object.keys(input);
    if (this.#code === 'invalid_query' && keys.some((key) => key.startsWith('$'))) {
      return this.#readDateWrapper(input as Record<string, unknown>, keys, where);
    }
    const result = {};
    for (const key of keys) {
      const value = (input as Record<string, unknown>)[key];
      if (value === undefined && this.#code === 'invalid_update') continue;
      setOwn(result, key, this.readValue(value, where === '' ? key : `${where}.${key}`, depth + 1));
    }
    return result;
  }

  #readDateWrapper(input: Record<string, unknown>, keys: string[], where: string): Json {
    if (keys.length === 1 && keys[0] === '$date') {
      const { $date: date } = input;
      if (typeof date === 'string' || typeof date === 'number' || date instanceof Date) {
        return this.#readDate(new Date(date), where);
      }
      return this.fail(where, '$date takes an ISO string');
    }
    return this.fail(where, `operator ${keys.find((key) => key.startsWith('$'))} cannot stand inside a compared value`);
  }

  #readDate(date: Date, where: string): string {
    if (Number.isNaN(date.getTime())) this.fail(where, 'the date is not valid');
    return date.toISOString();
  }
}

/** Names in messages stay readable when the input is built to be long. */
export function abbreviate(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 60)}…${text.slice(-40)}`;
}
