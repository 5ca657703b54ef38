/**
 * Path patterns of app routes (rules of node-match-path 0.6, which codehooks apps were written against): `:name` is one
 * segment (dots allowed), `*` is any characters including `/` and none, a trailing slash is optional, letter case does
 * not matter, the whole path must match, and every other character is literal.
 */
export interface PathPattern {
  /** True when the pattern is a plain path: no parameter, no wildcard, no regular expression. */
  readonly literal: boolean;
  /** The parameters of a match with their values percent-decoded, or null. */
  match(path: string): Record<string, string> | null;
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});

/** Compiles a key of the app manifest: a path pattern, or `{"$regex":"/source/flags"}` for a RegExp. */
export function compilePathPattern(key: string): PathPattern {
  const regex = parseRegexKey(key);
  if (regex !== null) return regexPattern(regex);
  if (!/[:*]/.test(key)) return literalPattern(key);
  return parameterPattern(key);
}

/** The RegExp behind a manifest key, or null when the key is a path. */
export function parseRegexKey(key: string): RegExp | null {
  if (!key.startsWith('{')) return null;
  let text: unknown;
  try {
    text = (JSON.parse(key) as { $regex?: unknown }).$regex;
  } catch {
    return null;
  }
  if (typeof text !== 'string') return null;
  const end = text.lastIndexOf('/');
  try {
    return new RegExp(text.slice(1, end), text.slice(end + 1).replace(/[gy]/g, ''));
  } catch {
    return null;
  }
}

function literalPattern(path: string): PathPattern {
  const wanted = withoutTrailingSlash(path).toLowerCase();
  return {
    literal: true,
    match: (candidate) => (withoutTrailingSlash(candidate).toLowerCase() === wanted ? noParams : null),
  };
}

function parameterPattern(pattern: string): PathPattern {
  const names: string[] = [];
  const source = withoutTrailingSlash(pattern).replace(/:(\w+)|\*+|[^\w\s/]/g, (token, name: string | undefined) => {
    if (name !== undefined) {
      names.push(name);
      return '([^/]+?)';
    }
    return token.startsWith('*') ? '.*' : `\\${token}`;
  });
  const regex = new RegExp(`^${source}/?$`, 'is');
  return {
    literal: false,
    match(path) {
      const found = regex.exec(path);
      if (found === null) return null;
      if (names.length === 0) return noParams;
      const params: Record<string, string> = Object.create(null) as Record<string, string>;
      names.forEach((name, index) => {
        params[name] = decodeSegment(found[index + 1] ?? '');
      });
      return { ...params };
    },
  };
}

function regexPattern(regex: RegExp): PathPattern {
  return {
    literal: false,
    match(path) {
      const found = regex.exec(path);
      if (found === null) return null;
      return found.groups === undefined ? noParams : { ...found.groups };
    },
  };
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Percent-decodes; a malformed escape is kept as it came rather than failing the request. */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
