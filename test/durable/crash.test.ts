/**
 * kill -9 on a real gateway, again and again, while workflows and tasks run. Nothing is fake. Whatever was acknowledged
 * must be there afterwards, once. 20 kills here, 200 with TACKLE_LONG=1.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

const isLong = process.env.TACKLE_LONG === '1';
const kills = isLong ? 200 : 20;
const instancesWanted = isLong ? 5_000 : 400;
const tasksWanted = isLong ? 5_000 : 400;
const seed = Number(process.env.TACKLE_SEED ?? Date.now() % 1_000_000);

/** Mulberry32: small, seeded, good enough to choose moments. */
function createRandom(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test(`nothing acknowledged is lost or done twice over ${kills} kills (seed ${seed})`, async () => {
  const home = await mkdtemp(join(tmpdir(), 'tackle-crash-'));
  const random = createRandom(seed);
  let gateway: GatewayProcess = await startGateway({ home });
  const space = await createTestSpace(gateway, 'crash');
  const deployed = await space.deploy(join(import.meta.dirname, '../fixtures/apps/durable'), 'tackle');
  assert.equal(deployed.status, 201, deployed.text);

  const call = (method: string, path: string, json?: unknown) =>
    send(gateway.url, `/p/${space.project}/${space.space}${path}`, {
      method,
      headers: { 'x-apikey': space.token, 'content-type': 'application/json' },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  const started = new Map<string, 'flow' | 'wide'>();
  const enqueued = new Set<number>();
  let isOver = false;

  /** Only what was answered counts; what failed is tried anew, and may have happened or not. */
  async function produce(worker: number): Promise<void> {
    for (let n = worker; !isOver && (started.size < instancesWanted || enqueued.size < tasksWanted); n += 8) {
      try {
        if (started.size < instancesWanted) {
          const name = n % 4 === 0 ? 'wide' : 'flow';
          const answer = await call('POST', `/start/${name}`, {});
          if (answer.status === 201) started.set(answer.json()._id, name);
        }
        if (enqueued.size < tasksWanted) {
          const answer = await call('POST', '/enqueue/counted-once', { n });
          if (answer.status === 201) enqueued.add(n);
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  const producers = Promise.all(Array.from({ length: 8 }, (_, worker) => produce(worker)));
  for (let round = 0; round < kills; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 450));
    await gateway.kill();
    gateway = await startGateway({ home });
  }
  try {
    const deadline = setTimeout(() => (isOver = true), isLong ? 600_000 : 60_000);
    await producers;
    clearTimeout(deadline);
    const report = await poll(
      async () => (await call('GET', '/seen/workflowdata')).json() as Record<string, unknown>[],
      (documents) => documents.length >= started.size && documents.every((document) => document.status === 'completed'),
      isLong ? 600_000 : 60_000,
    );
    const byId = new Map(report.map((document) => [document._id as string, document]));
    for (const [id, name] of started) {
      const document = byId.get(id);
      assert.ok(document, `${id} was acknowledged and is gone`);
      if (name === 'flow') assert.deepEqual(document.trail, ['first', 'second', 'third'], id);
      else assert.deepEqual([document.sum, document.joins], [45, 1], id);
      const visits = Object.values(document.stepCount as Record<string, { visits: number }>);
      assert.ok(
        visits.every((entry) => entry.visits === 1),
        `${id} visited a step twice`,
      );
    }
    const once = await poll(
      async () => (await call('GET', '/seen/once')).json() as { _id: string; n?: number; count?: number }[],
      (documents) => {
        const found = new Set(documents.map(({ n }) => n));
        return [...enqueued].every((n) => found.has(n));
      },
      60_000,
    );
    const total = once.find(({ _id }) => _id === 'total')?.count;
    assert.ok(total !== undefined && total >= enqueued.size, `${total} of ${enqueued.size}`);
    const tasks = await send(gateway.url, `/api/v1/projects/${space.project}/spaces/${space.space}/topics`, {
      headers: { authorization: `Bearer ${gateway.adminToken}` },
    });
    for (const { topic, counts } of tasks.json().topics) {
      const { ready, scheduled, blocked, running, dead } = counts;
      assert.deepEqual(
        { topic, ready, scheduled, blocked, running, dead },
        { topic, ready: 0, scheduled: 0, blocked: 0, running: 0, dead: 0 },
      );
    }
  } finally {
    isOver = true;
    await gateway.kill();
    await rm(home, { recursive: true, force: true });
  }
});
