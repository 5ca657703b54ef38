import { TackleError } from '../errors.ts';
import type { Pattern } from './filter.ts';
import { queryLimits } from './limits.ts';
import type { OperandReader } from './operands.ts';
import { compileRegex } from './regex/compile-regex.ts';

/** A RegExp, or its JSON form `{$regex, $options}`. */
export function isPatternInput(input: unknown): boolean {
  if (input instanceof RegExp) return true;
  return typeof input === 'object' && input !== null && !Array.isArray(input) && Object.hasOwn(input, '$regex');
}

/**
 * Reads the operand of `$regex` (a string, a RegExp or its JSON form) and its options. `g` and `d` mean nothing to a test
 * and are dropped; `y` and MongoDB's `x` are refused, since JavaScript could not give them their meaning.
 */
export function parsePattern(
  reader: OperandReader,
  input: unknown,
  options: unknown,
  where: string,
  depth = 0,
): Pattern {
  reader.checkDepth(depth, where);
  if (isPatternInput(input) && !(input instanceof RegExp)) {
    const { $regex: inner, $options: innerOptions, ...rest } = input as Record<string, unknown>;
    if (Object.keys(rest).length > 0) reader.fail(where, 'only $options may stand beside $regex here');
    return parsePattern(reader, inner, innerOptions ?? options, where, depth + 1);
  }
  if (typeof input !== 'string' && !(input instanceof RegExp)) {
    return reader.fail(where, 'takes a string or a regular expression');
  }
  if (options !== undefined && typeof options !== 'string') reader.fail(where, '$options takes a string of flags');
  const source = typeof input === 'string' ? input : input.source;
  const flags = readFlags(
    reader,
    (options as string | undefined) ?? (typeof input === 'string' ? '' : input.flags),
    where,
  );
  if (source.length > queryLimits.patternLength) {
    reader.fail(where, `the regular expression is longer than ${queryLimits.patternLength} characters`);
  }
  try {
    compileRegex(source, flags);
  } catch (error) {
    if (error instanceof TackleError) reader.fail(where, error.message);
    throw error;
  }
  return { source, flags };
}

function readFlags(reader: OperandReader, flags: string, where: string): string {
  for (const flag of flags) {
    if (!'dgimsuv'.includes(flag))
      reader.fail(where, `regular expression flag "${flag}" is not supported; use i, m, s, u, v`);
  }
  return [...new Set(flags)]
    .filter((flag) => 'imsuv'.includes(flag))
    .sort()
    .join('');
}
