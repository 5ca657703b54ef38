import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { TackleError } from '../../errors.ts';
import { compileProgram } from './compile-program.ts';
import { estimateCost } from './estimate-cost.ts';
import type { StepBudget } from './program.ts';
import { ProgramRunner } from './run-program.ts';

export interface CompiledRegex {
  /** Throws `invalid_query` when the search takes more steps than allowed. */
  test(text: string): boolean;
}

export interface RegexOptions {
  /** Steps that one test may take when it cannot be left to the native engine. */
  readonly maxSteps?: number;
  /** Steps that all tests together may take; they are taken off. For work that must end soon, whatever it meets. */
  readonly budget?: StepBudget;
  /** `own` never leaves a search to V8; for tests of the matcher. */
  readonly engine?: 'own';
}

/** Up to this many native steps (about 20 ms) a search is left to V8, which cannot be stopped. */
const nativeSteps = 5_000_000;
/** The same for patterns without any loop, whose time grows with the length of the text only. */
const nativeLinearSteps = 100_000_000;

/**
 * A regular expression in JavaScript syntax that cannot run for ever. V8 searches where the structure of the pattern bounds
 * its backtracking for the length of the text at hand. Everything else runs on an own matcher with the same semantics, which
 * counts its steps; it remembers failures, so its time grows linearly with the text unless there are backreferences.
 * Throws `invalid_query` for patterns that are not valid or too large.
 */
export function compileRegex(source: string, flags: string, options: RegexOptions = {}): CompiledRegex {
  const native = compileNative(source, flags);
  const pattern = parsePattern(source, flags);
  const cost = estimateCost(pattern);
  const runner = new ProgramRunner(compileProgram(pattern, flags), source, options.maxSteps);
  return {
    test(text) {
      if (options.engine === 'own') return runner.test(text);
      const steps = cost.factor * (text.length + 1) ** (cost.degree + 1);
      if (options.budget !== undefined) {
        // What V8 takes cannot be counted, so only searches that are linear in any case are left to it.
        if (cost.degree > 0 || steps > options.budget.left) return runner.test(text, options.budget);
        options.budget.left -= text.length + 1;
        return native.test(text);
      }
      return steps <= (cost.degree === 0 ? nativeLinearSteps : nativeSteps) ? native.test(text) : runner.test(text);
    },
  };
}

const maxNesting = 100;

/** How deep groups nest; classes of the v mode, which nest too, count as well. */
function countNesting(source: string): number {
  let depth = 0;
  let deepest = 0;
  let classes = 0;
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index]!;
    if (character === '\\') index += 1;
    else if (character === '[') classes += 1;
    else if (character === ']' && classes > 0) classes = 0;
    else if (character === '(' && classes === 0) depth += 1;
    else if (character === ')' && classes === 0) depth -= 1;
    deepest = Math.max(deepest, depth + classes);
  }
  return deepest;
}

function compileNative(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new TackleError('invalid_query', `the regular expression is not valid: ${(error as Error).message}`);
  }
}

function parsePattern(source: string, flags: string): AST.Pattern {
  if (countNesting(source) > maxNesting) {
    throw new TackleError('invalid_query', `the regular expression nests groups deeper than ${maxNesting} levels`);
  }
  try {
    const parser = new RegExpParser({ ecmaVersion: 2025 });
    const modes = { unicode: flags.includes('u'), unicodeSets: flags.includes('v') };
    return parser.parsePattern(source, 0, source.length, modes);
  } catch (error) {
    throw new TackleError('invalid_query', `the regular expression is not supported: ${(error as Error).message}`);
  }
}
