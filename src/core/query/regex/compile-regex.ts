import { TackleError } from '../../errors.ts';

export interface CompiledRegex {
  test(text: string): boolean;
}

export function compileRegex(source: string, flags: string): CompiledRegex {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new TackleError('invalid_query', `the regular expression is not valid: ${(error as Error).message}`);
  }
}
