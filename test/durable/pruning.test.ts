/**
 * Which versions of an app are kept after many deployments. The SQLite file, deployments, workflows and their queue are
 * real; the sandbox is a fake whose only step sleeps.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openApps } from '../../src/apps/apps.ts';
import type { AppManifest, AppProcess, ProcessExit, Sandbox } from '../../src/ports/sandbox.ts';
import { openFiles } from '../../src/server/open-files.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { createDurable } from '../../src/workflows/durable.ts';
import { poll } from './support.ts';

const manifest: AppManifest = {
  routes: [],
  auths: [],
  middleware: [],
  queues: [],
  workers: [],
  jobs: [],
  realtime: [],
  settings: {},
  hasStartup: false,
  extensions: {
    workflows: [{ name: 'long', description: 'stays', steps: ['only'], options: { versioning: 'pinned' } }],
  },
};

function startFakeProcess(): AppProcess {
  const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
  return {
    manifest,
    exited,
    active: 0,
    request: () => Promise.reject(new Error('Nothing asks this app')),
    run: async () => ({ status: 200, output: { type: 'sleep', memo: 'sleep:', untilMs: Date.now() + 86_400_000 } }),
    setEnv: () => undefined,
    async stop() {
      resolve({ reason: 'stopped', exitCode: 0, signal: null, stderr: '' });
      return exited;
    },
    residentBytes: async () => 0,
  };
}

test('a version that a pinned instance began on is kept until that instance has ended', async () => {
  const home = await mkdtemp(join(tmpdir(), 'tackle-pruning-'));
  const fail = (error: unknown) => assert.fail(error as Error);
  try {
    await using storage = await openSqliteStorage({ directory: home });
    const getMaxBytes = () => null;
    const outside = { maxFileBytes: 1e6, onCollected: () => undefined, onCollectError: fail };
    await using files = await openFiles({ home, storage, getMaxBytes, ...outside });
    const durable = createDurable({
      storage,
      findDocuments: async function* () {},
      getEnv: () => ({}),
      onWarning: (_space, message) => assert.fail(message),
      onError: (_message, error) => fail(error),
    });
    const sandbox: Sandbox = {
      start: async () => startFakeProcess(),
      describe: async () => [],
      async [Symbol.asyncDispose]() {},
    };
    await using apps = await openApps({
      ...files,
      sandbox,
      getSettings: () => ({ env: {}, egressCidrs: [] }),
      hostFunctionsFor: () => ({ call: () => Promise.reject(new Error('This app calls nothing')) }),
      prepareOriginal: async (bundle) => bundle,
      mapStack: (text) => text,
      onLog: (_space, { log }) => assert.fail(log),
      limits: {
        memoryMb: 256,
        evaluationTimeoutMs: 1_000,
        startupTimeoutMs: 1_000,
        idleStopMs: 60_000,
        drainMs: 0,
        maxBundleBytes: 1e6,
        keptVersions: 2,
      },
      clock: Date,
    });
    await durable.start(apps, { isPaused: false });
    const deploy = (bundle: string) =>
      apps.deploy('s', { bundle, kind: 'tackle', sourceMap: null, assets: null, meta: {} });
    const versionsWere = (wanted: readonly number[]) =>
      poll(
        async () => (await apps.listVersions('s')).map(({ version }) => version),
        (versions) => versions.join() === wanted.join(),
      );
    try {
      await deploy('one');
      const { _id: id } = JSON.parse(await durable.workflows.start('s', 'long', {})) as { _id: string };
      for (const bundle of ['two', 'three', 'four']) await deploy(bundle);
      await versionsWere([4, 3, 1]);
      await durable.workflows.cancel('s', id);
      await deploy('five');
      await versionsWere([5, 4]);
    } finally {
      await durable.stop(1_000);
    }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
});
