import { TackleError } from '../errors.ts';

export function failUpdate(where: string, problem: string): never {
  throw new TackleError('invalid_update', `${where}: ${problem}`);
}
