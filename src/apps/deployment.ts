import type { JsonObject } from '../core/json.ts';
import type { AppManifest } from '../ports/sandbox.ts';

/**
 * One version of a space's app.
 * - `starting`: stored, its startup hook has not finished. A crash leaves it so; it never becomes live by itself.
 * - `live`: serves requests. At most one per space.
 * - `retired`: was live; kept for rollback.
 * - `failed`: its startup hook threw; `error` says why.
 */
export type DeploymentState = 'starting' | 'live' | 'retired' | 'failed';

/** Built by our bundler, or a bundle of the official client that contains the original library. */
export type BundleKind = 'tackle' | 'original';

export interface Deployment {
  readonly id: string;
  readonly spaceId: string;
  /** 1, 2, 3 … per space. */
  readonly version: number;
  readonly kind: BundleKind;
  readonly state: DeploymentState;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Who deployed what from where: git hash, branch, user, as the client said. */
  readonly meta: JsonObject;
  readonly manifest: AppManifest;
  /** What runs. */
  readonly bundleHash: string;
  /** What was uploaded, when that differs from what runs. */
  readonly uploadHash: string | null;
  readonly sourceMapHash: string | null;
  /** Names the list of files that travel with it (`files/asset-manifest.ts`); null when there are none. */
  readonly assetsHash: string | null;
  readonly bundleBytes: number;
  readonly error: string | null;
}

export interface DeployUpload {
  readonly bundle: string;
  readonly kind: BundleKind;
  readonly sourceMap: string | null;
  /** Files that travel along; their bytes are in the store already. Null keeps those of the live version. */
  readonly assets: readonly AssetRef[] | null;
  readonly meta: JsonObject;
  /** Go live even when work under way cannot go on with it; that is kept, parked. */
  readonly force?: boolean;
}

/** A file of an app: where it lies in the app's directory (`/web/index.html`), and the SHA-256 of its bytes. */
export interface AssetRef {
  readonly path: string;
  readonly hash: string;
}

/** The version of an app that a process runs, for whoever answers its calls. */
export type AppVersion = Pick<Deployment, 'spaceId' | 'version' | 'assetsHash' | 'createdAt'>;

/** Every blob that the record names; the list of assets names more. */
export function listBlobsOf(deployment: Deployment): readonly string[] {
  const { bundleHash, uploadHash, sourceMapHash, assetsHash } = deployment;
  return [bundleHash, uploadHash, sourceMapHash, assetsHash].filter((hash) => hash !== null);
}
