import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface GitInfo {
  readonly hash: string;
  /** Null when no branch is checked out. */
  readonly branch: string | null;
}

/** The commit that a directory is at, read from .git itself: asking `git` would take longer than the deployment. */
export function readGitInfo(directory: string): GitInfo | null {
  const gitDirectory = findGitDirectory(directory);
  if (gitDirectory === null) return null;
  const head = readText(join(gitDirectory, 'HEAD'));
  if (head === null) return null;
  if (!head.startsWith('ref: ')) return { hash: head, branch: null };
  const ref = head.slice('ref: '.length);
  const hash = resolveRef(gitDirectory, ref);
  return hash === null ? null : { hash, branch: ref.replace(/^refs\/heads\//, '') };
}

function findGitDirectory(start: string): string | null {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    const path = join(directory, '.git');
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) return path;
    // A worktree or submodule: the file names the directory.
    if (found?.isFile()) return resolve(directory, (readText(path) ?? '').replace(/^gitdir: /, ''));
    if (dirname(directory) === directory) return null;
  }
}

function resolveRef(gitDirectory: string, ref: string): string | null {
  const common = resolve(gitDirectory, readText(join(gitDirectory, 'commondir')) ?? '.');
  const loose = readText(join(gitDirectory, ref)) ?? readText(join(common, ref));
  if (loose !== null) return loose;
  const packed = readText(join(common, 'packed-refs')) ?? '';
  const line = packed.split('\n').find((candidate) => candidate.endsWith(` ${ref}`));
  return line?.split(' ')[0] ?? null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Not there, or not readable: then there is nothing to tell about the commit, which is no reason not to deploy.
    return null;
  }
}
