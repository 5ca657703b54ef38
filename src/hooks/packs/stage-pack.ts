/** Puts a pack into `<state>/hooks` in one step: built aside, renamed into place, the old one kept until then. */
import { cp, lstat, mkdir, mkdtemp, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { isInside } from '../discovery/safe-file.ts';
import type { NpmClient } from './npm-client.ts';
import { type HookPack, readHookPack } from './read-pack.ts';

const stagePrefix = '.openclaw-install-stage-';
const backupPrefix = '.openclaw-install-backup-';
const staleStageMs = 60 * 60 * 1_000;

export interface StageOptions {
  readonly hooksDir: string;
  readonly pack: HookPack;
  /** Directory that holds the pack now. */
  readonly sourceDir: string;
  readonly npm: NpmClient;
  readonly replace: boolean;
  readonly onProgress: (line: string) => void;
}

/** Returns the directory of the installed pack; on any failure everything is as before. */
export async function stagePack(options: StageOptions): Promise<string> {
  const { hooksDir, pack, sourceDir } = options;
  await mkdir(hooksDir, { recursive: true });
  await recoverInstalls(hooksDir);
  const target = path.join(hooksDir, pack.id);
  if (!options.replace && (await exists(target))) {
    const message = pack.isSingleHook ? `hook already exists: ${target}` : `hook pack already exists: ${target}`;
    throw new TackleError('conflict', `${message} (delete it first)`);
  }
  options.onProgress(`Installing to ${target}…`);
  const stage = await mkdtemp(path.join(hooksDir, stagePrefix));
  try {
    const copy = path.join(stage, 'pack');
    await cp(sourceDir, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => path.basename(file) !== '.git',
    });
    await refuseEscapingLinks(copy);
    await installDependencies(copy, options);
    await readHookPack(copy);
    await swap(copy, target, path.join(hooksDir, `${backupPrefix}${pack.id}`));
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  return target;
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

async function swap(from: string, target: string, backup: string): Promise<void> {
  const hadOld = await exists(target);
  if (hadOld) {
    await rm(backup, { recursive: true, force: true });
    await rename(target, backup);
  }
  try {
    await rename(from, target);
  } catch (error) {
    if (hadOld) await rename(backup, target);
    throw error;
  }
  if (hadOld) await rm(backup, { recursive: true, force: true });
}

/** Finishes what an interrupted install left: an old tree without a new one comes back, stale stages go. */
export async function recoverInstalls(hooksDir: string): Promise<void> {
  for (const name of await readdir(hooksDir).catch(() => [])) {
    const file = path.join(hooksDir, name);
    if (name.startsWith(backupPrefix)) {
      const target = path.join(hooksDir, name.slice(backupPrefix.length));
      if (await exists(target)) await rm(file, { recursive: true, force: true });
      else await rename(file, target);
    } else if (name.startsWith(stagePrefix)) {
      const found = await stat(file).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs > staleStageMs) await rm(file, { recursive: true, force: true });
    }
  }
}

async function refuseEscapingLinks(dir: string): Promise<void> {
  const root = await realpath(dir);
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    if (!entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const real = await realpath(file).catch(() => null);
    if (real !== null && isInside(root, real)) continue;
    throw new TackleError('invalid_request', `The pack holds a link that leads outside: ${path.relative(dir, file)}`);
  }
}

async function installDependencies(dir: string, options: StageOptions): Promise<void> {
  const names = Object.keys(options.pack.dependencies);
  if (names.length === 0) return;
  const present = await Promise.all(names.map((name) => exists(path.join(dir, 'node_modules', name, 'package.json'))));
  if (present.every(Boolean)) return;
  options.onProgress('Installing hook pack dependencies…');
  await options.npm.installDependencies(dir);
}
