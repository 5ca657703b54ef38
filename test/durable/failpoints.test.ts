/**
 * Every commit of the durable rooms with something going wrong right before and right after it: an error, a delay, the
 * commit sent twice, and kill -9 of the process. The SQLite file is real; handlers run in the process instead of a
 * sandbox. Afterwards everything has happened, and once.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type FailpointAction, type FailpointSide, Failpoints, failpointNames } from '../../src/queues/failpoints.ts';
import { runScenario, type ScenarioResult } from './failpoint-scenario.ts';

function check(result: ScenarioResult): void {
  assert.deepEqual(result.effects, ['again', 'batch0', 'batch1', 'keyed', 'later', 'plain']);
  assert.equal(result.dead, 1);
  assert.equal(result.left, 0);
  const { remembered, went, ended, updated } = result.workflow as Record<string, unknown>;
  assert.deepEqual({ remembered, went, ended, updated }, { remembered: true, went: 1, ended: 1, updated: true });
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-failpoint-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The scenario in a process of its own, so that it can be killed. */
const childProgram = `
  const [directory, armed] = process.argv.slice(1);
  const scenario = import(${JSON.stringify(import.meta.resolve('./failpoint-scenario.ts'))});
  const failpoints = import(${JSON.stringify(import.meta.resolve('../../src/queues/failpoints.ts'))});
  Promise.all([scenario, failpoints]).then(([{ runScenario }, { Failpoints }]) =>
    runScenario(directory, Failpoints.parse(armed)));
`;
const faults: readonly { readonly action: FailpointAction; readonly sides: readonly FailpointSide[] }[] = [
  { action: { type: 'throw' }, sides: ['before'] },
  { action: { type: 'throw' }, sides: ['after'] },
  { action: { type: 'duplicate' }, sides: ['before'] },
  { action: { type: 'delay', delayMs: 60 }, sides: ['before', 'after'] },
];

describe('failpoints', { concurrency: 4 }, () => {
  test('the scenario passes all of them', async () => {
    const failpoints = new Failpoints();
    failpoints.startCounting();
    await inDirectory(async (directory) => check(await runScenario(directory, failpoints)));
    const missed = failpointNames.filter((name) => !failpoints.passed.has(`before:${name}`));
    assert.deepEqual(missed, []);
  });

  for (const name of failpointNames) {
    test(`${name}: errors, delays and duplicates change nothing`, async () => {
      for (const { action, sides } of faults) {
        const failpoints = new Failpoints();
        for (const side of sides) failpoints.arm(name, side, action);
        await inDirectory(async (directory) => {
          try {
            check(await runScenario(directory, failpoints));
          } catch (error) {
            throw new Error(`${sides.join(' and ')} ${name}: ${action.type}`, { cause: error });
          }
        });
      }
    });

    test(`${name}: a kill before and after it loses nothing`, async () => {
      for (const side of ['before', 'after']) {
        await inDirectory(async (directory) => {
          const child = spawn(process.execPath, ['--eval', childProgram, directory, `${side}:${name}=kill`], {
            stdio: 'ignore',
            timeout: 60_000,
          });
          await once(child, 'exit');
          assert.equal(child.signalCode, 'SIGKILL', `${side}:${name} was not passed`);
          check(await runScenario(directory, new Failpoints()));
        });
      }
    });
  }
});
