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
  if (a.length === b.length) return 0;
  // The shorter one may end in the middle of a pair of the longer one: then its last unit is a lone surrogate.
  if (length > 0 && isHighSurrogate(a.charCodeAt(length - 1))) return compareAt(a, b, length);
  return a.length - b.length;
}

/** Compares at the code point that the first difference (at `index`) belongs to. */
function compareAt(a: string, b: string, index: number): number {
  const start = index > 0 && isHighSurrogate(a.charCodeAt(index - 1)) ? index - 1 : index;
  const left = a.codePointAt(start)!;
  const right = b.codePointAt(start)!;
  if (left !== right) return left - right;
  // Same code point before the difference: either the preceding unit stood alone in both, or one string ended here.
  const leftNext = a.codePointAt(index) ?? -1;
  const rightNext = b.codePointAt(index) ?? -1;
  return leftNext - rightNext;
}

const loneSurrogate = /[\ud800-\udfff]/u;

/** True when the string holds half of a surrogate pair, which UTF-8 cannot carry. */
export function hasLoneSurrogate(text: string): boolean {
  return loneSurrogate.test(text);
}
