import { type CompiledRegex, compileRegex } from '../query/regex/compile-regex.ts';
import { parseRegexKey } from './regex-key.ts';

/**
 * Path patterns of app routes (rules of node-match-path 0.6, which codehooks apps were written against): `:name` is one
 * segment (dots allowed), `*` is any characters including `/` and none, a trailing slash is optional, letter case does
 * not matter, the whole path must match, and every other character is literal.
 */
export interface PathPattern {
  /** True when the pattern is a plain path: no parameter, no wildcard, no regular expression. */
  readonly literal: boolean;
  /** The parameters of a match with their values percent-decoded (none for regular expressions), or null. */
  match(path: string): Record<string, string> | null;
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});

/** Backtracking steps that one path may cost; a longer path does not match a pattern with that many wildcards. */
const maxSteps = 5_000_000;

/** Compiles a key of the app manifest: a path pattern, or `{"$regex":"/source/flags"}` for a RegExp. */
export function compilePathPattern(key: string): PathPattern {
  const regex = parseRegexKey(key);
  if (regex !== null) return regexPattern(regex);
  if (!/[:*]/.test(key)) return literalPattern(key);
  return parameterPattern(key);
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
  const loops = countLoops(pattern);
  return {
    literal: false,
    match(path) {
      if (loops > 1 && (path.length + 1) ** loops > maxSteps) return null;
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

/** How many parts of a pattern can compete for the same characters: stars, and parameters that share a segment. */
function countLoops(pattern: string): number {
  const stars = pattern.match(/\*+/g)?.length ?? 0;
  const perSegment = pattern.split('/').map((segment) => segment.match(/:\w+/g)?.length ?? 0);
  return stars + Math.max(...perSegment);
}

/** Answers of an expression that are remembered: the same files and pages are asked for again and again. */
const rememberedPaths = 512;
const rememberedLength = 256;

/**
 * The regular expression is the app's and runs in the gateway, so its time is bounded; what takes too long does not
 * match. Named groups become parameters inside the app's own process.
 */
function regexPattern(regex: RegExp): PathPattern {
  let bounded: CompiledRegex | null = null;
  const remembered = new Map<string, boolean>();
  const test = (path: string): boolean => {
    try {
      bounded ??= compileRegex(regex.source, regex.flags, { maxSteps });
      return bounded.test(path);
    } catch {
      return false;
    }
  };
  return {
    literal: false,
    match(path) {
      let matches = remembered.get(path);
      if (matches === undefined) {
        matches = test(path);
        if (remembered.size >= rememberedPaths) remembered.clear();
        if (path.length <= rememberedLength) remembered.set(path, matches);
      }
      return matches ? noParams : null;
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
