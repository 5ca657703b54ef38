import type { Path } from '../../core/query/filter.ts';
import { encodeStoredText } from '../../core/query/stored-text.ts';

/** A path of object keys as SQL literal of a JSON path, or null when a segment cannot be written in one. */
export function jsonPath(path: Path): string | null {
  const labels = path.map((segment) => encodeStoredText(segment));
  if (labels.some((label) => unwritable.test(label))) return null;
  return `'$${labels.map((label) => `."${label.replaceAll("'", "''")}"`).join('')}'`;
}

// These stand escaped in the body's text, and SQLite compares a path with that text.
const unwritable = /["\\\u0000-\u001f]/;
