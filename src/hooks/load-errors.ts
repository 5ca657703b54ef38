/**
 * Which hooks could not be loaded, remembered by the engine that tried, so that a listing can tell without running
 * anybody's code. A note counts as long as the hook's files are the same.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isPlainObject } from '../core/json.ts';
import type { CatalogHook } from './catalog.ts';
import { computeSignature } from './hook-signature.ts';

export interface LoadError {
  readonly message: string;
  readonly signature: string;
}

function getFile(tackleHome: string): string {
  return path.join(tackleHome, 'hooks-load-errors.json');
}

/** Replaces what was remembered; without errors there is no file. */
export async function saveLoadErrors(tackleHome: string, errors: ReadonlyMap<string, LoadError>): Promise<void> {
  const file = getFile(tackleHome);
  if (errors.size === 0) {
    await rm(file, { force: true });
    return;
  }
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify(Object.fromEntries(errors)), { mode: 0o600 });
  await rename(temporary, file);
}

/** Hook id to message; hooks that changed since are left out. */
export async function readLoadErrors(
  tackleHome: string,
  hooks: readonly CatalogHook[],
): Promise<ReadonlyMap<string, string>> {
  const notes = await readNotes(getFile(tackleHome));
  const found = new Map<string, string>();
  for (const item of hooks) {
    const note = notes[item.hook.id];
    if (!item.loadable || !isPlainObject(note) || typeof note.message !== 'string') continue;
    if (note.signature === (await computeSignature(item))) found.set(item.hook.id, note.message);
  }
  return found;
}

async function readNotes(file: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isPlainObject(value) ? value : {};
  } catch {
    // No note, or one that was damaged: the next engine writes it anew.
    return {};
  }
}
