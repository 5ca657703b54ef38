/**
 * Writes single values into the configuration file. The text is edited, never re-printed, so comments, `${NAME}`
 * and unknown keys stay; a lock file serialises processes; the new text appears by rename.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseConfigText } from '../../core/config-file.ts';
import { TackleError } from '../../core/errors.ts';
import { removeJson5Value, setJson5Value } from '../../core/json5-edit.ts';

export type ConfigEdit =
  | { readonly op: 'set'; readonly path: readonly string[]; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: readonly string[] };

const lockWaitMs = 5_000;
const lockStaleMs = 15_000;

/** Applies all edits or none. `edit` sees the current text's value, so that it can decide inside the lock. */
export async function editConfigFile(
  file: string,
  edit: (current: unknown) => readonly ConfigEdit[] | Promise<readonly ConfigEdit[]>,
): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  const lock = await acquireLock(`${file}.lock`);
  try {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const edits = await edit(parseConfigText(text, file));
    let next = text;
    for (const item of edits) {
      next = item.op === 'set' ? setJson5Value(next, item.path, item.value) : removeJson5Value(next, item.path);
    }
    parseConfigText(next, file);
    if (next !== text) await replaceFile(file, next);
  } finally {
    await lock.release();
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function acquireLock(lockPath: string): Promise<{ release: () => Promise<void> }> {
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      const handle = await open(lockPath, 'wx');
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return { release: () => rm(lockPath, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await isLockStale(lockPath)) {
      await rm(lockPath, { force: true });
      continue;
    }
    if (Date.now() > deadline) {
      throw new TackleError('conflict', `The configuration is locked by another process (${lockPath}); try again.`);
    }
    await delay(20);
  }
}

async function isLockStale(lockPath: string): Promise<boolean> {
  try {
    const [found, text] = await Promise.all([stat(lockPath), readFile(lockPath, 'utf8')]);
    if (Date.now() - found.mtimeMs > lockStaleMs) return true;
    const pid = Number(text.trim());
    if (!Number.isInteger(pid) || pid <= 0) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
