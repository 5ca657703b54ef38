import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findInCache, putIntoCache } from './cache.ts';

/** Names under which apps import the library; ours stands in for all of them. */
export const sdkNames: readonly string[] = ['codehooks-js', 'tackle-sdk'];

const inRepository = fileURLToPath(new URL('../../../packages/sdk/src/index.ts', import.meta.url));

/** The sources in a checkout, else the installed package. */
function findSdkEntry(): string {
  return existsSync(inRepository) ? inRepository : createRequire(import.meta.url).resolve('tackle-sdk');
}

const prepared = new Map<string, Promise<string>>();

/**
 * Our own library as one module, made once and kept in the cache: to bundle its fifty files again for each app was most of the
 * time of a small build (37 of 43 ms). Answers the path of the file.
 */
export function prepareSdk(cacheDir: string): Promise<string> {
  let sdk = prepared.get(cacheDir);
  if (sdk === undefined) {
    sdk = createSdkModule(cacheDir);
    prepared.set(cacheDir, sdk);
    sdk.catch(() => prepared.delete(cacheDir));
  }
  return sdk;
}

async function createSdkModule(cacheDir: string): Promise<string> {
  const entry = findSdkEntry();
  const name = `tackle-sdk-${await describeSources(path.dirname(entry))}.js`;
  const cached = await findInCache(cacheDir, name);
  return cached?.file ?? putIntoCache(cacheDir, name, await bundleSdk(entry));
}

/** Changes whenever a source does: names, lengths and times are enough, and cost less than reading them. */
async function describeSources(directory: string): Promise<string> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => /\.[jt]s$/.test(name)).sort();
  const stats = await Promise.all(names.map((name) => stat(path.join(directory, name))));
  const hash = createHash('sha256');
  names.forEach((name, index) => {
    hash.update(`${name} ${stats[index]!.size} ${stats[index]!.mtimeMs}\n`);
  });
  return hash.digest('hex').slice(0, 16);
}

async function bundleSdk(entry: string): Promise<string> {
  const { rolldown } = await import('rolldown');
  await using bundle = await rolldown({ input: entry, cwd: path.dirname(entry), platform: 'neutral', onLog() {} });
  const { output } = await bundle.generate({
    format: 'esm',
    codeSplitting: false,
    // Names stay, for stacks; comments and unused code go.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
  });
  return output[0].code;
}
