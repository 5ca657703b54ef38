import type { AppProcess } from '../ports/sandbox.ts';
import { AppRunner } from './app-runner.ts';
import type { AppsOptions } from './apps-options.ts';
import type { AppVersion, Deployment } from './deployment.ts';

/** Turns a deployment into a process. */
export interface AppStarter {
  /** Evaluates code that may not be stored yet; rejects when that fails. */
  start(version: AppVersion, code: string, loadSourceMap: () => Promise<string | null>): Promise<AppProcess>;
  startStored(deployment: Deployment): Promise<AppProcess>;
  /** `process` is the one that serves already. `onIdle`: see `AppRunnerOptions`. */
  createRunner(deployment: Deployment, process: AppProcess | null, onIdle?: () => void): AppRunner;
}

export function createAppStarter(options: AppsOptions): AppStarter {
  const { sandbox, blobs, limits, clock } = options;

  async function start(
    version: AppVersion,
    code: string,
    loadSourceMap: () => Promise<string | null>,
  ): Promise<AppProcess> {
    const { spaceId } = version;
    const settings = options.getSettings(spaceId);
    const sourceMap = once(loadSourceMap);
    return sandbox.start({
      label: `${spaceId}/${version.version}`,
      code,
      env: settings.env,
      limits: { memoryMb: limits.memoryMb, evaluationTimeoutMs: limits.evaluationTimeoutMs },
      host: options.hostFunctionsFor(version),
      egress: { allowedCidrs: settings.egressCidrs, deniedPorts: [25, 465] },
      onLog(entry) {
        // Only stacks name positions; everything else goes straight through.
        if (entry.logtype !== 'error' || !entry.log.includes('\n    at ')) return options.onLog(spaceId, entry);
        void sourceMap().then((map) => options.onLog(spaceId, { ...entry, log: options.mapStack(entry.log, map) }));
      },
    });
  }

  async function startStored(deployment: Deployment): Promise<AppProcess> {
    const { bundleHash, sourceMapHash } = deployment;
    const loadSourceMap = async () => (sourceMapHash === null ? null : blobs.readText(sourceMapHash));
    return start(deployment, await blobs.readText(bundleHash), loadSourceMap);
  }

  return {
    start,
    startStored,
    createRunner(deployment, process, onIdle) {
      return new AppRunner(
        {
          deployment,
          start: () => startStored(deployment),
          onExit({ reason, exitCode, stderr }) {
            if (reason === 'stopped') return;
            const detail = stderr === '' ? '' : `\n${stderr}`;
            const log = `The app process ended (${reason}, exit code ${exitCode})${detail}`;
            options.onLog(deployment.spaceId, { context: 'app', logtype: 'error', log, time: clock.now() });
          },
          ...(onIdle === undefined ? {} : { onIdle }),
          idleStopMs: limits.idleStopMs,
          drainMs: limits.drainMs,
          clock,
        },
        process,
      );
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
