import type { Filter, Predicate } from './filter.ts';
import { abbreviate, type OperandReader } from './operands.ts';
import { isPatternInput, parsePattern } from './parse-pattern.ts';
import { parseTypeNames } from './type-names.ts';

/** What operator parsing needs from the filter parser: nested filters, and its counters. */
export interface NestedParser {
  readonly operands: OperandReader;
  countCondition(): void;
  parse(input: unknown, where: string, depth: number): Filter;
}

/** The condition on one field: a regular expression, an operator object, or a value to equal. */
export function parseFieldCondition(parser: NestedParser, input: unknown, where: string, depth: number): Predicate[] {
  if (input instanceof RegExp)
    return [{ op: 'regex', pattern: parsePattern(parser.operands, input, undefined, where) }];
  if (!isOperatorObject(input) || isDateWrapper(input)) {
    return [{ op: 'eq', value: parser.operands.readValue(input, where, 0) }];
  }
  return parseOperators(parser, input, where, depth + 1);
}

export function isOperatorObject(input: unknown): input is Record<string, unknown> {
  return (
    typeof input === 'object' &&
    input !== null &&
    !Array.isArray(input) &&
    Object.keys(input).some((key) => key.startsWith('$'))
  );
}

function isDateWrapper(input: object): boolean {
  const keys = Object.keys(input);
  return keys.length === 1 && keys[0] === '$date';
}

function parseOperators(
  parser: NestedParser,
  input: Record<string, unknown>,
  where: string,
  depth: number,
): Predicate[] {
  parser.operands.checkDepth(depth, where);
  const predicates: Predicate[] = [];
  for (const operator of Object.keys(input)) {
    parser.countCondition();
    const parse = Object.hasOwn(operatorParsers, operator) ? operatorParsers[operator] : undefined;
    if (!parse) {
      const problem = operator.startsWith('$')
        ? `unknown operator; known are ${Object.keys(operatorParsers).join(' ')}`
        : 'a field cannot stand beside operators; write nested fields as "a.b"';
      parser.operands.fail(`${where}.${abbreviate(operator)}`, problem);
    }
    predicates.push(...parse({ parser, operand: input[operator], where: `${where}.${operator}`, depth, input }));
  }
  return predicates;
}

interface OperatorInput {
  readonly parser: NestedParser;
  readonly operand: unknown;
  readonly where: string;
  readonly depth: number;
  /** The whole operator object, for operators that come in pairs. */
  readonly input: Record<string, unknown>;
}

type OperatorParser = (input: OperatorInput) => Predicate[];

const operatorParsers: Record<string, OperatorParser> = {
  $eq: parseComparison('eq'),
  $ne: (input) => [{ op: 'not', predicates: parseComparison('eq')(input) }],
  $gt: parseComparison('gt'),
  $gte: parseComparison('gte'),
  $lt: parseComparison('lt'),
  $lte: parseComparison('lte'),
  $in: parseIn,
  $nin: (input) => [{ op: 'not', predicates: parseIn(input) }],
  $exists: parseExists,
  $regex: parseRegex,
  $options: parseOptions,
  $startsWith: parseAffix('startsWith'),
  $endsWith: parseAffix('endsWith'),
  $not: parseNot,
  $elemMatch: parseElemMatch,
  $all: parseAll,
  $size: parseSize,
  $mod: parseMod,
  $type: ({ parser, operand, where }) => [{ op: 'type', types: parseTypeNames(parser.operands, operand, where) }],
};

function parseComparison(op: 'eq' | 'gt' | 'gte' | 'lt' | 'lte'): OperatorParser {
  return ({ parser, operand, where }) => {
    if (isPatternInput(operand)) {
      parser.operands.fail(where, 'cannot compare with a regular expression; use $regex, $not or $in');
    }
    return [{ op, value: parser.operands.readValue(operand, where) }];
  };
}

function parseIn({ parser, operand, where }: OperatorInput): Predicate[] {
  const list = readList(parser, operand, where);
  const patterns = list
    .filter(isPatternInput)
    .map((element) => parsePattern(parser.operands, element, undefined, where));
  const values = list
    .filter((element) => !isPatternInput(element))
    .map((element) => parser.operands.readValue(element, where));
  return [{ op: 'in', values, patterns }];
}

function parseExists({ parser, operand, where }: OperatorInput): Predicate[] {
  if (operand !== null && typeof operand !== 'boolean' && typeof operand !== 'number') {
    parser.operands.fail(where, 'takes true or false');
  }
  return operand ? [{ op: 'exists' }] : [{ op: 'not', predicates: [{ op: 'exists' }] }];
}

function parseRegex({ parser, operand, where, input }: OperatorInput): Predicate[] {
  return [{ op: 'regex', pattern: parsePattern(parser.operands, operand, input.$options, where) }];
}

function parseOptions({ parser, where, input }: OperatorInput): Predicate[] {
  if (!Object.hasOwn(input, '$regex')) parser.operands.fail(where, 'stands only beside $regex');
  return [];
}

function parseAffix(op: 'startsWith' | 'endsWith'): OperatorParser {
  return ({ parser, operand, where }) => {
    if (typeof operand !== 'string') return parser.operands.fail(where, 'takes a string');
    return [{ op, text: operand }];
  };
}

function parseNot({ parser, operand, where, depth }: OperatorInput): Predicate[] {
  return [{ op: 'not', predicates: parseFieldCondition(parser, operand, where, depth) }];
}

function parseElemMatch({ parser, operand, where, depth }: OperatorInput): Predicate[] {
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) {
    return parser.operands.fail(where, 'takes an object: operators for the elements, or a filter for objects');
  }
  const [first] = Object.keys(operand);
  if (isOperatorObject(operand) && !['$and', '$or', '$nor', '$comment'].includes(first ?? '')) {
    return [{ op: 'elemMatch', predicates: parseOperators(parser, operand, where, depth + 1) }];
  }
  return [{ op: 'elemMatchObject', filter: parser.parse(operand, where, depth + 1) }];
}

function parseAll({ parser, operand, where, depth }: OperatorInput): Predicate[] {
  const list = readList(parser, operand, where);
  if (list.length === 0) return [{ op: 'in', values: [], patterns: [] }];
  return list.flatMap((element, index) => {
    parser.countCondition();
    const here = `${where}[${index}]`;
    if (isPatternInput(element)) {
      return [{ op: 'regex' as const, pattern: parsePattern(parser.operands, element, undefined, here) }];
    }
    if (isOperatorObject(element) && Object.hasOwn(element, '$elemMatch')) {
      return parseOperators(parser, element, here, depth + 1);
    }
    return [{ op: 'eq' as const, value: parser.operands.readValue(element, here) }];
  });
}

function parseSize({ parser, operand, where }: OperatorInput): Predicate[] {
  if (typeof operand !== 'number' || !Number.isSafeInteger(operand) || operand < 0) {
    return parser.operands.fail(where, 'takes a whole number that is not negative');
  }
  return [{ op: 'size', size: operand }];
}

function parseMod({ parser, operand, where }: OperatorInput): Predicate[] {
  const [divisor, remainder] = Array.isArray(operand) ? operand.map(readWhole) : [];
  if (!Array.isArray(operand) || operand.length !== 2 || !Number.isSafeInteger(divisor) || !divisor) {
    return parser.operands.fail(where, 'takes [divisor, remainder]; the divisor cannot be 0');
  }
  if (!Number.isSafeInteger(remainder)) parser.operands.fail(where, 'the remainder must be a number');
  return [{ op: 'mod', divisor, remainder: remainder! }];
}

/** A number, or a text that holds one, cut to a whole one; else NaN. */
function readWhole(part: unknown): number {
  return typeof part === 'number' || typeof part === 'string' ? Math.trunc(Number(part)) : Number.NaN;
}

function readList(parser: NestedParser, operand: unknown, where: string): unknown[] {
  return Array.isArray(operand) ? Array.from(operand) : parser.operands.fail(where, 'takes an array');
}
