import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `scripts/build-runtime.mjs` leaves what every installation needs, when dependencies are installed. */
export const prebuiltDirectory = fileURLToPath(new URL('../../../node_modules/.cache/tackle/', import.meta.url));

/** Path and content of a file made before, by the installation or in the cache; null when it has to be made. */
export async function findInCache(cacheDir: string, name: string): Promise<{ file: string; text: string } | null> {
  for (const directory of [prebuiltDirectory, cacheDir]) {
    const file = path.join(directory, name);
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) return { file, text };
  }
  return null;
}

/** Whole or not at all, also when several processes write the same. Answers the path. */
export async function putIntoCache(cacheDir: string, name: string, text: string): Promise<string> {
  const file = path.join(cacheDir, name);
  await mkdir(cacheDir, { recursive: true });
  const partial = `${file}.${process.pid}.${performance.now()}.partial`;
  await writeFile(partial, text);
  await rename(partial, file);
  return file;
}
