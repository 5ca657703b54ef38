import type { BlobStore } from '../files/blob-store.ts';
import type { LogEntry, Sandbox } from '../ports/sandbox.ts';
import type { AppAssets } from './assets.ts';
import type { DeploymentStore } from './deployment-store.ts';
import type { HostFunctionsFactory } from './host-functions.ts';

/** What this room needs to know of a space. */
export interface SpaceSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly egressCidrs: readonly string[];
}

export interface AppsOptions {
  readonly deployments: DeploymentStore;
  readonly sandbox: Sandbox;
  readonly blobs: BlobStore;
  readonly assets: AppAssets;
  getSettings(spaceId: string): SpaceSettings;
  readonly hostFunctionsFor: HostFunctionsFactory;
  /** Makes a bundle of the official client runnable here. */
  prepareOriginal(bundle: string): Promise<string>;
  /** Rewrites positions in a stack of bundled code to those of the source. */
  mapStack(text: string, sourceMap: string | null): string;
  onLog(spaceId: string, entry: LogEntry): void;
  readonly limits: AppLimits;
  readonly clock: { now(): number };
}

export interface AppLimits {
  readonly memoryMb: number;
  readonly evaluationTimeoutMs: number;
  readonly startupTimeoutMs: number;
  readonly idleStopMs: number;
  readonly drainMs: number;
  readonly maxBundleBytes: number;
  readonly keptVersions: number;
}
