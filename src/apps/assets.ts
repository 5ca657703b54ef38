import { eachInParallel } from '../core/each-in-parallel.ts';
import { TackleError } from '../core/errors.ts';
import { type Asset, type AssetManifests, maxAssets } from '../files/asset-manifest.ts';
import type { BlobHash, BlobStore, StoredBlob } from '../files/blob-store.ts';
import type { Files } from '../files/files.ts';
import { type AssetRef, type Deployment, listBlobsOf } from './deployment.ts';
import type { DeploymentStore } from './deployment-store.ts';

/**
 * Files that travel with deployments. A client names all of them by hash, uploads only those that the space does not have,
 * and deploys with the list. What another space has stored counts as missing: knowing a hash must not give access.
 */
export interface AppAssets {
  /** Which of the hashes must be uploaded. The others are kept for at least a day from now on. */
  findMissing(spaceId: string, hashes: readonly BlobHash[]): Promise<readonly BlobHash[]>;
  /** Rejects with `invalid_request` when the bytes have another hash. */
  put(spaceId: string, hash: BlobHash, source: AsyncIterable<Uint8Array>): Promise<StoredBlob>;
  /** The name of the list for a deployment; null for an empty one. Rejects with `invalid_request` when bytes are missing. */
  accept(spaceId: string, assets: readonly AssetRef[]): Promise<BlobHash | null>;
  /** To be called after a deployment was forgotten: its blobs are kept for a day more. */
  release(deployment: Deployment): Promise<void>;
  /** Every blob that some deployment names. */
  listReferenced(): AsyncIterable<BlobHash>;
}

export interface AppAssetsOptions {
  readonly deployments: DeploymentStore;
  readonly manifests: AssetManifests;
  readonly blobs: BlobStore;
  readonly files: Files;
  readonly maxFileBytes: number;
  readonly clock: { now(): number };
}

/** How long an uploaded file waits for the deployment that it belongs to. */
const uploadLifetimeMs = 3_600_000;
const maxPendingUploads = 100_000;
/** Enough to keep the threads busy that wait for the disk, with room left for everybody else. */
const parallelFiles = 16;

export function createAppAssets(options: AppAssetsOptions): AppAssets {
  const { deployments, manifests, blobs, files, clock } = options;
  const uploaded = new PendingUploads(clock);

  /** Blobs among `hashes` that the space has, with their sizes. */
  async function findKnown(spaceId: string, hashes: ReadonlySet<BlobHash>): Promise<Map<BlobHash, number>> {
    const known = new Set(await files.findReferenced(spaceId, [...hashes]));
    for (const hash of hashes) if (uploaded.has(spaceId, hash)) known.add(hash);
    const lists = new Set((await deployments.list(spaceId)).map(({ assetsHash }) => assetsHash));
    for (const list of lists) {
      for (const { hash } of (await manifests.load(list)).assets) if (hashes.has(hash)) known.add(hash);
    }
    const sizes = new Map<BlobHash, number>();
    await eachInParallel(known, parallelFiles, async (hash) => {
      await blobs.touch(hash);
      const size = await blobs.sizeOf(hash);
      if (size !== null) sizes.set(hash, size);
    });
    return sizes;
  }

  return {
    async findMissing(spaceId, hashes) {
      const asked = new Set(hashes);
      const known = await findKnown(spaceId, asked);
      return [...asked].filter((hash) => !known.has(hash));
    },

    async put(spaceId, hash, source) {
      const upload = await blobs.startUpload({ maxBytes: options.maxFileBytes });
      try {
        for await (const chunk of source) await upload.append(chunk);
        const stored = await upload.commit(hash);
        uploaded.add(spaceId, hash);
        return stored;
      } catch (error) {
        await upload.abort();
        throw error;
      }
    },

    async accept(spaceId, assets) {
      if (assets.length === 0) return null;
      if (assets.length > maxAssets) {
        throw new TackleError('invalid_request', `A deployment may bring ${maxAssets} files, not ${assets.length}.`);
      }
      const known = await findKnown(spaceId, new Set(assets.map(({ hash }) => hash)));
      const sized = assets.map(({ path, hash }): Asset => {
        const sizeBytes = known.get(hash);
        if (sizeBytes !== undefined) return { path, hash, sizeBytes };
        throw new TackleError('invalid_request', `The bytes of ${path} (${hash}) were not uploaded.`);
      });
      await files.checkQuota(
        spaceId,
        sized.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      );
      return manifests.save(sized);
    },

    async release(deployment) {
      const { assets } = await manifests.load(deployment.assetsHash).catch(() => ({ assets: [] }));
      const hashes = [...listBlobsOf(deployment), ...assets.map((asset) => asset.hash)];
      await eachInParallel(hashes, parallelFiles, (hash) => blobs.touch(hash));
    },

    async *listReferenced() {
      const lists = new Set<BlobHash>();
      for await (const deployment of deployments.listAll()) {
        yield* listBlobsOf(deployment);
        if (deployment.assetsHash !== null) lists.add(deployment.assetsHash);
      }
      for (const list of lists) yield* (await manifests.load(list)).assets.map(({ hash }) => hash);
    },
  };
}

/** Who uploaded what lately; the oldest is forgotten first. A client that comes too late uploads again. */
class PendingUploads {
  readonly #expiries = new Map<string, number>();
  readonly #clock: { now(): number };

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  add(spaceId: string, hash: BlobHash): void {
    const key = `${spaceId}/${hash}`;
    this.#expiries.delete(key);
    this.#expiries.set(key, this.#clock.now() + uploadLifetimeMs);
    if (this.#expiries.size > maxPendingUploads) this.#expiries.delete(this.#expiries.keys().next().value as string);
  }

  has(spaceId: string, hash: BlobHash): boolean {
    return (this.#expiries.get(`${spaceId}/${hash}`) ?? 0) > this.#clock.now();
  }
}
