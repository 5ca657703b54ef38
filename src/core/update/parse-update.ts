import type { Json, JsonObject } from '../json.ts';
import type { Filter, Predicate } from '../query/filter.ts';
import { abbreviate, OperandReader } from '../query/operands.ts';
import { parseFilter } from '../query/parse-filter.ts';
import { isOperatorObject } from '../query/parse-predicate.ts';
import { parseSort, type Sort } from '../query/sort.ts';
import { isObjectValue } from '../query/values.ts';
import type { FieldPath } from './fields.ts';

/** An update as validated plain data. */
export type ParsedUpdate =
  | { readonly kind: 'patch'; readonly patch: JsonObject }
  | { readonly kind: 'operators'; readonly operations: readonly Operation[] };

export type Operation = { readonly path: FieldPath; readonly where: string } & (
  | { readonly operator: '$set' | '$setOnInsert' | '$min' | '$max'; readonly value: Json }
  | { readonly operator: '$inc' | '$mul'; readonly amount: number }
  | { readonly operator: '$unset' }
  | { readonly operator: '$currentDate' }
  | { readonly operator: '$rename'; readonly target: FieldPath }
  | { readonly operator: '$pop'; readonly end: 'first' | 'last' }
  | { readonly operator: '$addToSet' | '$pullAll'; readonly values: readonly Json[] }
  | { readonly operator: '$pull'; readonly condition: PullCondition }
  | ({ readonly operator: '$push' } & PushOperation)
);

/** Which elements `$pull` takes out: equal ones, ones that satisfy operators, or objects that a filter matches. */
export type PullCondition =
  | { readonly by: 'value'; readonly value: Json }
  | { readonly by: 'predicates'; readonly predicates: readonly Predicate[] }
  | { readonly by: 'filter'; readonly filter: Filter };

export interface PushOperation {
  readonly values: readonly Json[];
  /** Index before which the values go; negative counts from the end. Default: the end. */
  readonly position?: number;
  /** Keep the first n (n ≥ 0) or the last -n elements. */
  readonly slice?: number;
  /** 1 or -1 sorts whole elements, a Sort sorts objects by fields. */
  readonly sort?: 1 | -1 | Sort;
}

export interface UpdateOptions {
  /**
   * False (the platform's way): `{$inc: {'a.b': 1}}` makes a field called "a.b". True (MongoDB's way): it is a path.
   */
  readonly dottedUpdates?: boolean;
}

/**
 * Reads an update: an object with operators, or without any a patch to merge. Throws `invalid_update` naming the operator
 * and field. `$set: {}` and the like are allowed and do nothing.
 */
export function parseUpdate(input: unknown, options: UpdateOptions = {}): ParsedUpdate {
  const reader = new OperandReader('invalid_update');
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return reader.fail('', 'an update must be an object with operators or fields');
  }
  if (!isOperatorObject(input)) {
    const patch = reader.readValue(input, '');
    return isObjectValue(patch) ? { kind: 'patch', patch } : reader.fail('', 'an update must be an object');
  }
  const parser = new UpdateParser(reader, options.dottedUpdates === true);
  return { kind: 'operators', operations: Object.keys(input).flatMap((key) => parser.parse(key, input[key])) };
}

const fieldOperators = [
  '$set',
  '$setOnInsert',
  '$unset',
  '$inc',
  '$mul',
  '$min',
  '$max',
  '$push',
  '$pull',
  '$pullAll',
  '$pop',
  '$addToSet',
  '$rename',
  '$currentDate',
  '$dropall',
] as const;

class UpdateParser {
  readonly #reader: OperandReader;
  readonly #dotted: boolean;

  constructor(reader: OperandReader, dotted: boolean) {
    this.#reader = reader;
    this.#dotted = dotted;
  }

  parse(operator: string, operand: unknown): Operation[] {
    const known = fieldOperators.find((name) => name === operator);
    if (!known) {
      const problem = operator.startsWith('$')
        ? `unknown update operator; known are ${fieldOperators.join(' ')}`
        : 'a field cannot stand beside operators; put it into $set';
      return this.#reader.fail(abbreviate(operator), problem);
    }
    const fields = readFields(this.#reader, known, operand);
    return Object.keys(fields)
      .filter((field) => field !== '_id')
      .map((field) => this.#parseField(known, field, fields[field]));
  }

  #parseField(operator: (typeof fieldOperators)[number], field: string, value: unknown): Operation {
    const reader = this.#reader;
    const where = `${operator}.${abbreviate(field)}`;
    const at = { path: this.#path(field), where };
    switch (operator) {
      case '$set':
      case '$setOnInsert':
      case '$min':
      case '$max':
        return { ...at, operator, value: reader.readValue(value, where) };
      case '$inc':
      case '$mul':
        return { ...at, operator, amount: readAmount(reader, value, where) };
      case '$unset':
        return { ...at, operator };
      case '$dropall':
        return { ...at, operator: '$set', value: [] };
      case '$currentDate':
        return { ...at, operator };
      case '$rename':
        if (typeof value !== 'string' || value === '_id') return reader.fail(where, 'takes the new name');
        return { ...at, operator, target: this.#path(value) };
      case '$pop':
        return { ...at, operator, end: value === -1 || value === '-1' ? 'first' : 'last' };
      case '$pullAll':
        return { ...at, operator, values: readArray(reader, value, where) };
      case '$addToSet':
        return { ...at, operator, values: readEach(reader, value, where) };
      case '$pull':
        return { ...at, operator, condition: readPull(reader, value, where) };
      case '$push':
        return { ...at, operator, ...readPush(reader, value, where) };
    }
  }

  #path(field: string): FieldPath {
    return this.#dotted ? field.split('.') : [field];
  }
}

/** `$unset`, `$pop` and `$dropall` also take one name or a list of names. */
function readFields(reader: OperandReader, operator: string, operand: unknown): Record<string, unknown> {
  const takesNames = operator === '$unset' || operator === '$pop' || operator === '$dropall';
  const names = typeof operand === 'string' ? [operand] : operand;
  if (takesNames && Array.isArray(names) && names.every((name) => typeof name === 'string')) {
    return Object.fromEntries(names.map((name) => [name, 1]));
  }
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) {
    return reader.fail(operator, `The value of ${operator} must be an object with field names as keys`);
  }
  return operand as Record<string, unknown>;
}

function readAmount(reader: OperandReader, value: unknown, where: string): number {
  const amount = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof amount !== 'number' || !Number.isFinite(amount)) {
    return reader.fail(where, `The value must be an object where each property is a number, not ${typeof value}`);
  }
  return amount;
}

function readArray(reader: OperandReader, value: unknown, where: string): readonly Json[] {
  const list = reader.readValue(value, where);
  return Array.isArray(list) ? list : reader.fail(where, 'takes an array');
}

function readEach(reader: OperandReader, value: unknown, where: string): readonly Json[] {
  if (!isOperatorObject(value)) return [reader.readValue(value, where)];
  const { $each: each, ...rest } = value;
  const [other] = Object.keys(rest);
  if (other !== undefined) reader.fail(where, `"${abbreviate(other)}" cannot stand beside $each`);
  return readArray(reader, each, `${where}.$each`);
}

function readPush(reader: OperandReader, value: unknown, where: string): PushOperation {
  if (!isOperatorObject(value)) return { values: [reader.readValue(value, where)] };
  const { $each: each, $position: position, $slice: slice, $sort: sort, ...rest } = value;
  const [other] = Object.keys(rest);
  if (other !== undefined)
    reader.fail(where, `unknown modifier "${abbreviate(other)}"; known are $each $position $slice $sort`);
  const values = readArray(reader, each, `${where}.$each`);
  return {
    values,
    ...(position === undefined ? {} : { position: readInteger(reader, position, `${where}.$position`) }),
    ...(slice === undefined ? {} : { slice: readInteger(reader, slice, `${where}.$slice`) }),
    ...(sort === undefined ? {} : { sort: sort === 1 || sort === -1 ? sort : parseSort(sort) }),
  };
}

function readInteger(reader: OperandReader, value: unknown, where: string): number {
  return Number.isSafeInteger(value) ? (value as number) : reader.fail(where, 'takes a whole number');
}

function readPull(reader: OperandReader, value: unknown, where: string): PullCondition {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
  if (!isObject) return { by: 'value', value: reader.readValue(value, where) };
  const isCondition = value instanceof RegExp || (isOperatorObject(value) && !Object.keys(value).some(isLogical));
  if (!isCondition) return { by: 'filter', filter: parseFilter(value) };
  const parsed = parseFilter({ element: value });
  return { by: 'predicates', predicates: parsed.kind === 'field' ? parsed.predicates : [] };
}

const isLogical = (key: string): boolean => key === '$and' || key === '$or' || key === '$nor';
