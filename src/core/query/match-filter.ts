import type { Json, JsonObject } from '../json.ts';
import type { ComparisonPredicate, FieldFilter, Filter, Predicate } from './filter.ts';
import { someValue } from './find-values.ts';
import { compileRegex } from './regex/compile-regex.ts';
import type { StepBudget } from './regex/program.ts';
import { setOwn } from './stored-text.ts';
import { hasType } from './type-names.ts';
import { compareValues, equalValues, type FoundValue, getOwn, isObjectValue, typeOfValue } from './values.ts';

export type Matcher = (document: JsonObject) => boolean;

export interface MatchOptions {
  /** Steps that the regular expressions may take together; without it each test has its own limit. */
  readonly budget?: StepBudget;
}

/**
 * The meaning of a filter, as a function. The function throws `invalid_query` when a regular expression used up its steps
 * (see regex/compile-regex.ts); it never changes the document.
 */
export function compileMatcher(filter: Filter, options: MatchOptions = {}): Matcher {
  const compileAll = (filters: readonly Filter[]): Matcher[] => filters.map((inner) => compileMatcher(inner, options));
  switch (filter.kind) {
    case 'and':
      return allOf(compileAll(filter.filters));
    case 'or': {
      const matchers = compileAll(filter.filters);
      return (document) => matchers.some((matches) => matches(document));
    }
    case 'nor': {
      const matchers = compileAll(filter.filters);
      return (document) => !matchers.some((matches) => matches(document));
    }
    case 'field':
      return allOf(filter.predicates.map((predicate) => compileField(filter.path, predicate, options)));
  }
}

/** Compiles and runs a filter once. Use compileMatcher for more than one document. */
export function matchFilter(filter: Filter, document: JsonObject): boolean {
  return compileMatcher(filter)(document);
}

function allOf(matchers: readonly Matcher[]): Matcher {
  const [first] = matchers;
  if (matchers.length === 1 && first) return first;
  return (document) => matchers.every((matches) => matches(document));
}

function compileField(path: FieldFilter['path'], predicate: Predicate, options: MatchOptions): Matcher {
  if (predicate.op === 'not') {
    const matches = allOf(predicate.predicates.map((inner) => compileField(path, inner, options)));
    return (document) => !matches(document);
  }
  const test = compileValueTest(predicate, options);
  const expand = expandsArrays(predicate);
  const [name] = path;
  if (path.length > 1 || name === undefined) return (document) => someValue(document, path, expand, test);
  return (document) => {
    const value = getOwn(document, name);
    if (expand && Array.isArray(value) && value.some(test)) return true;
    return test(value);
  };
}

/** Whether the predicate asks about an array's elements too, or about the array alone. */
export function expandsArrays(predicate: Predicate): boolean {
  switch (predicate.op) {
    case 'exists':
    case 'size':
    case 'elemMatch':
    case 'elemMatchObject':
      return false;
    default:
      return true;
  }
}

type ValueTest = (value: FoundValue) => boolean;

/** The predicate on one value, arrays not expanded. */
export function compileValueTest(predicate: Predicate, options: MatchOptions = {}): ValueTest {
  const compileAll = (all: readonly Predicate[]): ValueTest[] => all.map((inner) => compileValueTest(inner, options));
  switch (predicate.op) {
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compileComparison(predicate);
    case 'in':
      return compileIn(predicate, options);
    case 'exists':
      return (value) => value !== undefined;
    case 'type':
      return (value) => value !== undefined && predicate.types.some((type) => hasType(value, type));
    case 'regex': {
      const regex = compileRegex(predicate.pattern.source, predicate.pattern.flags, options);
      return (value) => typeof value === 'string' && regex.test(value);
    }
    case 'startsWith':
      return (value) => typeof value === 'string' && value.startsWith(predicate.text);
    case 'endsWith':
      return (value) => typeof value === 'string' && value.endsWith(predicate.text);
    case 'mod':
      return (value) => typeof value === 'number' && Math.trunc(value) % predicate.divisor === predicate.remainder;
    case 'size':
      return (value) => Array.isArray(value) && value.length === predicate.size;
    case 'not': {
      const tests = compileAll(predicate.predicates);
      return (value) => !tests.every((test) => test(value));
    }
    case 'elemMatch': {
      const tests = compileAll(predicate.predicates);
      return (value) => Array.isArray(value) && value.some((element) => tests.every((test) => test(element)));
    }
    case 'elemMatchObject': {
      const matches = compileMatcher(predicate.filter, options);
      return (value) => Array.isArray(value) && value.some((element) => matchesElement(matches, element));
    }
  }
}

/** Inside `$elemMatch` an array among the elements counts as an object with its positions as keys. */
function matchesElement(matches: Matcher, element: Json): boolean {
  if (isObjectValue(element)) return matches(element);
  if (!Array.isArray(element)) return false;
  const view = {};
  for (const [index, inner] of element.entries()) setOwn(view, String(index), inner);
  return matches(view);
}

function compileComparison({ op, value: operand }: ComparisonPredicate): ValueTest {
  // null equals null and missing; nothing is less or greater than it.
  if (operand === null)
    return op === 'gt' || op === 'lt' ? () => false : (value) => value === null || value === undefined;
  if (op === 'eq')
    return typeof operand === 'object'
      ? (value) => value !== undefined && equalValues(value, operand)
      : (value) => value === operand;
  const accepts = comparisonAccepts[op];
  const type = typeOfValue(operand);
  if (type === 'number') return (value) => typeof value === 'number' && accepts(Math.sign(value - (operand as number)));
  return (value) => value !== undefined && typeOfValue(value) === type && accepts(compareValues(value, operand));
}

const comparisonAccepts = {
  gt: (difference: number) => difference > 0,
  gte: (difference: number) => difference >= 0,
  lt: (difference: number) => difference < 0,
  lte: (difference: number) => difference <= 0,
};

function compileIn({ values, patterns }: Extract<Predicate, { op: 'in' }>, options: MatchOptions): ValueTest {
  const scalars = new Set<FoundValue>(values.filter((value) => typeof value !== 'object' || value === null));
  if (scalars.has(null)) scalars.add(undefined);
  const composites = values.filter((value) => typeof value === 'object' && value !== null);
  const regexes = patterns.map((pattern) => compileRegex(pattern.source, pattern.flags, options));
  return (value) => {
    if (scalars.has(value)) return true;
    if (typeof value === 'string') return regexes.some((regex) => regex.test(value));
    return value !== undefined && composites.some((operand) => equalValues(value, operand));
  };
}
