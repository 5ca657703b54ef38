import type { Pattern } from '../filter.ts';

/** Characters that mean themselves outside of classes, in every mode. */
const literal = /^[\p{L}\p{N} _,:;@#%&=<>!~'"`/-]$/u;

/**
 * The text with which every match begins a whole string: of `^po.*` it is "po". Empty when the pattern says nothing of that
 * kind. Only what is certain is taken: alternatives and flags that change the meaning of letters or of `^` give nothing.
 */
export function getLiteralPrefix({ source, flags }: Pattern): string {
  if (!source.startsWith('^') || /[im]/.test(flags) || source.includes('|')) return '';
  let prefix = '';
  for (const character of source.slice(1)) {
    // A quantifier makes the last character optional.
    if ('*?{'.includes(character)) return [...prefix].slice(0, -1).join('');
    if (!literal.test(character)) return prefix;
    prefix += character;
  }
  return prefix;
}
