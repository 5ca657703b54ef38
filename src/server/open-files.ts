import { join } from 'node:path';
import { type AppAssets, createAppAssets } from '../apps/assets.ts';
import { createDeploymentStore, type DeploymentStore } from '../apps/deployment-store.ts';
import { type AppFiles, createAppFiles } from '../files/app-files.ts';
import { type AppUploads, createAppUploads } from '../files/app-uploads.ts';
import { createAssetManifests } from '../files/asset-manifest.ts';
import { type BlobStore, openBlobStore } from '../files/blob-store.ts';
import { type Collected, startCollecting } from '../files/collect-blobs.ts';
import { createFiles, type Files } from '../files/files.ts';
import type { Storage } from '../ports/storage.ts';

export interface OpenFilesOptions {
  readonly home: string;
  readonly storage: Storage;
  getMaxBytes(spaceId: string): number | null;
  readonly maxFileBytes: number;
  onCollected(collected: Collected): void;
  onCollectError(error: unknown): void;
}

/** Everything about blobs: who names them, who reads them, and who removes those that nobody names. */
export interface FileRooms extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly files: Files;
  readonly appFiles: AppFiles;
  readonly uploads: AppUploads;
  readonly deployments: DeploymentStore;
  readonly assets: AppAssets;
}

export async function openFiles(options: OpenFilesOptions): Promise<FileRooms> {
  const { storage, maxFileBytes } = options;
  const clock = Date;
  const blobs = await openBlobStore(join(options.home, 'blobs'));
  const manifests = createAssetManifests(blobs);
  const deployments = createDeploymentStore(storage);
  const files = createFiles({ storage, blobs, getMaxBytes: options.getMaxBytes, maxFileBytes, clock });
  const assets = createAppAssets({ deployments, manifests, blobs, files, maxFileBytes, clock });
  const uploads = createAppUploads();
  const collection = startCollecting({
    storage,
    blobs,
    listReferenced: () => assets.listReferenced(),
    clock,
    onDone: options.onCollected,
    onError: options.onCollectError,
  });
  return {
    blobs,
    files,
    appFiles: createAppFiles(files, manifests),
    uploads,
    deployments,
    assets,
    async [Symbol.asyncDispose]() {
      await collection.stop();
      await uploads.stop();
    },
  };
}
