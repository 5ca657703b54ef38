/** Scans the roots for hook directories and packs. Never throws: what cannot be read becomes a problem. */
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { isPlainObject } from '../../core/json.ts';
import type { DiscoveredHook, DiscoveryProblem, DiscoveryResult, HookRoot } from './discovered-hook.ts';
import { readEntries, readHookDirectory } from './read-hook.ts';
import { isInside, openSafeFile } from './safe-file.ts';

export interface DiscoverOptions {
  readonly trustedSymlinkRoots: readonly string[];
  readonly lenientMetadata: boolean;
}

const maxPackageBytes = 1024 * 1024;
/** Directories read at the same time; more only queue in the thread pool. */
const parallelReads = 16;

export async function discoverHooks(roots: readonly HookRoot[], options: DiscoverOptions): Promise<DiscoveryResult> {
  const hooks: DiscoveredHook[] = [];
  const problems: DiscoveryProblem[] = [];
  const scans = await Promise.all(roots.map((root) => scanRoot(root, options)));
  for (const [index, scan] of scans.entries()) {
    hooks.push(...lintDuplicates(scan.hooks, roots[index]?.dir ?? ''));
    problems.push(...scan.problems);
  }
  return { hooks, problems };
}

/** Reads one directory that must be a hook or a pack, as install and `hooks test` need it. */
export async function discoverDirectory(
  dir: string,
  root: HookRoot,
  options: DiscoverOptions,
): Promise<DiscoveryResult> {
  const boundaryDir = await realpath(dir).catch(() => null);
  if (boundaryDir === null) return { hooks: [], problems: [{ path: dir, message: `Path not found: ${dir}` }] };
  return readCandidate(dir, boundaryDir, root, options);
}

async function scanRoot(root: HookRoot, options: DiscoverOptions): Promise<DiscoveryResult> {
  const rootReal = await realpath(root.dir).catch(() => null);
  if (rootReal === null) return { hooks: [], problems: [] };
  if (root.kind === 'extra') {
    // An extra directory may itself be a pack or a hook, not only a collection of them.
    const self = await readCandidate(root.dir, rootReal, root, options);
    if (self.hooks.length > 0 || self.problems.length > 0) return self;
  }
  const { candidates, problems } = await listCandidates(root.dir, rootReal, options);
  const results: DiscoveryResult[] = [{ hooks: [], problems }];
  for (let start = 0; start < candidates.length; start += parallelReads) {
    const batch = candidates.slice(start, start + parallelReads);
    results.push(...(await Promise.all(batch.map((item) => readCandidate(item.dir, item.real, root, options)))));
  }
  return { hooks: results.flatMap((item) => item.hooks), problems: results.flatMap((item) => item.problems) };
}

interface Candidate {
  readonly dir: string;
  readonly real: string;
}

async function listCandidates(
  dir: string,
  rootReal: string,
  options: DiscoverOptions,
): Promise<{ candidates: readonly Candidate[]; problems: readonly DiscoveryProblem[] }> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const wanted = entries
    .filter((entry) => !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const problems: DiscoveryProblem[] = [];
  const found = await Promise.all(
    wanted.map(async (entry): Promise<Candidate | null> => {
      const child = path.join(dir, entry.name);
      if (!entry.isSymbolicLink()) return { dir: child, real: path.join(rootReal, entry.name) };
      const real = await realpath(child).catch(() => null);
      const isDirectory = real !== null && (await stat(real).catch(() => null))?.isDirectory() === true;
      if (!isDirectory) return null;
      if (await isTrustedLink(real, rootReal, options)) return { dir: child, real };
      // The original is silent here, and its users looked for their hooks in vain.
      if ((await readEntries(real)).has('HOOK.md')) {
        const message = `Ignoring linked hook directory ${child}: it leads to ${real}, outside of ${dir}; hooks.internal.load.trustedSymlinkRoots can allow that place`;
        problems.push({ path: child, message });
      }
      return null;
    }),
  );
  return { candidates: found.filter((item) => item !== null), problems };
}

async function isTrustedLink(real: string, rootReal: string, options: DiscoverOptions): Promise<boolean> {
  if (isInside(rootReal, real)) return true;
  for (const trusted of options.trustedSymlinkRoots) {
    const trustedReal = await realpath(trusted).catch(() => null);
    if (trustedReal !== null && isInside(trustedReal, real)) return true;
  }
  return false;
}

async function readCandidate(
  dir: string,
  real: string,
  root: HookRoot,
  options: DiscoverOptions,
): Promise<DiscoveryResult> {
  const { lenientMetadata } = options;
  const entries = await readEntries(dir);
  const packEntries = entries.has('package.json') ? await readPackEntries(dir, real) : null;
  if (packEntries === null) {
    const result = await readHookDirectory(dir, { root, boundaryDir: real, lenientMetadata, entries });
    if (result.kind === 'hook') return { hooks: [result.hook], problems: [] };
    return { hooks: [], problems: result.kind === 'problem' ? [result.problem] : [] };
  }
  const hooks: DiscoveredHook[] = [];
  const problems: DiscoveryProblem[] = [];
  for (const entry of packEntries) {
    const hookDir = path.resolve(dir, entry);
    const hookReal = await realpath(hookDir).catch(() => null);
    if (!isInside(dir, hookDir) || (hookReal !== null && !isInside(real, hookReal))) {
      const message = `Ignoring out-of-package hook path "${entry}" in ${dir} (must be within package directory)`;
      problems.push({ path: hookDir, message });
      continue;
    }
    const result = await readHookDirectory(hookDir, { root, boundaryDir: real, lenientMetadata });
    if (result.kind === 'hook') hooks.push(result.hook);
    else
      problems.push(
        result.kind === 'problem' ? result.problem : { path: hookDir, message: `HOOK.md missing in ${hookDir}` },
      );
  }
  return { hooks, problems };
}

/** The hook directories that a pack's package.json lists; null when the directory is not a pack. */
async function readPackEntries(dir: string, real: string): Promise<readonly string[] | null> {
  const file = path.join(dir, 'package.json');
  const checked = await openSafeFile(file, real, { maxBytes: maxPackageBytes });
  if (!checked.ok) return null;
  try {
    return listPackEntries(JSON.parse(checked.text));
  } catch {
    return null;
  }
}

/** `openclaw.hooks`, else `clawdbot.hooks`, else `moltbot.hooks`: the first non-empty list. */
export function listPackEntries(manifest: unknown): readonly string[] | null {
  if (!isPlainObject(manifest)) return null;
  for (const namespace of ['openclaw', 'clawdbot', 'moltbot']) {
    const block = manifest[namespace];
    if (!isPlainObject(block) || !Array.isArray(block.hooks) || block.hooks.length === 0) continue;
    const entries = block.hooks.filter((item) => typeof item === 'string' && item.trim() !== '');
    if (entries.length > 0) return entries.map((item: string) => item.trim());
  }
  return null;
}

function lintDuplicates(hooks: readonly DiscoveredHook[], root: string): DiscoveredHook[] {
  const last = new Map(hooks.map((hook) => [hook.name, hook]));
  return hooks.map((hook) => {
    if (last.get(hook.name) === hook) return hook;
    const message = `duplicate name: another hook in ${root} is also called "${hook.name}" and wins.`;
    return { ...hook, lints: [...hook.lints, { code: 'duplicate_name', message }] };
  });
}
