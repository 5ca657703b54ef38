/** Tells whether a hook's code is still what it was when it was loaded. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CatalogHook } from './catalog.ts';

/** Changes when any file of the hook, or anything in its entry that its thread depends on, changes. */
export async function computeSignature(item: CatalogHook): Promise<string> {
  const files = await fingerprintDirectory(item.hook.baseDir, 0);
  const { env, injectEnv, isolation, memoryMb, maxChildren } = item.entry ?? {};
  const exportName = item.hook.metadata?.exportName;
  return JSON.stringify([
    item.hook.handlerPath,
    exportName,
    item.hook.permissions,
    files,
    env,
    injectEnv,
    isolation,
    memoryMb,
    maxChildren,
  ]);
}

async function fingerprintDirectory(dir: string, depth: number): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const result: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      if (depth < 4) result.push(...(await fingerprintDirectory(file, depth + 1)));
    } else if (/\.(?:[cm]?[jt]s|json|md)$/.test(entry.name)) {
      const found = await stat(file).catch(() => null);
      if (found !== null) result.push(`${file}:${found.mtimeMs}:${found.size}`);
    }
    if (result.length > 500) break;
  }
  return result;
}
