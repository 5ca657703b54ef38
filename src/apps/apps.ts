import { TackleError } from '../core/errors.ts';
import { KeyedLock } from '../files/keyed-lock.ts';
import type { AppProcess, AppTask, AppTaskResult, InvokeOptions } from '../ports/sandbox.ts';
import type { AppRunner } from './app-runner.ts';
import { createAppStarter } from './app-starter.ts';
import type { AppsOptions } from './apps-options.ts';
import { messageOf, notFollowed } from './deploy-errors.ts';
import type { Deployment, DeployUpload } from './deployment.ts';
import { createGoLive, type ValidateDeployment } from './go-live.ts';
import { PinnedRunners } from './pinned-runners.ts';

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
  const switchListeners: ((spaceId: string, runner: AppRunner | null) => void | Promise<void>)[] = [];
  const validators: ValidateDeployment[] = [];
  const usedVersionLists: ((spaceId: string) => Promise<readonly number[]>)[] = [];
  // Changes of one space run one after another; two deploys at once cannot take the same version number.
  const changes = new KeyedLock();
  const live = (spaceId: string) => runners.get(spaceId) ?? null;
  const starter = createAppStarter(options);
  const goLive = createGoLive({ ...options, starter, validators, live });
  const pinned = new PinnedRunners({
    findDeployment: async (spaceId, version) =>
      (await deployments.list(spaceId)).find((candidate) => candidate.version === version) ?? null,
    createRunner: (deployment, onIdle) => starter.createRunner(deployment, null, onIdle),
  });

  for (const deployment of await deployments.listLive()) {
    runners.set(deployment.spaceId, starter.createRunner(deployment, null));
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
    if (failures.length > 0) throw notFollowed(runner?.deployment.version ?? null, failures);
  }

  async function deploy(spaceId: string, upload: DeployUpload): Promise<Deployment> {
    const runner = await goLive.deploy(spaceId, upload);
    await switchTo(spaceId, runner);
    void prune(spaceId);
    return runner.deployment;
  }

  async function prune(spaceId: string): Promise<void> {
    try {
      const used = await Promise.all(usedVersionLists.map((listUsed) => listUsed(spaceId)));
      const forgotten = await deployments.prune(spaceId, options.limits.keptVersions, new Set(used.flat()));
      for (const deployment of forgotten) {
        pinned.drop(spaceId, deployment.version);
        await assets.release(deployment);
      }
    } catch (error) {
      const log = `Old versions could not be removed: ${messageOf(error)}`;
      options.onLog(spaceId, { context: 'deploy', logtype: 'error', log, time: options.clock.now() });
    }
  }

  async function rollback(spaceId: string, version: number | null, force: boolean): Promise<Deployment> {
    const runner = await goLive.rollback(spaceId, version, force);
    if (runner !== live(spaceId)) await switchTo(spaceId, runner);
    return runner.deployment;
  }

  async function undeploy(spaceId: string): Promise<boolean> {
    const removed = await deployments.clearLive(spaceId);
    if (removed) await switchTo(spaceId, null);
    return removed;
  }

  async function reloadSettings(spaceId: string): Promise<void> {
    const all = [live(spaceId), ...pinned.listOfSpace(spaceId)];
    await Promise.all(all.map((runner) => runner?.replaceProcess()));
  }

  async function removeSpace(spaceId: string): Promise<void> {
    await undeploy(spaceId);
    for (const { deployment } of pinned.listOfSpace(spaceId)) pinned.drop(spaceId, deployment.version, 0);
    const forgotten = await deployments.list(spaceId);
    await deployments.removeAll(spaceId);
    for (const deployment of forgotten) await assets.release(deployment);
  }

  async function runTask(
    spaceId: string,
    task: AppTask,
    invoke: InvokeOptions,
    version: number | null = null,
  ): Promise<AppTaskResult> {
    const serving = live(spaceId);
    const runner =
      version === null || serving?.deployment.version === version ? serving : await pinned.find(spaceId, version);
    if (runner === null) throw new TackleError('not_found', 'No app is deployed in this space.');
    const process = await acquireForTask(runner);
    return process.run(task, invoke);
  }

  return {
    deploy: (spaceId, upload) => changes.run(spaceId, () => deploy(spaceId, upload)),
    rollback: (spaceId, version, { force = false } = {}) =>
      changes.run(spaceId, () => rollback(spaceId, version, force)),
    undeploy: (spaceId) => changes.run(spaceId, () => undeploy(spaceId)),
    listVersions: (spaceId) => deployments.list(spaceId),
    live,
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
      await Promise.all([...runners.values(), ...pinned.list()].map((runner) => runner.retire()));
    },
  };
}

/** An app that cannot be started now says nothing about the task: it is given back and waits. */
async function acquireForTask(runner: AppRunner): Promise<AppProcess> {
  try {
    return await runner.acquire();
  } catch (cause) {
    throw new TackleError('overloaded', `The app cannot run tasks now: ${messageOf(cause)}`, { cause });
  }
}
