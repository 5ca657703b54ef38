/**
 * Decodes the query of a URL into key → value; a repeated key becomes an array. Operator characters stay in keys
 * (`age>=2` without `=` value is the key `age>` with value `2`), as the REST query language of codehooks apps needs.
 * Works on the raw text: `+` is a space, malformed escapes stay as they came.
 */
export function parseQueryString(text: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  if (text === '') return query;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    addValue(query, key, value);
  }
  return query;
}

function addValue(query: Record<string, string | string[]>, key: string, value: string): void {
  if (!Object.hasOwn(query, key)) {
    // defineProperty so that `__proto__` is a plain key like any other.
    Object.defineProperty(query, key, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  const existing = query[key];
  if (Array.isArray(existing)) existing.push(value);
  else query[key] = [existing as string, value];
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
