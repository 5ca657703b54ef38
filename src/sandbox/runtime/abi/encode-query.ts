/** Deepest nesting of a filter or update; what is deeper is refused, so that a cycle ends with a clear error. */
const maxDepth = 100;

/**
 * Makes a filter JSON: `RegExp` becomes `{$regex, $options}`, `Date` its ISO string (by toJSON), `undefined` and functions
 * go, as JSON does it. Always a copy, so that the caller may change the original afterwards.
 */
export function encodeQuery(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint')
    throw new TypeError('A query cannot hold a BigInt: convert it to a number or a string');
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) throw new TypeError(`A query is nested deeper than ${maxDepth} levels, or refers to itself`);
  if (value instanceof RegExp) return encodeRegExp(value);
  if (Array.isArray(value)) return value.map((item) => encodeQuery(item, depth + 1) ?? null);
  if (hasToJson(value)) return encodeQuery(value.toJSON(''), depth + 1);
  return encodeObject(value, depth);
}

function encodeObject(value: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    // A RegExp as the operand of $regex keeps the options that stand beside it.
    const encoded =
      key === '$regex' && entry instanceof RegExp ? mergeRegExp(result, value, entry) : encodeQuery(entry, depth + 1);
    if (encoded !== undefined && typeof encoded !== 'function' && typeof encoded !== 'symbol') {
      Object.defineProperty(result, key, { value: encoded, enumerable: true, configurable: true, writable: true });
    }
  }
  return result;
}

function encodeRegExp(expression: RegExp): Record<string, string> {
  return expression.flags === ''
    ? { $regex: expression.source }
    : { $regex: expression.source, $options: expression.flags };
}

function mergeRegExp(result: Record<string, unknown>, beside: object, expression: RegExp): string {
  if (!('$options' in beside) && expression.flags !== '') result.$options = expression.flags;
  return expression.source;
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/** True when a filter holds a regular expression: those are matched outside of the writer, so order needs more care. */
export function hasRegularExpression(encoded: unknown): boolean {
  if (typeof encoded !== 'object' || encoded === null) return false;
  if ('$regex' in encoded) return true;
  return Object.values(encoded).some(hasRegularExpression);
}

/** Updates are JSON, except that `$pull` holds queries. */
export function encodeUpdate(update: object): object {
  if (!('$pull' in update)) return update;
  return { ...update, $pull: encodeQuery(update.$pull) };
}
