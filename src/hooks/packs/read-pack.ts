/** Checks that a directory is a hook or a hook pack, with the messages of the original. */
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';
import { discoverDirectory, listPackEntries } from '../discovery/discover-hooks.ts';
import type { DiscoveredHook } from '../discovery/discovered-hook.ts';
import { isInside } from '../discovery/safe-file.ts';

export interface HookPack {
  /** Directory name below `<state>/hooks`. */
  readonly id: string;
  readonly isSingleHook: boolean;
  readonly version?: string;
  readonly hooks: readonly DiscoveredHook[];
  readonly dependencies: Readonly<Record<string, string>>;
}

const handlerNames = ['handler.ts', 'handler.js', 'index.ts', 'index.js'];
const extraHandlerNames = ['handler.mjs', 'handler.cjs', 'handler.mts', 'handler.cts'];

function fail(message: string): never {
  throw new TackleError('invalid_request', message);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** An id becomes a directory name, so it must be one. */
export function assertPackId(id: string): string {
  if (id === '' || id === '.' || id === '..' || /[\\/\u0000]/.test(id))
    fail(`invalid hook name: ${id === '' ? '(empty)' : id}`);
  return id;
}

/** Rejects with `invalid_request` and says what is wrong. */
export async function readHookPack(dir: string): Promise<HookPack> {
  if (!(await exists(path.join(dir, 'package.json')))) return readSingleHook(dir);
  const manifest = await readManifest(dir);
  const entries = listPackEntries(manifest);
  if (entries === null) {
    // A hook may keep a package.json only to say which kind of module it is.
    if (await exists(path.join(dir, 'HOOK.md')))
      return { ...(await readSingleHook(dir)), dependencies: readDependencies(manifest) };
    const block = isPlainObject(manifest.openclaw) ? manifest.openclaw : {};
    fail(Array.isArray(block.hooks) ? 'package.json openclaw.hooks is empty' : 'package.json missing openclaw.hooks');
  }
  await checkEntries(dir, entries);
  const hooks = await loadHooks(dir);
  const names = new Set<string>();
  for (const hook of hooks) {
    if (names.has(hook.name)) fail(`two hooks of the pack are called "${hook.name}"`);
    names.add(hook.name);
  }
  const packageName = typeof manifest.name === 'string' ? manifest.name.trim() : '';
  const id = assertPackId(packageName === '' ? path.basename(dir) : packageName.replace(/^@[^/]*\//, ''));
  const version = typeof manifest.version === 'string' ? manifest.version : undefined;
  return { id, isSingleHook: false, version, hooks, dependencies: readDependencies(manifest) };
}

async function readManifest(dir: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path.join(dir, 'package.json'), 'utf8'));
    if (isPlainObject(value)) return value;
    throw new Error('it does not hold an object');
  } catch (error) {
    return fail(`invalid package.json: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readDependencies(manifest: Readonly<Record<string, unknown>>): Record<string, string> {
  const { dependencies } = manifest;
  if (!isPlainObject(dependencies)) return {};
  return Object.fromEntries(
    Object.entries(dependencies).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

async function checkEntries(dir: string, entries: readonly string[]): Promise<void> {
  const root = await realpath(dir);
  for (const entry of entries) {
    const hookDir = path.resolve(dir, entry);
    if (!isInside(path.resolve(dir), hookDir)) fail(`openclaw.hooks entry escapes package directory: ${entry}`);
    const real = await realpath(hookDir).catch(() => null);
    if (real !== null && !isInside(root, real))
      fail(`openclaw.hooks entry resolves outside package directory: ${entry}`);
    await checkHookFiles(hookDir);
  }
}

async function checkHookFiles(dir: string): Promise<void> {
  if (!(await exists(path.join(dir, 'HOOK.md')))) fail(`HOOK.md missing in ${dir}`);
  for (const name of [...handlerNames, ...extraHandlerNames]) if (await exists(path.join(dir, name))) return;
  fail(`${handlerNames.join('/')} missing in ${dir}`);
}

async function loadHooks(dir: string): Promise<readonly DiscoveredHook[]> {
  const found = await discoverDirectory(
    dir,
    { dir, kind: 'managed' },
    { trustedSymlinkRoots: [], lenientMetadata: false },
  );
  const problem = found.problems[0];
  if (problem !== undefined) fail(problem.message);
  return found.hooks;
}

async function readSingleHook(dir: string): Promise<HookPack> {
  await checkHookFiles(dir);
  const hooks = await loadHooks(dir);
  const id = assertPackId(hooks[0]?.name ?? path.basename(dir));
  return { id, isSingleHook: true, hooks, dependencies: {} };
}
