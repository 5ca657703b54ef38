import { TackleError } from '../core/errors.ts';
import { isPlainObject } from '../core/json.ts';
import type { BlobHash, BlobStore } from './blob-store.ts';
import { parseFilePath } from './file-path.ts';

/** A file that travels with a deployment. */
export interface Asset {
  readonly path: string;
  readonly hash: BlobHash;
  readonly sizeBytes: number;
}

export type AssetListing =
  | ({ readonly kind: 'file' } & Asset)
  | { readonly kind: 'directory'; readonly path: string; readonly sizeBytes: 0 };

/** What a deployment brought, ready for lookups. */
export interface AssetIndex {
  readonly assets: readonly Asset[];
  readonly totalBytes: number;
  find(path: string): Asset | null;
  /** One level of a directory (its path ends with `/`), or everything below it, in path order. */
  list(directory: string, recursive: boolean): readonly AssetListing[];
}

/**
 * The assets of deployments. A list of assets is a blob itself, named by its hash in the deployment's record, so a version
 * and its assets switch with one row, and the same assets are stored once for all versions.
 */
export interface AssetManifests {
  /** Rejects with `invalid_name`, and with `invalid_request` when a path stands in the list twice or there are too many. */
  save(assets: readonly Asset[]): Promise<BlobHash>;
  /** Null stands for a deployment without assets. */
  load(manifestHash: BlobHash | null): Promise<AssetIndex>;
}

export const maxAssets = 20_000;
/** Lists that are kept in memory: those of the apps in use. */
const keptIndexes = 64;

export function createAssetManifests(blobs: BlobStore): AssetManifests {
  const loaded = new Map<BlobHash, Promise<AssetIndex>>();

  return {
    async save(assets) {
      const checked = checkAssets(assets);
      const { hash } = await blobs.put(JSON.stringify({ format: 1, assets: checked }));
      return hash;
    },
    load(manifestHash) {
      if (manifestHash === null) return emptyIndex;
      const known = loaded.get(manifestHash);
      if (known !== undefined) return known;
      const loading = blobs.readText(manifestHash).then((text) => createIndex(parseManifest(text)));
      loading.catch(() => loaded.delete(manifestHash));
      loaded.set(manifestHash, loading);
      if (loaded.size > keptIndexes) loaded.delete(loaded.keys().next().value as BlobHash);
      return loading;
    },
  };
}

function checkAssets(assets: readonly Asset[]): readonly Asset[] {
  if (assets.length > maxAssets) {
    throw new TackleError('invalid_request', `A deployment may bring ${maxAssets} files, not ${assets.length}`);
  }
  const paths = new Set<string>();
  const checked = assets.map(({ path: given, hash, sizeBytes }) => {
    const path = parseFilePath(given);
    if (paths.has(path)) throw new TackleError('invalid_request', `The file ${path} is listed twice`);
    paths.add(path);
    return { path, hash, sizeBytes };
  });
  return checked.sort((left, right) => (left.path < right.path ? -1 : 1));
}

function parseManifest(text: string): readonly Asset[] {
  const manifest = JSON.parse(text) as unknown;
  if (isPlainObject(manifest) && Array.isArray(manifest.assets)) return manifest.assets as Asset[];
  throw new TackleError('storage_corrupt', 'The list of the files of a deployment cannot be read');
}

function createIndex(assets: readonly Asset[]): AssetIndex {
  const byPath = new Map(assets.map((asset) => [asset.path, asset]));
  return {
    assets,
    totalBytes: assets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    find: (path) => byPath.get(path) ?? null,
    list(directory, recursive) {
      const found: AssetListing[] = [];
      for (const asset of assets) {
        if (!asset.path.startsWith(directory)) continue;
        const slash = recursive ? -1 : asset.path.indexOf('/', directory.length);
        if (slash === -1) found.push({ kind: 'file', ...asset });
        else {
          const path = asset.path.slice(0, slash + 1);
          if (found.at(-1)?.path !== path) found.push({ kind: 'directory', path, sizeBytes: 0 });
        }
      }
      return found;
    },
  };
}

const emptyIndex = Promise.resolve(createIndex([]));
