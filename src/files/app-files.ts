import type { FileRow } from '../ports/storage/files.ts';
import type { AssetManifests } from './asset-manifest.ts';
import type { BlobHash } from './blob-store.ts';
import { contentTypeOf, parseDirectoryPath, parseFilePath } from './file-path.ts';
import type { Files } from './files.ts';

/** Whose files: a space, and the version of its app that asks (each version sees the assets that came with it). */
export interface FileOwner {
  readonly spaceId: string;
  readonly assetsHash: BlobHash | null;
  /** When the version was deployed, epoch milliseconds: the time of its assets. */
  readonly createdAt: number;
}

/**
 * `source`: what came with the deployment, and where it has no such path, what an administrator uploaded. `stored`: what
 * was put into the space at run time, by the app or by an administrator. What an app stores never shows up among its
 * source files, because those are what `app.static` makes public.
 */
export type FileStoreName = 'source' | 'stored';

export interface ReadableFile {
  readonly path: string;
  readonly hash: BlobHash;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly modifiedAtMs: number;
  readonly origin: 'deployment' | 'upload' | 'app';
}

export type ReadableEntry =
  | ({ readonly kind: 'file' } & ReadableFile)
  | { readonly kind: 'directory'; readonly path: string; readonly modifiedAtMs: number };

/** Files as an app reads them, from both stores. */
export interface AppFiles {
  find(owner: FileOwner, store: FileStoreName, path: string): Promise<ReadableFile | null>;
  /** True when `find` would resolve with this file again; false when only `find` can tell. */
  isCurrent(owner: FileOwner, file: ReadableFile): boolean;
  /** In path order, at most `limit`. Directories end with `/`. */
  list(
    owner: FileOwner,
    store: FileStoreName,
    directory: string,
    options: { readonly recursive: boolean; readonly limit: number },
  ): Promise<readonly ReadableEntry[]>;
}

export function createAppFiles(files: Files, manifests: AssetManifests): AppFiles {
  async function listAssets(owner: FileOwner, directory: string, recursive: boolean): Promise<ReadableEntry[]> {
    const index = await manifests.load(owner.assetsHash);
    return index
      .list(parseDirectoryPath(directory), recursive)
      .map((entry) =>
        entry.kind === 'file' ? toAssetEntry(owner, entry) : { ...entry, modifiedAtMs: owner.createdAt },
      );
  }

  return {
    async find(owner, store, givenPath) {
      const path = parseFilePath(givenPath);
      if (store === 'stored') return files.find(owner.spaceId, path);
      const asset = (await manifests.load(owner.assetsHash)).find(path);
      if (asset !== null) return toAssetEntry(owner, asset);
      const uploaded = await files.find(owner.spaceId, path);
      return uploaded?.origin === 'upload' ? uploaded : null;
    },

    isCurrent: (owner, file) =>
      // Assets never change within a version.
      file.origin === 'deployment' || files.isCurrent(owner.spaceId, file as FileRow),

    async list(owner, store, directory, { recursive, limit }) {
      const assets = store === 'source' ? await listAssets(owner, directory, recursive) : [];
      const byPath = new Map<string, ReadableEntry>(assets.slice(0, limit).map((entry) => [entry.path, entry]));
      let seen = 0;
      for await (const entry of files.list(owner.spaceId, directory, { recursive })) {
        if (seen >= limit) break;
        if (store === 'source' && entry.kind === 'file' && entry.origin !== 'upload') continue;
        seen += 1;
        if (!byPath.has(entry.path)) byPath.set(entry.path, entry);
      }
      const merged = [...byPath.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
      return merged.slice(0, limit);
    },
  };
}

function toAssetEntry(
  owner: FileOwner,
  { path, hash, sizeBytes }: { path: string; hash: BlobHash; sizeBytes: number },
): { readonly kind: 'file' } & ReadableFile {
  const contentType = contentTypeOf(path);
  return { kind: 'file', path, hash, sizeBytes, contentType, modifiedAtMs: owner.createdAt, origin: 'deployment' };
}
