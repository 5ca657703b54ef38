/**
 * JSON5 configuration with `$include` and `${NAME}`, as OpenClaw reads it.
 * File access and the environment are the caller's; nothing here touches the disk or `process`.
 */
import JSON5 from 'json5';
import { TackleError } from './errors.ts';
import { isPlainObject } from './json.ts';

export interface ConfigFileReader {
  /**
   * Text of a file. `root` is the directory that the real path must stay under; an implementation refuses links out
   * of it, hard-linked files and files over 2 MiB by throwing.
   */
  readonly read: (path: string, root: string) => string;
  readonly resolve: (base: string, relative: string) => string;
  readonly dirname: (path: string) => string;
}

export interface ResolveConfigOptions {
  readonly path: string;
  readonly text: string;
  readonly reader: ConfigFileReader;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `warn` keeps the text `${NAME}` of an unset variable and reports it; `error` throws `invalid_config`. */
  readonly onMissingEnv: 'error' | 'warn';
}

export interface ResolvedConfig {
  readonly config: Record<string, unknown>;
  readonly warnings: readonly string[];
}

const maxIncludeDepth = 10;
const forbiddenKeys = new Set(['__proto__', 'prototype', 'constructor']);

/** Parses, includes and substitutes. Throws `invalid_config` with the file and the place. */
export function resolveConfigText(options: ResolveConfigOptions): ResolvedConfig {
  const root = options.reader.dirname(options.path);
  const parsed = parseConfigText(options.text, options.path);
  const included = resolveIncludes(parsed, options.path, { root, reader: options.reader, chain: [options.path] });
  if (!isPlainObject(included)) {
    throw new TackleError('invalid_config', `${options.path} must hold an object at the top.`);
  }
  const warnings: string[] = [];
  const config = substituteEnv(included, options, warnings) as Record<string, unknown>;
  return { config, warnings };
}

/** JSON5 to a value without dangerous keys; an empty text is an empty object. */
export function parseConfigText(text: string, path: string): unknown {
  if (text.trim() === '') return {};
  try {
    return dropForbiddenKeys(JSON5.parse(text.replace(/^\uFEFF/, '')));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new TackleError('invalid_config', `${path} is not valid JSON5: ${message}`, { cause: error });
  }
}

function dropForbiddenKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropForbiddenKeys);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (!forbiddenKeys.has(key)) result[key] = dropForbiddenKeys((value as Record<string, unknown>)[key]);
  }
  return result;
}

interface IncludeContext {
  readonly root: string;
  readonly reader: ConfigFileReader;
  readonly chain: readonly string[];
}

function resolveIncludes(value: unknown, path: string, context: IncludeContext): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveIncludes(item, path, context));
  if (!isPlainObject(value)) return value;
  const { $include, ...own } = value;
  const siblings: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(own)) siblings[key] = resolveIncludes(item, path, context);
  if ($include === undefined) return siblings;
  const names = typeof $include === 'string' ? [$include] : $include;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new TackleError('invalid_config', `$include in ${path} must be a file name or a list of file names.`);
  }
  let merged: unknown = {};
  for (const name of names) merged = mergeConfig(merged, readInclude(name, path, context));
  return Object.keys(siblings).length === 0 ? merged : mergeConfig(merged, siblings);
}

function readInclude(name: string, path: string, context: IncludeContext): unknown {
  const { reader, chain, root } = context;
  const target = reader.resolve(reader.dirname(path), name);
  if (chain.includes(target)) {
    throw new TackleError('invalid_config', `$include goes round in a circle: ${[...chain, target].join(' -> ')}`);
  }
  if (chain.length > maxIncludeDepth) {
    throw new TackleError('invalid_config', `$include is nested deeper than ${maxIncludeDepth} files at ${target}.`);
  }
  let text: string;
  try {
    text = reader.read(target, root);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new TackleError('invalid_config', `$include "${name}" in ${path} cannot be read: ${message}`, {
      cause: error,
    });
  }
  return resolveIncludes(parseConfigText(text, target), target, { ...context, chain: [...chain, target] });
}

/** Objects merge deeply, arrays are joined, anything else is replaced by the later value. */
export function mergeConfig(earlier: unknown, later: unknown): unknown {
  if (Array.isArray(earlier) && Array.isArray(later)) return [...earlier, ...later];
  if (!isPlainObject(earlier) || !isPlainObject(later)) return later;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    if (forbiddenKeys.has(key)) continue;
    merged[key] = Object.hasOwn(merged, key) ? mergeConfig(merged[key], value) : value;
  }
  return merged;
}

const envReference = /\$?\$\{([A-Z_][A-Z0-9_]*)\}/g;

function substituteEnv(value: unknown, options: ResolveConfigOptions, warnings: string[], at = ''): unknown {
  if (typeof value === 'string') return substituteText(value, options, warnings, at);
  if (Array.isArray(value))
    return value.map((item, index) => substituteEnv(item, options, warnings, `${at}[${index}]`));
  if (!isPlainObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    result[key] = substituteEnv(item, options, warnings, at === '' ? key : `${at}.${key}`);
  }
  return result;
}

function substituteText(text: string, options: ResolveConfigOptions, warnings: string[], at: string): string {
  return text.replaceAll(envReference, (reference, name: string) => {
    if (reference.startsWith('$$')) return reference.slice(1);
    const found = options.env[name];
    if (found !== undefined && found !== '') return found;
    const message = `The environment variable ${name}, used at ${at} in ${options.path}, is not set.`;
    if (options.onMissingEnv === 'error') throw new TackleError('invalid_config', message);
    warnings.push(message);
    return reference;
  });
}
