const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

/**
 * Order of strings in queries, indexes and sorts: by code point, which is the byte order of UTF-8 and so the BINARY
 * collation of SQLite and `COLLATE "C"` of PostgreSQL. JavaScript's own `<` goes by UTF-16 unit and differs for characters
 * beyond U+FFFF. A lone surrogate counts as the code point of its number (see stored-text.ts for how it is stored).
 */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) {
      return isSurrogate(left) || isSurrogate(right) ? compareAt(a, b, index) : left - right;
    }
  }
  // A prefix comes first, also one that ends in the middle of a pair: half of a pair is less than any character beyond U+FFFF.
  return a.length - b.length;
}

/** Compares at the code point that the first difference (at `index`) belongs to. */
function compareAt(a: string, b: string, index: number): number {
  const start = index > 0 && isHighSurrogate(a.charCodeAt(index - 1)) ? index - 1 : index;
  const left = a.codePointAt(start)!;
  const right = b.codePointAt(start)!;
  if (left !== right) return left - right;
  return a.codePointAt(index)! - b.codePointAt(index)!;
}

const loneSurrogate = /[\ud800-\udfff]/u;

/** True when the string holds half of a surrogate pair, which UTF-8 cannot carry. */
export function hasLoneSurrogate(text: string): boolean {
  return loneSurrogate.test(text);
}
