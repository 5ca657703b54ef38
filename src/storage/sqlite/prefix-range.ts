/** Larger than every text in SQLite's binary order: a blob. */
export const afterAllText: Uint8Array = new Uint8Array(0);

/**
 * The half-open range of keys that begin with `prefix`, in SQLite's binary order of UTF-8 (which is the order of code
 * points).
 */
export function prefixRange(prefix: string): { from: string; to: string | Uint8Array } {
  const points = [...prefix];
  while (points.length > 0) {
    const last = (points.pop() as string).codePointAt(0) as number;
    if (last < 0x10ffff) {
      const next = last === 0xd7ff ? 0xe000 : last + 1;
      return { from: prefix, to: points.join('') + String.fromCodePoint(next) };
    }
  }
  return { from: prefix, to: afterAllText };
}
