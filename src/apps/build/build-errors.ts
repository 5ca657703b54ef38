import { existsSync } from 'node:fs';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { BuildProblem } from './built-app.ts';
import { sdkNames } from './sdk-module.ts';

/** `build_failed` with every problem in the message, one line each: `file:line:column  message`. */
export function createBuildError(problems: readonly BuildProblem[], cause?: unknown): TackleError {
  const lines = problems.map(({ message, file, line, column }) => {
    const place = [file, line, column].filter((part) => part !== null).join(':');
    return place === '' ? message : `${place}  ${message}`;
  });
  return new TackleError('build_failed', lines.join('\n'), { details: { problems }, cause });
}

/** What rolldown says about one problem, as far as it is used here. */
interface BundlerError {
  readonly code?: string;
  readonly message?: string;
  readonly id?: string;
  readonly loc?: { readonly file?: string; readonly line: number; readonly column: number };
  readonly pos?: number;
}

/** Turns whatever the bundler threw into `build_failed`; errors that are ours already pass unchanged. */
export function toBuildError(error: unknown, dir: string): TackleError {
  const ours = findOwnError(error);
  if (ours !== null) return ours;
  const list = isRecord(error) && Array.isArray(error.errors) ? (error.errors as unknown[]) : [error];
  const own = list.map(findOwnError).find((found) => found !== null);
  if (own) return own;
  return createBuildError(
    list.map((item) => describe((isRecord(item) ? item : { message: String(item) }) as BundlerError, dir)),
    error,
  );
}

function findOwnError(error: unknown): TackleError | null {
  for (let current = error; isRecord(current); current = current.cause) {
    if (current instanceof TackleError) return current;
  }
  return null;
}

function describe(error: BundlerError, dir: string): BuildProblem {
  const raw = stripColors(error.message ?? 'The app could not be bundled');
  const fromText = /([^\s[\]()]+\.[a-z]+):(\d+):(\d+)/i.exec(raw);
  const file = error.loc?.file ?? error.id ?? fromText?.[1] ?? null;
  return {
    message: explain(error.code ?? '', raw, dir),
    file: file === null ? null : toRelative(file, dir),
    line: error.loc?.line ?? (fromText === null ? null : Number(fromText[2])),
    // The bundler counts columns from 0 in `loc` and from 1 in its text.
    column: error.loc ? error.loc.column + 1 : fromText === null ? null : Number(fromText[3]),
  };
}

function explain(code: string, message: string, dir: string): string {
  const headline = (message.split('\n').find((line) => line.trim() !== '') ?? message).replace(/^Error:\s*/, '').trim();
  const missing = /"([^"]+)" is not exported by "([^"]+)"/.exec(message);
  if (code === 'MISSING_EXPORT' && missing !== null && /tackle-sdk/.test(missing[2]!)) {
    return `codehooks-js has no export "${missing[1]!}" on this version of Tackle. Most apps need { app, Datastore }`;
  }
  const unresolved = /(?:Could not resolve|Failed to resolve) ['"]([^'"]+)['"]/.exec(message);
  return unresolved === null ? headline : explainMissing(unresolved[1]!, dir);
}

/** What to do about an import that was not found from a file in `directory`. */
export function explainMissing(specifier: string, directory: string): string {
  if (/^[./#]/.test(specifier)) return `There is no module "${specifier}"`;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (specifier !== name && (sdkNames.includes(name) || isInstalled(name, directory))) {
    return `The package "${name}" has no "${specifier}"; import from "${name}" itself what it exports`;
  }
  // Names that are made up for the library; the package `codehooks` is the hosted service's command line.
  if (/^@?codehooks(?:\.io)?(?:\/|$)/.test(name))
    return `There is no package "${name}" to import: the library is "codehooks-js"`;
  return `There is no package "${name}" in node_modules. Add it: npm install ${name}`;
}

function isInstalled(name: string, directory: string): boolean {
  const parent = path.dirname(directory);
  return existsSync(path.join(directory, 'node_modules', name)) || (parent !== directory && isInstalled(name, parent));
}

function toRelative(file: string, dir: string): string {
  if (!path.isAbsolute(file)) return file;
  const relative = path.relative(dir, file);
  return relative === '' ? file : relative;
}

function stripColors(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
