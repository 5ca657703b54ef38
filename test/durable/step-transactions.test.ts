/**
 * What a step of a workflow writes in `step.transaction`, on a real gateway in its own process that is killed right before
 * and right after the commit of steps. Nothing is fake.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callApi, createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

const source = `import { app, transaction } from 'tackle-sdk';
  const add = async (step, name) => step.transaction(async (tx) => {
    const found = await tx.get('totals', name);
    await tx.put('totals', { _id: name, n: (found?.n ?? 0) + 1 });
    tx.kvSet('last ' + name, (found?.n ?? 0) + 1);
    tx.enqueue('mail', { name });
  });
  app.createWorkflow('sum', 'two steps that count', {
    first: async (state, goto, wait, step) => { await add(step, 'first'); await goto('second'); },
    second: async (state, goto, wait, step) => { await add(step, 'second'); await goto(null); },
  }, { workers: 10, maxRetries: 10, retryDelay: 20 });
  app.createWorkflow('throws', 'writes and fails', {
    only: async (state, goto, wait, step) => {
      await add(step, 'thrown');
      if (step.attempt === 1) throw new Error('as told');
      await step.sleep(10);
      await goto(null);
    },
  }, { retryDelay: 1 });
  app.createWorkflow('settles', 'as a worker would', {
    only: async (state, goto) => {
      const error = await transaction((tx) => tx.put('totals', { _id: 'settled' }), { settle: true }).catch((e) => e);
      await goto(null, { said: error?.message ?? null });
    },
  });
  app.createWorkflow('invalid', 'writes what the schema refuses', {
    only: async (state, goto, wait, step) => {
      await step.transaction((tx) => tx.put('strict', { _id: 'x', n: 'text' }));
      await goto(null);
    },
  }, { maxRetries: 0 });
  export default app.init();`;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/step-transactions-'));
  await writeFile(join(directory, 'index.js'), source);
});
after(() => rm(directory, { recursive: true, force: true }));

const start = async (space: TestSpace, workflow: string): Promise<string> => {
  const answer = await space.admin('POST', '/workflow-instances', { workflow });
  assert.equal(answer.status, 201, answer.text);
  return answer.json()._id;
};
const instanceOf = async (space: TestSpace, id: string) =>
  (await space.admin('GET', `/workflow-instances/${id}`)).json();
const ended = (space: TestSpace, id: string) =>
  poll(
    () => instanceOf(space, id),
    ({ status }) => status === 'completed' || status === 'failed',
    20_000,
  );
/** How often each name was counted, and how many tasks were stored for it. */
async function readTotals(space: TestSpace): Promise<Record<string, readonly [unknown, number]>> {
  const documents = (await space.admin('POST', '/collections/totals/query', { query: {} })).json();
  const { tasks } = (await space.admin('GET', '/tasks?topic=mail&limit=1000')).json();
  const names = (tasks as { payload: string }[]).map(({ payload }) => JSON.parse(payload).name);
  return Object.fromEntries(
    (documents as { _id: string; n: number }[]).map(({ _id, n }) => [
      _id,
      [n, names.filter((name) => name === _id).length],
    ]),
  );
}

test('steps that meet over one document each count once, and a step that throws or sleeps has written nothing', async () => {
  const gateway = await startGateway();
  try {
    const space = await createTestSpace(gateway, 'step-writes');
    assert.equal((await space.deploy(directory, 'tackle')).status, 201);
    const ids = await Promise.all(Array.from({ length: 12 }, () => start(space, 'sum')));
    ids.push(await start(space, 'throws'));
    for (const id of ids) assert.equal((await ended(space, id)).status, 'completed');
    assert.deepEqual(await readTotals(space), { first: [12, 12], second: [12, 12], thrown: [1, 1] });
    assert.match((await space.admin('GET', '/kv/last%20second')).text, /12/);
    const settles = await ended(space, await start(space, 'settles'));
    assert.match(settles.state.said, /step\.transaction/);
    const schema = { type: 'object', properties: { n: { type: 'number' } } };
    await space.admin('POST', '/collections', { name: 'strict' });
    assert.equal((await space.admin('PUT', '/collections/strict/schema', { schema })).status, 200);
    const invalid = await ended(space, await start(space, 'invalid'));
    assert.equal(invalid.status, 'failed');
    assert.match(invalid.lastError.message, /number/);
  } finally {
    await gateway.stop();
  }
});

for (const side of ['before', 'after']) {
  for (const nth of [1, 3, 8]) {
    test(`killed ${side} the commit of step ${nth}, every step counts once`, async () => {
      const home = await mkdtemp(join(tmpdir(), 'tackle-step-kill-'));
      let gateway: GatewayProcess | null = null;
      try {
        gateway = await startGateway({ home, env: { TACKLE_FAILPOINTS: `${side}:step=kill@${nth}` } });
        const space = await createTestSpace(gateway, 'killed');
        assert.equal((await space.deploy(directory, 'tackle')).status, 201);
        const killed = once(gateway.child, 'exit');
        const started = await Promise.allSettled(Array.from({ length: 6 }, () => start(space, 'sum')));
        await killed;
        gateway = await startGateway({ home });
        const again: TestSpace = {
          ...space,
          admin: (method, path, body) =>
            callApi(gateway!, method, `/projects/${space.project}/spaces/${space.space}${path}`, body),
        };
        const { instances } = (await again.admin('GET', '/workflow-instances')).json();
        const acknowledged = started.filter(({ status }) => status === 'fulfilled').length;
        assert.ok(instances.length >= acknowledged, `${instances.length} of ${acknowledged} are there`);
        for (const { id } of instances) assert.equal((await ended(again, id)).status, 'completed');
        const count = instances.length;
        assert.deepEqual(await readTotals(again), { first: [count, count], second: [count, count] });
      } finally {
        await gateway?.stop();
        await rm(home, { recursive: true, force: true, maxRetries: 5 });
      }
    });
  }
}
