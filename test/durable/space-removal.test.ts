/**
 * What is left of the durable work of a space that was removed. The SQLite file is real; in the tests of the engine alone,
 * handlers run in this process instead of a sandbox. The last test uses a gateway in its own process, where nothing is fake.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { TackleError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/json.ts';
import { parseWorkflowDefinition } from '../../src/core/workflow-definition.ts';
import { Queues } from '../../src/queues/queues.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import { Workflows } from '../../src/workflows/workflows.ts';
import { callApi, createTestSpace } from '../support/admin-client.ts';
import { startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

const definition = parseWorkflowDefinition({ name: 'flow', description: 'waits', steps: ['only'] });
const scheduled = { spec: { expression: '* * * * * *', timezone: 'UTC', catchUp: 'latest', overlap: 'skip' } } as const;
const tables = ['topics', 'tasks', 'schedules', 'workflow_instances', 'workflow_history', 'workflow_events'];
const isCode = (code: string) => (error: unknown) => error instanceof TackleError && error.code === code;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tackle-removal-'));
});
after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));

/** Rows of each table of the durable work. */
function countRows(file: string): Record<string, number> {
  using database = new DatabaseSync(file, { readOnly: true });
  const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  return Object.fromEntries(tables.map((table) => [table, count(table)]));
}

async function openEngine(name: string) {
  const storage = await openSqliteStorage({ directory: join(directory, name) });
  const queues = new Queues({ storage });
  const runStep = async (): Promise<Json> => ({ type: 'wait', patch: {} });
  const workflows = new Workflows({ queues, runStep, emit: () => undefined, onWarning: () => undefined });
  await queues.start();
  const close = async (): Promise<void> => {
    await queues.stop(0);
    await storage[Symbol.asyncDispose]();
  };
  return { queues, workflows, close, [Symbol.asyncDispose]: close };
}
type Engine = Awaited<ReturnType<typeof openEngine>>;

async function fill({ queues, workflows }: Engine, space: string, count: number): Promise<void> {
  await workflows.declare(space, [definition], '1');
  for (let n = 0; n < count; n += 100) {
    const task = { space, topic: 'left', payload: '{}' };
    await queues.enqueue(Array.from({ length: 100 }, () => task));
  }
  const starts = Array.from({ length: 20 }, () => workflows.start(space, 'flow', {}));
  const { _id: id } = JSON.parse((await Promise.all(starts))[0]!) as { _id: string };
  await workflows.send(space, { event: 'later', payload: 1, instanceId: id });
  await queues.schedules.put({ space, name: 'each second', ...scheduled, topic: 'ticks', payload: 'null' });
  await poll(
    () => workflows.report(space),
    (rows) => rows.every(({ status }) => status === 'waiting'),
  );
}

test('nothing of the space is left, other spaces keep everything, and new work is refused', async () => {
  await using engine = await openEngine('alone');
  await fill(engine, 'gone', 1_200);
  await fill(engine, 'kept', 100);
  await engine.queues.removeSpace('gone');
  await engine.queues.removeSpace('gone');
  const [inGone, inKept] = await Promise.all([engine.queues.listTopics('gone'), engine.queues.listTopics('kept')]);
  assert.deepEqual(inGone, []);
  assert.deepEqual(await engine.workflows.report('gone'), []);
  assert.deepEqual(await engine.queues.schedules.list('gone'), []);
  const refused = engine.queues.enqueue([{ space: 'gone', topic: 'left', payload: '{}' }]);
  await assert.rejects(refused, isCode('not_found'));
  assert.equal((await engine.workflows.report('kept'))[0]?.count, 20);
  assert.equal(inKept.find(({ topic }) => topic === 'left')?.counts.ready, 100);
  await engine.queues.removeSpace('kept');
  await engine.close();
  assert.deepEqual(countRows(join(directory, 'alone', 'tackle.db')), Object.fromEntries(tables.map((t) => [t, 0])));
});

test('a task that runs is let go of at once, and what its handler says later changes nothing', async () => {
  await using engine = await openEngine('running');
  const begun = Promise.withResolvers<{ readonly aborted: boolean }>();
  const handlerEnds = Promise.withResolvers<void>();
  await engine.queues.attach({
    space: 'gone',
    topic: 'slow',
    declared: {},
    async handler(tasks, { signal }) {
      begun.resolve(signal);
      await handlerEnds.promise;
      return tasks.map(() => ({ type: 'done' }) as const);
    },
  });
  await engine.queues.enqueue([{ space: 'gone', topic: 'slow', payload: '{}' }]);
  const signal = await begun.promise;
  await engine.queues.removeSpace('gone');
  assert.equal(signal.aborted, true);
  handlerEnds.resolve();
  await engine.queues.enqueue([{ space: 'other', topic: 'any', payload: '{}' }]);
  assert.equal((await engine.queues.listTopics('gone')).length, 0);
});

test('a removal that the end of the gateway interrupts is finished by the next start', async () => {
  await using first = await openEngine('interrupted');
  await fill(first, 'gone', 3_000);
  const removal = first.queues.removeSpace('gone');
  await Promise.all([assert.rejects(removal, isCode('overloaded')), first.close()]);
  const file = join(directory, 'interrupted', 'tackle.db');
  assert.ok(countRows(file).tasks! > 0, 'the removal was over before it could be interrupted');
  await using second = await openEngine('interrupted');
  await second.queues.removeSpace('gone');
  await second.close();
  assert.deepEqual(countRows(file), Object.fromEntries(tables.map((table) => [table, 0])));
});

test('removing a project stops its app, its jobs and its workflows, and forgets them; a neighbour goes on', async () => {
  const gateway = await startGateway();
  const app = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/removal-'));
  try {
    await writeFile(
      join(app, 'index.js'),
      `import { app, datastore } from 'tackle-sdk';
       const flow = app.createWorkflow('flow', 'waits', {
         begin: async (state, goto, wait, step) => { await step.sleep(50); await goto('rest', { n: 1 }); },
         rest: async (state, goto, wait) => wait(),
       });
       app.worker('work', async (req, res) => res.end());
       app.job('* * * * * *', async (req, res) => res.end());
       app.post('/fill', async (req, res) => {
         const conn = await datastore.open();
         for (let n = 0; n < 50; n += 1) await conn.enqueue('nobody', { n });
         await flow.start({});
         res.end();
       });
       export default app.init();`,
    );
    const [gone, kept] = [await createTestSpace(gateway, 'gone'), await createTestSpace(gateway, 'kept')];
    for (const space of [gone, kept]) {
      assert.equal((await space.deploy(app, 'tackle')).status, 201);
      assert.equal((await space.request('/fill', { method: 'POST' })).status, 200);
    }
    const file = join(gateway.home, 'tackle.db');
    const before = countRows(file);
    assert.equal((await callApi(gateway, 'DELETE', `/projects/${gone.project}`)).status, 204);
    await poll(
      async () => countRows(file),
      ({ topics, schedules, workflow_instances }) =>
        topics === before.topics! / 2 && schedules === 1 && workflow_instances === 1,
    );
    const instances = (await kept.admin('GET', '/workflow-instances')).json().instances;
    assert.equal(instances.length, 1);
    assert.equal((await kept.request('/fill', { method: 'POST' })).status, 200);
  } finally {
    await gateway.stop();
    await rm(app, { recursive: true, force: true });
  }
});
