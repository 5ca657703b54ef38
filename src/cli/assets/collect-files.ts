import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';

/** A file on this machine, with its place below the directory that it was found in. */
export interface LocalFile {
  readonly absolutePath: string;
  /** `web/index.html`, with `/` on every system. */
  readonly relativePath: string;
}

export interface CollectFilesOptions {
  readonly directory: string;
  /** True for what stays behind, besides what always does. */
  isExcluded?(relativePath: string): boolean;
}

/** File with glob patterns, one per line, of what is not uploaded. */
const ignoreFileName = '.tackleignore';

/**
 * Every file below a directory, in path order, without what is no business of a server: names that begin with a dot (`.git`,
 * `.env`), `node_modules`, symbolic links, and what `.tackleignore` says.
 */
export async function collectFiles(options: CollectFilesOptions): Promise<readonly LocalFile[]> {
  const isIgnored = await readIgnoreFile(options.directory);
  const isExcluded = (relativePath: string) => isIgnored(relativePath) || options.isExcluded?.(relativePath) === true;
  const found: LocalFile[] = [];

  async function walk(directory: string, prefix: string): Promise<void> {
    const entries = await readdir(directory, { withFileTypes: true });
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const relativePath = prefix + entry.name;
      if (entry.name.startsWith('.') || entry.name === 'node_modules' || isExcluded(relativePath)) continue;
      const absolutePath = path.join(directory, entry.name);
      if (entry.isDirectory()) await walk(absolutePath, `${relativePath}/`);
      else if (entry.isFile()) found.push({ absolutePath, relativePath });
    }
  }

  await walk(options.directory, '').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
    throw new TackleError('not_found', `There is no directory ${options.directory}.`, { cause });
  });
  return found;
}

async function readIgnoreFile(directory: string): Promise<(relativePath: string) => boolean> {
  const text = await readFile(path.join(directory, ignoreFileName), 'utf8').catch(() => '');
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(toGlobs);
  return (relativePath) => patterns.some((pattern) => path.posix.matchesGlob(relativePath, pattern));
}

/** `name` and `name/` mean it anywhere, `/name` and `a/b` from the directory of the file. */
function toGlobs(line: string): readonly string[] {
  const bare = line.replace(/\/+$/, '');
  if (bare.startsWith('/')) return [bare.slice(1)];
  return bare.includes('/') ? [bare] : [bare, `**/${bare}`];
}
