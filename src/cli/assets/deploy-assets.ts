import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { BuiltApp } from '../../apps/build/index.ts';
import { eachInParallel } from '../../core/each-in-parallel.ts';
import { apiPath } from '../api-client.ts';
import type { SpaceConnection } from '../connection.ts';
import { collectFiles, type LocalFile } from './collect-files.ts';

export interface AssetRef {
  readonly path: string;
  readonly hash: string;
}

/** Uploads at the same time: enough to keep a connection busy that is far away. */
const parallelUploads = 4;
/** Files about a project that no app reads. */
const projectFiles: ReadonlySet<string> = new Set([
  'config.json',
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'tsconfig.json',
]);
/** What is imported as text may be served as well; all other files of the bundle are code. */
const textExtensions: ReadonlySet<string> = new Set(['.txt', '.html', '.htm', '.css', '.hbs']);

/**
 * The files of an app's directory that travel with a deployment. Code that is in the bundle stays behind: where an app
 * serves its whole directory, nobody must be able to read its source.
 */
export async function collectAssets(directory: string, app: BuiltApp): Promise<readonly LocalFile[]> {
  const { sources } = JSON.parse(app.sourceMap) as { sources: readonly string[] };
  const code = new Set(sources.filter((source) => !textExtensions.has(path.extname(source))).map(toPosix));
  return collectFiles({
    directory,
    isExcluded: (relativePath) => code.has(relativePath) || projectFiles.has(relativePath),
  });
}

/** Uploads those that the gateway does not have. Resolves with the list for the deployment. */
export async function uploadAssets(
  { api, path: spacePath }: SpaceConnection,
  files: readonly LocalFile[],
  onProgress: (done: number, total: number) => void,
): Promise<readonly AssetRef[]> {
  const byHash = new Map<string, LocalFile>();
  const assets: AssetRef[] = [];
  for (const file of files) {
    const hash = await hashFile(file.absolutePath);
    byHash.set(hash, file);
    assets.push({ path: `/${file.relativePath}`, hash });
  }
  if (assets.length === 0) return assets;
  const body = { hashes: [...byHash.keys()] };
  const request = { method: 'POST', path: `${spacePath}/assets/missing`, body } as const;
  const { missing } = await api.send<{ missing: readonly string[] }>(request);
  let done = 0;
  await eachInParallel(missing, parallelUploads, async (hash) => {
    const { absolutePath } = byHash.get(hash) as LocalFile;
    const stream = { contentType: 'application/octet-stream', chunks: createReadStream(absolutePath) };
    await api.send({ method: 'PUT', path: `${spacePath}${apiPath`/assets/${hash}`}`, stream });
    done += 1;
    onProgress(done, missing.length);
  });
  return assets;
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function toPosix(file: string): string {
  return path.sep === '/' ? file : file.replaceAll(path.sep, '/');
}
