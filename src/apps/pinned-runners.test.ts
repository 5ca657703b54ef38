// Real runners; their processes and the clock are made up.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { AppManifest, AppProcess, ProcessExit } from '../ports/sandbox.ts';
import { AppRunner } from './app-runner.ts';
import type { Deployment } from './deployment.ts';
import { PinnedRunners } from './pinned-runners.ts';

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
  extensions: {},
};

class FakeProcess implements AppProcess {
  readonly manifest = manifest;
  readonly pid = 1;
  active = 0;
  readonly #exit = Promise.withResolvers<ProcessExit>();
  readonly exited = this.#exit.promise;
  request = () => Promise.reject(new Error('not used'));
  run = async () => ({ status: 200, output: null });
  residentBytes = async () => 0;
  setEnv = async () => undefined;
  stop() {
    this.#exit.resolve({ reason: 'stopped', exitCode: 0, signal: null, stderr: '' });
    return this.exited;
  }
}

const idleStopMs = 1_000;

describe('runners of earlier versions', () => {
  let now: number;
  let processes: FakeProcess[];
  let pinned: PinnedRunners;
  const clock = { now: () => now };
  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval'] });
    now = 0;
    processes = [];
    pinned = new PinnedRunners({
      findDeployment: async (spaceId, version) =>
        version > 100 ? null : ({ spaceId, version, manifest } as unknown as Deployment),
      createRunner: (deployment, onIdle) => {
        const start = async () => {
          const process = new FakeProcess();
          processes.push(process);
          return process;
        };
        return new AppRunner({ deployment, start, onExit: () => {}, onIdle, idleStopMs, drainMs: 0, clock });
      },
    });
  });
  afterEach(() => mock.timers.reset());

  const passTime = (ms: number) => {
    now += ms;
    mock.timers.tick(ms);
  };

  it('are let go of when their process has been idle, so that a long life collects none', async () => {
    for (let version = 1; version <= 100; version += 1) {
      const runner = await pinned.find('s1', version);
      await runner.acquire();
      passTime(idleStopMs * 2);
    }
    assert.equal(processes.length, 100);
    assert.equal(pinned.size, 0);
  });
  it('stay while their process works, and are the same for everybody', async () => {
    const [first, second] = await Promise.all([pinned.find('s1', 1), pinned.find('s1', 1)]);
    assert.equal(first, second);
    await first.acquire();
    (processes[0] as FakeProcess).active = 1;
    passTime(idleStopMs * 10);
    assert.equal(await pinned.find('s1', 1), first);
    (processes[0] as FakeProcess).active = 0;
    passTime(idleStopMs);
    assert.equal(pinned.size, 0);
  });
  it('go with the version that is forgotten', async () => {
    const runner = await pinned.find('s1', 1);
    await runner.acquire();
    await pinned.find('s1', 2);
    await pinned.find('s2', 1);
    pinned.drop('s1', 1, 0);
    assert.deepEqual(
      pinned.list().map(({ deployment }) => [deployment.spaceId, deployment.version]),
      [
        ['s1', 2],
        ['s2', 1],
      ],
    );
    assert.equal((await (processes[0] as FakeProcess).exited).reason, 'stopped');
    await assert.rejects(async () => runner.acquire(), { code: 'conflict' });
  });
  it('are refused for a version that is not kept', async () => {
    await assert.rejects(pinned.find('s1', 101), { code: 'not_found', message: /Version 101/ });
    assert.equal(pinned.size, 0);
  });
});
