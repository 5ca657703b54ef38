/**
 * A queue in which very many tasks wait: what a claim costs, what the gateway's memory is, and how soon it goes on after
 * kill -9. The SQLite file is real in the first test; in the second everything is, the gateway in its own process. 50,000
 * tasks here, 1,000,000 with TACKLE_LONG=1.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Storage } from '../../src/ports/storage.ts';
import { openTemporaryStorage } from '../../src/storage/sqlite/testing/temporary-storage.ts';
import { createTestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

const waiting = process.env.TACKLE_LONG === '1' ? 1_000_000 : 50_000;
const space = 'p/dev';
const system = { lane: { lane: 'system' } } as const;

async function fill(storage: Storage, count: number): Promise<void> {
  const tasks = Array.from({ length: 500 }, (_, n) => ({ space, topic: 'many', payload: String(n) }));
  for (let at = 0; at < count; at += tasks.length) {
    await storage.commit([{ kind: 'task.enqueue', tasks, nowMs: 1_000 }], system);
  }
}

/** Median of claiming and settling 64 tasks, in milliseconds. */
async function measureClaim(storage: Storage): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    const startedAt = performance.now();
    const requests = [{ space, topic: 'many', limit: 64 }];
    const [{ tasks }] = await storage.commit([{ kind: 'task.claim', owner: 'me', nowMs: 1_000, requests }], system);
    assert.equal(tasks.length, 64);
    const settlements = tasks.map(({ seq, attempt }) => ({ seq, attempt, settlement: { type: 'done' } as const }));
    await storage.commit([{ kind: 'task.settle', settlements, nowMs: 1_000 }], system);
    times.push(performance.now() - startedAt);
  }
  return times.sort((a, b) => a - b)[7]!;
}

test(`a claim costs the same whether 1,000 tasks wait or ${waiting}`, async (t) => {
  await using opened = await openTemporaryStorage();
  const { storage } = opened;
  await fill(storage, 1_000);
  const few = await measureClaim(storage);
  await fill(storage, waiting);
  const many = await measureClaim(storage);
  t.diagnostic(`64 tasks: ${few.toFixed(2)} ms with 1,000 waiting, ${many.toFixed(2)} ms with ${waiting}`);
  // A scan would cost fifty times as much; what is left is for a machine that does other things too.
  assert.ok(many < few * 4 + 5, `${few.toFixed(1)} ms with 1,000, ${many.toFixed(1)} ms with ${waiting}`);
});

function measureBareStart(): number {
  const startedAt = performance.now();
  spawnSync(process.execPath, ['--eval', '0']);
  return performance.now() - startedAt;
}

test(`a gateway with ${waiting} waiting tasks stays small and claims again within a second of its start`, async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'tackle-backlog-'));
  const directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/backlog-'));
  let gateway: GatewayProcess | null = null;
  try {
    await writeFile(
      join(directory, 'index.js'),
      `import { app, datastore } from 'tackle-sdk';
      app.worker('slow', async (req, res) => { await new Promise((resolve) => setTimeout(resolve, 2000)); res.end(); });
      app.post('/fill', async (req, res) => {
        const conn = await datastore.open();
        for (let at = 0; at < 10; at += 1) await conn.enqueueMany('slow', Array.from({ length: 1000 }, (_, n) => ({ n })));
        res.json({});
      });
      export default app.init();`,
    );
    gateway = await startGateway({ home });
    const created = await createTestSpace(gateway, 'backlog');
    const deployed = await created.deploy(directory, 'tackle');
    assert.equal(deployed.status, 201, deployed.text);
    for (let filled = 0; filled < waiting; filled += 10_000) {
      const answer = await created.request('/fill', { method: 'POST', json: {} });
      assert.equal(answer.status, 200, answer.text);
    }
    const residentMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024;
    assert.ok(residentMb < 200, `${residentMb.toFixed(0)} MB`);

    // In starts of a bare Node, which is about 50 ms on a machine that has nothing else to do.
    const waits: { waitMs: number; limitMs: number }[] = [];
    for (let start = 0; start < 3 && !waits.some(({ waitMs, limitMs }) => waitMs < limitMs); start += 1) {
      await gateway.kill();
      const bareMs = measureBareStart();
      const startedAtMs = Date.now();
      gateway = await startGateway({ home });
      const path = `/api/v1/projects/${created.project}/spaces/${created.space}/tasks?topic=slow&state=running&limit=1`;
      const headers = { authorization: `Bearer ${gateway.adminToken}` };
      const url = `${gateway.url}${path}`;
      const { tasks } = await poll(
        async () => (await fetch(url, { headers })).json() as Promise<{ tasks: { startedAtMs: number }[] }>,
        (found) => found.tasks.some((task) => task.startedAtMs >= startedAtMs),
      );
      waits.push({ waitMs: tasks[0]!.startedAtMs - startedAtMs, limitMs: Math.max(1_000, 20 * bareMs) });
    }
    const said = waits.map(({ waitMs, limitMs }) => `${waitMs} of ${limitMs.toFixed(0)} ms`).join(', ');
    t.diagnostic(`${residentMb.toFixed(0)} MB resident, first claim after ${said}`);
    assert.ok(
      waits.some(({ waitMs, limitMs }) => waitMs < limitMs),
      `first claim after ${said}`,
    );
  } finally {
    await gateway?.kill();
    await rm(home, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  }
});
