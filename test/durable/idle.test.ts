/**
 * What the queue asks of its store while nothing is due: nothing. The SQLite file is real, the app is a function here.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseWorkflowDefinition } from '../../src/core/workflow-definition.ts';
import type { Storage } from '../../src/ports/storage.ts';
import { Queues } from '../../src/queues/queues.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { Workflows } from '../../src/workflows/workflows.ts';
import { poll } from './support.ts';

const sleepers = process.env.TACKLE_LONG === '1' ? 10_000 : 1_000;

test(`${sleepers} sleeping workflows and 100 schedules cost no query and next to no CPU`, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-idle-'));
  await using storage = await openSqliteStorage({ directory });
  let calls = 0;
  const counted: Storage = {
    commit: (commands, options) => {
      calls += 1;
      return storage.commit(commands, options);
    },
    read: (read) => {
      calls += 1;
      return storage.read(read);
    },
    backup: (path) => storage.backup(path),
    checkReady: () => storage.checkReady(),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const queues = new Queues({ storage: counted });
  const workflows = new Workflows({
    queues,
    runStep: async () => ({ type: 'sleep', memo: 'sleep:', untilMs: Date.now() + 86_400_000 }),
    emit: () => undefined,
    onWarning: () => undefined,
  });
  try {
    await queues.start();
    const definition = { name: 'w', description: 'd', steps: ['only'], options: { workers: 100 } };
    await workflows.declare('p/dev', [parseWorkflowDefinition(definition)], '1');
    for (let n = 0; n < 100; n += 1) {
      await queues.schedules.put({
        space: 'p/dev',
        name: `job ${n}`,
        spec: { expression: '0 0 1 1 *', timezone: 'UTC', catchUp: 'latest', overlap: 'skip' },
        topic: 'jobs',
        payload: 'null',
      });
    }
    for (let n = 0; n < sleepers; n += 100) {
      await Promise.all(Array.from({ length: 100 }, () => workflows.start('p/dev', 'w', {})));
    }
    const asleep = async () => (await workflows.report('p/dev'))[0];
    await poll(
      async () => (await storage.read({ kind: 'topic.list', space: 'p/dev', counts: true }))[0]?.counts,
      (counts) => counts?.scheduled === sleepers && counts.running === 0,
      60_000,
    );
    assert.equal((await asleep())?.count, sleepers);
    // Leases of tasks that are long settled may be looked at once more.
    await new Promise((resolve) => setTimeout(resolve, 200));
    calls = 0;
    // The quietest of three: collecting the garbage of what was before may fall into one of them.
    const shares: number[] = [];
    for (let window = 0; window < 3; window += 1) {
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const { user, system } = process.cpuUsage(before);
      shares.push((user + system) / 1_000_000);
    }
    assert.equal(calls, 0);
    t.diagnostic(`CPU: ${shares.map((share) => `${(share * 100).toFixed(2)} %`).join(', ')} of a core`);
    assert.ok(Math.min(...shares) < 0.005, `${Math.min(...shares) * 100} % of a core`);
  } finally {
    await queues.stop(1_000);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
});
