import { randomUUID } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { AppProcess } from '../ports/sandbox.ts';
import type { AppRunner } from './app-runner.ts';
import type { AppStarter } from './app-starter.ts';
import type { AppsOptions } from './apps-options.ts';
import { deployFailed, evaluationFailed, messageOf, withSourcePosition } from './deploy-errors.ts';
import type { Deployment, DeployUpload } from './deployment.ts';

/** Rejects what must not go live; with `force` only what cannot work at all. */
export type ValidateDeployment = (
  spaceId: string,
  deployment: Deployment,
  options: { readonly force: boolean },
) => void | Promise<void>;

export interface GoLiveOptions extends AppsOptions {
  readonly starter: AppStarter;
  readonly validators: readonly ValidateDeployment[];
  live(spaceId: string): AppRunner | null;
}

/** The ways into service. The switch itself is the caller's: both resolve with a runner whose deployment is stored as live. */
export interface GoLive {
  deploy(spaceId: string, upload: DeployUpload): Promise<AppRunner>;
  /** The runner that serves when that version is live already. */
  rollback(spaceId: string, version: number | null, force: boolean): Promise<AppRunner>;
}

export function createGoLive(options: GoLiveOptions): GoLive {
  const { deployments, assets, starter, blobs, mapStack } = options;

  async function deploy(spaceId: string, upload: DeployUpload): Promise<AppRunner> {
    checkUpload(upload, options.limits.maxBundleBytes);
    const code = upload.kind === 'original' ? await options.prepareOriginal(upload.bundle) : upload.bundle;
    const version = (await deployments.lastVersion(spaceId)) + 1;
    const assetsHash =
      upload.assets === null
        ? (options.live(spaceId)?.deployment.assetsHash ?? null)
        : await assets.accept(spaceId, upload.assets);
    // While the disk writes, the app is evaluated; nothing names the files before both are done.
    const storing = storeUpload(upload, code);
    storing.catch(() => undefined);
    const made = { spaceId, version, createdAt: options.clock.now(), assetsHash };
    const loadSourceMap = () => storing.then(({ sourceMapHash: hash }) => hash && blobs.readText(hash));
    const process = await starter.start(made, code, loadSourceMap).catch((error: unknown) => {
      throw evaluationFailed(error, upload.sourceMap, mapStack);
    });
    const live = await orStop(process, async () => {
      const starting: Deployment = {
        ...made,
        ...(await storing),
        id: randomUUID(),
        kind: upload.kind,
        state: 'starting',
        meta: upload.meta,
        manifest: process.manifest,
        error: null,
      };
      await validate(starting, upload.sourceMap, upload.force === true);
      if (process.manifest.hasStartup) {
        await deployments.put(starting);
        await runStartup(starting, process, upload.sourceMap);
      }
      return deployments.makeLive({ ...starting, state: 'live' });
    });
    return starter.createRunner(live, process);
  }

  async function storeUpload(upload: DeployUpload, code: string) {
    const [bundle, source, sourceMap] = await Promise.all([
      blobs.put(code),
      upload.kind === 'original' ? blobs.put(upload.bundle) : null,
      upload.sourceMap === null ? null : blobs.put(upload.sourceMap),
    ]);
    return {
      bundleHash: bundle.hash,
      bundleBytes: bundle.sizeBytes,
      uploadHash: source?.hash ?? null,
      sourceMapHash: sourceMap?.hash ?? null,
    };
  }

  async function validate(deployment: Deployment, sourceMap: string | null, force: boolean): Promise<void> {
    try {
      for (const check of options.validators) await check(deployment.spaceId, deployment, { force });
    } catch (error) {
      throw withSourcePosition(error, sourceMap, mapStack);
    }
  }

  async function runStartup(deployment: Deployment, process: AppProcess, sourceMap: string | null): Promise<void> {
    try {
      await process.run(
        { kind: 'startup', name: 'hook of app.init()', input: null },
        { timeoutMs: options.limits.startupTimeoutMs, context: { deployment: deployment.id } },
      );
    } catch (error) {
      const message = `Failed execution on deploy: ${messageOf(error)}`;
      await deployments.put({ ...deployment, state: 'failed', error: message });
      const { spaceId } = deployment;
      options.onLog(spaceId, { context: 'deploy', logtype: 'error', log: message, time: options.clock.now() });
      throw deployFailed(message, error, sourceMap, mapStack);
    }
  }

  async function rollback(spaceId: string, version: number | null, force: boolean): Promise<AppRunner> {
    const target = chooseTarget(await deployments.list(spaceId), version);
    const serving = options.live(spaceId);
    if (serving !== null && serving.deployment.version === target.version) return serving;
    if (target.state !== 'retired') {
      throw new TackleError(
        'conflict',
        `Version ${target.version} never went live (${target.state}). Deploy it again.`,
      );
    }
    await validate(target, null, force);
    const process = await starter.startStored(target);
    const live = await orStop(process, () => deployments.makeLive({ ...target, state: 'live' }));
    return starter.createRunner(live, process);
  }

  return { deploy, rollback };
}

/** `versions` newest first; without a `version`, the one before the live one. */
function chooseTarget(versions: readonly Deployment[], version: number | null): Deployment {
  const current = versions.find(({ state }) => state === 'live');
  const isEarlier = (candidate: Deployment) => current === undefined || candidate.version < current.version;
  const target =
    version === null
      ? versions.find((candidate) => candidate.state === 'retired' && isEarlier(candidate))
      : versions.find((candidate) => candidate.version === version);
  if (target !== undefined) return target;
  const kept = versions.map((deployment) => `${deployment.version} (${deployment.state})`).join(', ') || 'none';
  const missing = version === null ? 'no earlier version to go back to' : `no version ${version}`;
  throw new TackleError('not_found', `There is ${missing}. Versions: ${kept}.`);
}

/** A process that does not come into service must not stay behind. */
async function orStop<Result>(process: AppProcess, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    await process.stop(0);
    throw error;
  }
}

function checkUpload(upload: DeployUpload, maxBundleBytes: number): void {
  if (upload.bundle.trim() === '') {
    throw new TackleError('invalid_request', 'The bundle is empty. Send the built JavaScript of the app.');
  }
  if (Buffer.byteLength(upload.bundle) > maxBundleBytes) {
    throw new TackleError('payload_too_large', `The bundle is larger than the limit of ${maxBundleBytes} bytes.`);
  }
}
