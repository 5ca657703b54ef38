import { randomUUID } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { BlobStore } from '../files/blob-store.ts';
import type { AppProcess, AppTask, AppTaskResult, InvokeOptions, LogEntry, Sandbox } from '../ports/sandbox.ts';
import { AppRunner } from './app-runner.ts';
import type { AppAssets } from './assets.ts';
import type { AppVersion, Deployment, DeployUpload } from './deployment.ts';
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

/** Rejects what must not go live; with `force` only what cannot work at all. */
export type ValidateDeployment = (
  spaceId: string,
  deployment: Deployment,
  options: { readonly force: boolean },
) => void | Promise<void>;

export interface Apps extends AsyncDisposable {
  /** Builds nothing: evaluates the bundle, runs its startup hook, then switches. The old version serves until then. */
  deploy(spaceId: string, upload: DeployUpload): Promise<Deployment>;
  /** Switches to `version`, or to the newest retired one. Its startup hook is not run again. `force` as in `DeployUpload`. */
  rollback(spaceId: string, version: number | null, options?: { readonly force?: boolean }): Promise<Deployment>;
  /** Removes the app from service; its versions are kept. Resolves false when none was live. */
  undeploy(spaceId: string): Promise<boolean>;
  /** Newest first. */
  listVersions(spaceId: string): Promise<readonly Deployment[]>;
  /** The app that serves the space now; null when there is none. */
  live(spaceId: string): AppRunner | null;
  /** Every space with a live app. */
  listLive(): readonly AppRunner[];
  /** With `version`, in a process of that deployment, also when another one is live (pinned workflow instances). */
  runTask(spaceId: string, task: AppTask, options: InvokeOptions, version?: number | null): Promise<AppTaskResult>;
  /** Takes changed variables or egress rules into the running process. */
  reloadSettings(spaceId: string): Promise<void>;
  /** Stops the app and forgets the deployments of a space that is being removed. */
  removeSpace(spaceId: string): Promise<void>;
  /** Called after a version went live or out of service; `runner` is null when nothing is live now. */
  onSwitch(listener: (spaceId: string, runner: AppRunner | null) => void | Promise<void>): void;
  /** Runs before a deployment may go live; a rejection fails the deploy. */
  onValidate(validate: ValidateDeployment): void;
  /** Asked before old versions are forgotten: which ones still have something to finish. They are kept. */
  onPrune(listUsedVersions: (spaceId: string) => Promise<readonly number[]>): void;
}

export async function openApps(options: AppsOptions): Promise<Apps> {
  const { deployments, assets } = options;
  const runners = new Map<string, AppRunner>();
  const pinnedRunners = new Map<string, AppRunner>();
  const switchListeners: ((spaceId: string, runner: AppRunner | null) => void | Promise<void>)[] = [];
  const validators: ValidateDeployment[] = [];
  const usedVersionLists: ((spaceId: string) => Promise<readonly number[]>)[] = [];
  const changes = createSerialQueue();

  for (const deployment of await deployments.listLive()) {
    runners.set(deployment.spaceId, createRunner(deployment, null));
  }

  function createRunner(deployment: Deployment, process: AppProcess | null): AppRunner {
    const { spaceId } = deployment;
    return new AppRunner(
      {
        deployment,
        start: () => startStored(deployment),
        onExit(exit) {
          if (exit.reason === 'stopped') return;
          const detail = exit.stderr === '' ? '' : `\n${exit.stderr}`;
          logError(spaceId, 'app', `The app process ended (${exit.reason}, exit code ${exit.exitCode})${detail}`);
        },
        idleStopMs: options.limits.idleStopMs,
        drainMs: options.limits.drainMs,
        clock: options.clock,
      },
      process,
    );
  }

  function logError(spaceId: string, context: string, log: string): void {
    options.onLog(spaceId, { context, logtype: 'error', log, time: options.clock.now() });
  }

  async function startStored(deployment: Deployment): Promise<AppProcess> {
    const { bundleHash, sourceMapHash } = deployment;
    const loadSourceMap = async () => (sourceMapHash === null ? null : options.blobs.readText(sourceMapHash));
    return startProcess(deployment, await options.blobs.readText(bundleHash), loadSourceMap);
  }

  async function startProcess(
    deployment: AppVersion,
    code: string,
    loadSourceMap: () => Promise<string | null>,
  ): Promise<AppProcess> {
    const { spaceId, version } = deployment;
    const settings = options.getSettings(spaceId);
    const sourceMap = once(loadSourceMap);
    return options.sandbox.start({
      label: `${spaceId}/${version}`,
      code,
      env: settings.env,
      limits: { memoryMb: options.limits.memoryMb, evaluationTimeoutMs: options.limits.evaluationTimeoutMs },
      host: options.hostFunctionsFor(deployment),
      egress: { allowedCidrs: settings.egressCidrs, deniedPorts: [25, 465] },
      onLog(entry) {
        // Only stacks name positions; everything else goes straight through.
        if (entry.logtype !== 'error' || !entry.log.includes('\n    at ')) return options.onLog(spaceId, entry);
        void sourceMap().then((map) => options.onLog(spaceId, { ...entry, log: options.mapStack(entry.log, map) }));
      },
    });
  }

  async function switchTo(spaceId: string, runner: AppRunner | null): Promise<void> {
    const old = runners.get(spaceId);
    if (runner === null) runners.delete(spaceId);
    else runners.set(spaceId, runner);
    const failures: unknown[] = [];
    for (const listener of switchListeners) {
      try {
        await listener(spaceId, runner);
      } catch (error) {
        failures.push(error);
      }
    }
    if (old !== undefined) void old.retire();
    if (failures.length > 0) throw notFollowed(runner, failures);
  }

  /** Processes of earlier versions, for what is pinned to them. */
  function listPinned(spaceId: string): readonly (readonly [key: string, runner: AppRunner])[] {
    return [...pinnedRunners].filter(([, runner]) => runner.deployment.spaceId === spaceId);
  }

  async function reloadSettings(spaceId: string): Promise<void> {
    const pinned = listPinned(spaceId).map(([, runner]) => runner.replaceProcess());
    await Promise.all([runners.get(spaceId)?.replaceProcess(), ...pinned]);
  }

  async function removeSpace(spaceId: string): Promise<void> {
    await undeploy(spaceId);
    for (const [key, runner] of listPinned(spaceId)) {
      pinnedRunners.delete(key);
      void runner.retire(0);
    }
    const forgotten = await deployments.list(spaceId);
    await deployments.removeAll(spaceId);
    for (const deployment of forgotten) await assets.release(deployment);
  }

  async function deploy(spaceId: string, upload: DeployUpload): Promise<Deployment> {
    checkUpload(upload, options.limits.maxBundleBytes);
    const code = upload.kind === 'original' ? await options.prepareOriginal(upload.bundle) : upload.bundle;
    const version = (await deployments.lastVersion(spaceId)) + 1;
    const assetsHash =
      upload.assets === null
        ? (runners.get(spaceId)?.deployment.assetsHash ?? null)
        : await assets.accept(spaceId, upload.assets);
    // While the disk writes, the app is evaluated; nothing names the files before both are done.
    const storing = Promise.all([
      options.blobs.put(code),
      upload.kind === 'original' ? options.blobs.put(upload.bundle) : null,
      upload.sourceMap === null ? null : options.blobs.put(upload.sourceMap),
    ]);
    storing.catch(() => undefined);
    const createdAt = options.clock.now();
    const made = { spaceId, version, createdAt, assetsHash };
    const loadSourceMap = () => storing.then(([, , map]) => map && options.blobs.readText(map.hash));
    const process = await startProcess(made, code, loadSourceMap).catch((error: unknown) => {
      throw evaluationFailed(error, upload.sourceMap, options.mapStack);
    });
    const live = await orStop(process, async () => {
      const [bundle, source, sourceMap] = await storing;
      const starting: Deployment = {
        ...made,
        id: randomUUID(),
        kind: upload.kind,
        state: 'starting',
        meta: upload.meta,
        manifest: process.manifest,
        bundleHash: bundle.hash,
        uploadHash: source?.hash ?? null,
        sourceMapHash: sourceMap?.hash ?? null,
        bundleBytes: bundle.sizeBytes,
        error: null,
      };
      await validateAll(starting, upload.sourceMap, upload.force === true);
      if (process.manifest.hasStartup) {
        await deployments.put(starting);
        await runStartup(starting, process, upload.sourceMap);
      }
      return deployments.makeLive({ ...starting, state: 'live' });
    });
    await switchTo(spaceId, createRunner(live, process));
    void prune(spaceId);
    return live;
  }

  async function validateAll(deployment: Deployment, sourceMap: string | null, force: boolean): Promise<void> {
    try {
      for (const validate of validators) await validate(deployment.spaceId, deployment, { force });
    } catch (error) {
      throw withSourcePosition(error, sourceMap, options.mapStack);
    }
  }

  async function prune(spaceId: string): Promise<void> {
    try {
      const used = await Promise.all(usedVersionLists.map((listUsed) => listUsed(spaceId)));
      const forgotten = await deployments.prune(spaceId, options.limits.keptVersions, new Set(used.flat()));
      for (const deployment of forgotten) await assets.release(deployment);
    } catch (error) {
      logError(spaceId, 'deploy', `Old versions could not be removed: ${String(error)}`);
    }
  }

  async function runStartup(deployment: Deployment, process: AppProcess, sourceMap: string | null): Promise<void> {
    try {
      await process.run(
        { kind: 'startup', name: 'startup', input: null },
        { timeoutMs: options.limits.startupTimeoutMs, context: { deployment: deployment.id } },
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `Failed execution on deploy: ${reason}`;
      await deployments.put({ ...deployment, state: 'failed', error: message });
      logError(deployment.spaceId, 'deploy', message);
      throw new TackleError('deploy_failed', message, {
        cause: error,
        details: { stack: mappedStack(error, sourceMap, options.mapStack) },
      });
    }
  }

  async function rollback(spaceId: string, version: number | null, force: boolean): Promise<Deployment> {
    const versions = await deployments.list(spaceId);
    const current = versions.find((deployment) => deployment.state === 'live');
    const target =
      version === null
        ? versions.find(
            (deployment) =>
              deployment.state === 'retired' && (current === undefined || deployment.version < current.version),
          )
        : versions.find((deployment) => deployment.version === version);
    if (target === undefined) {
      const kept = versions.map((deployment) => `${deployment.version} (${deployment.state})`).join(', ') || 'none';
      throw new TackleError(
        'not_found',
        version === null
          ? `There is no earlier version to go back to. Versions: ${kept}.`
          : `There is no version ${version}. Versions: ${kept}.`,
      );
    }
    if (target.state === 'live') return target;
    if (target.state !== 'retired') {
      throw new TackleError(
        'conflict',
        `Version ${target.version} never went live (${target.state}). Deploy it again.`,
      );
    }
    await validateAll(target, null, force);
    const process = await startStored(target);
    const live = await orStop(process, () => deployments.makeLive({ ...target, state: 'live' }));
    await switchTo(spaceId, createRunner(live, process));
    return live;
  }

  async function undeploy(spaceId: string): Promise<boolean> {
    const removed = await deployments.clearLive(spaceId);
    if (removed) await switchTo(spaceId, null);
    return removed;
  }

  async function runTask(
    spaceId: string,
    task: AppTask,
    invoke: InvokeOptions,
    version: number | null = null,
  ): Promise<AppTaskResult> {
    const live = runners.get(spaceId);
    if (version !== null && live?.deployment.version !== version) {
      const pinned = await findPinned(spaceId, version);
      return (await acquireForTask(pinned)).run(task, invoke);
    }
    if (live === undefined) throw new TackleError('not_found', 'No app is deployed in this space.');
    const process = await acquireForTask(live);
    return process.run(task, invoke);
  }

  /** An app that cannot be started now says nothing about the task: it is given back and waits. */
  async function acquireForTask(runner: AppRunner): Promise<AppProcess> {
    try {
      return await runner.acquire();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TackleError('overloaded', `The app cannot run tasks now: ${reason}`, { cause });
    }
  }

  /** An earlier deployment that still has something to finish; it stops by itself when it is idle. */
  async function findPinned(spaceId: string, version: number): Promise<AppRunner> {
    const key = `${spaceId}/${version}`;
    const known = pinnedRunners.get(key);
    if (known !== undefined) return known;
    const deployment = (await deployments.list(spaceId)).find((candidate) => candidate.version === version);
    if (deployment === undefined) {
      throw new TackleError('not_found', `Version ${version} of the app is not kept any more; it cannot run.`);
    }
    const runner = pinnedRunners.get(key) ?? createRunner(deployment, null);
    pinnedRunners.set(key, runner);
    return runner;
  }

  return {
    deploy: (spaceId, upload) => changes.run(spaceId, () => deploy(spaceId, upload)),
    rollback: (spaceId, version, { force = false } = {}) =>
      changes.run(spaceId, () => rollback(spaceId, version, force)),
    undeploy: (spaceId) => changes.run(spaceId, () => undeploy(spaceId)),
    listVersions: (spaceId) => deployments.list(spaceId),
    live: (spaceId) => runners.get(spaceId) ?? null,
    listLive: () => [...runners.values()],
    runTask,
    // In line with deployments: one that is being started has the settings of before.
    reloadSettings: (spaceId) => changes.run(spaceId, () => reloadSettings(spaceId)),
    removeSpace: (spaceId) => changes.run(spaceId, () => removeSpace(spaceId)),
    onSwitch(listener) {
      switchListeners.push(listener);
    },
    onValidate(validate) {
      validators.push(validate);
    },
    onPrune(listUsedVersions) {
      usedVersionLists.push(listUsedVersions);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...runners.values(), ...pinnedRunners.values()].map((runner) => runner.retire()));
    },
  };
}

/** The switch itself is stored by then. */
function notFollowed(runner: AppRunner | null, failures: readonly unknown[]): TackleError {
  const reasons = failures.map((error) => (error instanceof Error ? error.message : String(error))).join('; ');
  const state = runner === null ? 'The app is out of service' : `Version ${runner.deployment.version} is live`;
  const code = failures[0] instanceof TackleError ? failures[0].code : 'internal';
  return new TackleError(
    code,
    `${state}, but its workers and schedules may be those of before: ${reasons}. Try again.`,
    {
      cause: failures[0],
    },
  );
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

/** Changes of one space run one after another; two deploys at once cannot take the same version number. */
function createSerialQueue() {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
      const result = (tails.get(key) ?? Promise.resolve()).then(work, work);
      const tail = result.then(
        () => undefined,
        () => undefined,
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
  };
}

/** Loaded when it is first needed; a map that cannot be loaded is none. */
function once(loadSourceMap: () => Promise<string | null>): () => Promise<string | null> {
  let loaded: Promise<string | null> | null = null;
  return () => {
    loaded ??= loadSourceMap().catch(() => null);
    return loaded;
  };
}

function checkUpload(upload: DeployUpload, maxBundleBytes: number): void {
  if (upload.bundle.trim() === '') {
    throw new TackleError('invalid_request', 'The bundle is empty. Send the built JavaScript of the app.');
  }
  if (Buffer.byteLength(upload.bundle) > maxBundleBytes) {
    throw new TackleError('payload_too_large', `The bundle is larger than the limit of ${maxBundleBytes} bytes.`);
  }
}

function evaluationFailed(error: unknown, sourceMap: string | null, mapStack: AppsOptions['mapStack']): TackleError {
  if (error instanceof TackleError && error.code !== 'deploy_failed') return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new TackleError('deploy_failed', reason, {
    cause: error,
    details: { stack: mappedStack(error, sourceMap, mapStack) },
  });
}

/** A refusal may name a position in the bundle; its reader knows the source. */
function withSourcePosition(error: unknown, sourceMap: string | null, mapStack: AppsOptions['mapStack']): unknown {
  if (!(error instanceof TackleError) || sourceMap === null) return error;
  const message = mapStack(error.message, sourceMap);
  return message === error.message ? error : new TackleError(error.code, message, { cause: error });
}

function mappedStack(error: unknown, sourceMap: string | null, mapStack: AppsOptions['mapStack']): Json {
  const details = error instanceof TackleError ? (error.details as JsonObject | undefined) : undefined;
  const stack = typeof details?.stack === 'string' ? details.stack : error instanceof Error ? error.stack : undefined;
  if (stack === undefined) return null;
  return mapStack(stack, sourceMap);
}
