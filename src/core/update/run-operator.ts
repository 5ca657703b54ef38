import type { Json, JsonObject } from '../json.ts';
import type { Predicate } from '../query/filter.ts';
import { compileMatcher, compileValueTest } from '../query/match-filter.ts';
import { compareBySort } from '../query/sort.ts';
import { compareValues, equalValues, type FoundValue, isObjectValue } from '../query/values.ts';
import { failUpdate } from './fail.ts';
import { readField, removeField, writeField } from './fields.ts';
import type { Operation, PullCondition, PushOperation } from './parse-update.ts';

/** One operator on one field; the document itself when nothing changes. */
export function runOperator(document: JsonObject, operation: Operation, now: string): JsonObject {
  const { path, where } = operation;
  const write = (value: Json): JsonObject => writeField(document, path, value, where);
  const current = readField(document, path);
  switch (operation.operator) {
    case '$set':
    case '$setOnInsert':
      return write(operation.value);
    case '$currentDate':
      return write(now);
    case '$unset':
      return removeField(document, path);
    case '$rename':
      if (current === undefined) return document;
      return writeField(removeField(document, path), operation.target, current, where);
    case '$inc':
      return write(compute(current, operation.amount, where, (a, b) => a + b));
    case '$mul':
      return write(compute(current, operation.amount, where, (a, b) => a * b));
    case '$min':
      return current === undefined || compareValues(operation.value, current) < 0 ? write(operation.value) : document;
    case '$max':
      return current === undefined || compareValues(operation.value, current) > 0 ? write(operation.value) : document;
    case '$push':
      return write(push(readArray(current, where) ?? [], operation));
    case '$addToSet':
      return write(addToSet(readArray(current, where) ?? [], operation.values));
    case '$pop': {
      const array = readArray(current, where);
      if (!array || array.length === 0) return document;
      return write(operation.end === 'last' ? array.slice(0, -1) : array.slice(1));
    }
    case '$pullAll': {
      const array = readArray(current, where);
      return array
        ? write(array.filter((element) => !operation.values.some((value) => equalValues(element, value))))
        : document;
    }
    case '$pull': {
      const array = readArray(current, where);
      if (!array) return document;
      const isPulled = compilePull(operation.condition);
      return write(array.filter((element) => !isPulled(element)));
    }
  }
}

function compute(
  current: FoundValue,
  amount: number,
  where: string,
  combine: (a: number, b: number) => number,
): number {
  const start = current === undefined ? 0 : toNumber(current);
  if (start === undefined)
    return failUpdate(where, `the field holds ${describeValue(current!)}, which is not a number`);
  const result = combine(start, amount);
  if (!Number.isFinite(result)) return failUpdate(where, 'the result is too large for a number');
  return result === 0 ? 0 : result; // JSON has no -0
}

/** Numbers, and texts that hold one (apps write form fields). */
function toNumber(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function readArray(current: FoundValue, where: string): readonly Json[] | undefined {
  if (current === undefined || Array.isArray(current)) return current;
  return failUpdate(where, `the field holds ${describeValue(current)}, which is not an array`);
}

function describeValue(value: Json): string {
  if (value === null) return 'null';
  return isObjectValue(value) ? 'an object' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function push(array: readonly Json[], { values, position, sort, slice }: PushOperation): readonly Json[] {
  const at = position ?? array.length;
  let result: readonly Json[] = [...array.slice(0, at), ...values, ...array.slice(at)];
  if (sort !== undefined) {
    const compare = sort === 1 || sort === -1 ? wholeElements(sort) : objectElements(compareBySort(sort));
    result = result.toSorted(compare);
  }
  if (slice === undefined) return result;
  return slice >= 0 ? result.slice(0, slice) : result.slice(slice);
}

const wholeElements =
  (direction: 1 | -1) =>
  (a: Json, b: Json): number =>
    compareValues(a, b) * direction;

const objectElements =
  (compare: (a: JsonObject, b: JsonObject) => number) =>
  (a: Json, b: Json): number =>
    compare(isObjectValue(a) ? a : {}, isObjectValue(b) ? b : {});

function addToSet(array: readonly Json[], values: readonly Json[]): readonly Json[] {
  const result = [...array];
  for (const value of values) if (!result.some((element) => equalValues(element, value))) result.push(value);
  return result;
}

/** Updates run while the writer is held: regular expressions may take about 10 ms for one field. */
const pullSteps = 200_000;

function compilePull(condition: PullCondition): (element: Json) => boolean {
  if (condition.by === 'value') return (element) => equalValues(element, condition.value);
  const budget = { left: pullSteps };
  if (condition.by === 'filter') {
    const matches = compileMatcher(condition.filter, { budget });
    return (element) => isObjectValue(element) && matches(element);
  }
  const tests = condition.predicates.map((predicate: Predicate) => compileValueTest(predicate, { budget }));
  return (element) => tests.every((test) => test(element));
}
