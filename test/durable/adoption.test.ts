/**
 * An app moves from the workflow engine of the original library to ours and back, on a real gateway in its own process. The
 * original bundles hold the real library. Nothing is fake.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuildMode, createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { buildOriginalBundle } from '../support/original-bundle.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let directory: string;

const source = `import { app } from 'codehooks-js';
  const line = app.createWorkflow('line', 'one after the other', {
    first: async (state, goto) => goto('second', { ...state, carried: 'by the task' }),
    second: async (state, goto) => goto(null, { ...state, result: state.carried }),
  });
  const fork = app.createWorkflow('fork', 'three at a time', {
    begin: async (state, goto) => goto(['a', 'b', 'c'], state),
    a: async (state, goto) => goto('join', { ...state, a: 1 }),
    b: async (state, goto) => goto('join', { ...state, b: 1 }),
    c: async (state, goto) => goto('join', { ...state, c: 1 }),
    join: async (state, goto) => goto(null, { ...state, joins: (state.joins ?? 0) + 1 }),
  });
  const ask = app.createWorkflow('ask', 'waits for an answer', {
    question: async (state, goto, wait) => (state.answer ? goto('thanks', { ...state, heard: state.answer }) : wait(state)),
    thanks: async (state, goto) => goto(null, { ...state, thanked: true }),
  });
  const flows = { line, fork, ask };
  app.post('/answer/:name/:id', async (req, res) => res.json(await flows[req.params.name].updateState(req.params.id, req.body)));
  app.post('/start/:name', async (req, res) => res.status(201).json(await flows[req.params.name].start(req.body ?? {})));
  app.get('/status/:name/:id', async (req, res) => res.json(await flows[req.params.name].getState(req.params.id)));
  export default app.init();`;

before(async () => {
  gateway = await startGateway();
  directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/adoption-'));
  await writeFile(join(directory, 'index.js'), source);
});
after(async () => {
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function deploy(space: TestSpace, mode: BuildMode): Promise<void> {
  const answer = await space.deploy(directory, mode);
  assert.equal(answer.status, 201, answer.text);
}
const start = async (space: TestSpace, name: string): Promise<string> => {
  const answer = await space.request(`/start/${name}`, { method: 'POST', json: { order: 7 } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json()._id;
};
const statusOf = async (space: TestSpace, name: string, id: string) =>
  (await space.request(`/status/${name}/${id}`)).json();
const setPaused = async (space: TestSpace, topic: string, verb: 'pause' | 'resume') => {
  const answer = await space.admin('POST', `/topics/workflowqueue_${topic}/${verb}`);
  assert.equal(answer.status, 200, answer.text);
};

test('an instance whose next task waits goes on with our engine, with what the task carried', async () => {
  const space = await createTestSpace(gateway, 'adopt-line');
  await deploy(space, 'original');
  await setPaused(space, 'line_second', 'pause');
  const id = await start(space, 'line');
  await poll(
    async () => (await space.admin('GET', '/tasks?topic=workflowqueue_line_second')).json().tasks,
    (tasks) => tasks.length === 1,
  );
  await deploy(space, 'tackle');
  await setPaused(space, 'line_second', 'resume');
  const document = await poll(
    () => statusOf(space, 'line', id),
    (found) => found.nextStep === null,
  );
  assert.deepEqual([document.order, document.result, document.status], [7, 'by the task', 'completed']);
  assert.equal((await space.admin('GET', `/workflow-instances/${id}`)).json().status, 'completed');
});

test('a fork of which one branch is done goes on with the others and joins once', async () => {
  const space = await createTestSpace(gateway, 'adopt-fork');
  await deploy(space, 'original');
  for (const step of ['b', 'c']) await setPaused(space, `fork_${step}`, 'pause');
  const id = await start(space, 'fork');
  await poll(
    () => statusOf(space, 'fork', id),
    (found) => found.parallelSteps?.a?.done === true,
  );
  await deploy(space, 'tackle');
  for (const step of ['b', 'c']) await setPaused(space, `fork_${step}`, 'resume');
  const document = await poll(
    () => statusOf(space, 'fork', id),
    (found) => found.nextStep === null,
  );
  assert.deepEqual([document.b, document.c, document.joins, document.status], [1, 1, 1, 'completed']);
});

test('going back to the original engine is refused while an instance of ours waits, also by rollback', async () => {
  const space = await createTestSpace(gateway, 'go-back');
  await deploy(space, 'original');
  await deploy(space, 'tackle');
  await setPaused(space, 'line_second', 'pause');
  const id = await start(space, 'line');
  const refused = await space.deploy(directory, 'original');
  assert.equal(refused.status, 409, refused.text);
  assert.match(refused.json().error.message, /1 of "line" running/);
  assert.equal((await space.admin('POST', '/deployments/rollback', {})).status, 409);
  await setPaused(space, 'line_second', 'resume');
  await poll(
    () => statusOf(space, 'line', id),
    (found) => found.status === 'completed',
  );
  await deploy(space, 'original');
});

test('an instance that the original engine left in wait is listed here, and goes on when it is continued', async () => {
  const space = await createTestSpace(gateway, 'adopt-waiting');
  await deploy(space, 'original');
  const id = await start(space, 'ask');
  const queued = await start(space, 'ask');
  const noTasks = () =>
    poll(
      async () => (await space.admin('GET', '/topics')).json().topics as { counts: Record<string, number> }[],
      (topics) => topics.every(({ counts }) => (counts.ready ?? 0) + (counts.running ?? 0) === 0),
    );
  await noTasks();
  await setPaused(space, 'ask_question', 'pause');
  // The other engine enqueues its step: that task is still there when our engine takes over.
  assert.equal((await space.request(`/answer/ask/${queued}`, { method: 'POST', json: { answer: 1 } })).status, 200);
  await deploy(space, 'tackle');
  await poll(
    async () => (await space.admin('GET', '/workflow-instances?status=waiting')).json().instances,
    (instances) => instances.length === 2,
  );
  await setPaused(space, 'ask_question', 'resume');
  assert.equal((await space.request(`/answer/ask/${id}`, { method: 'POST', json: { answer: 42 } })).status, 200);
  for (const [each, heard] of [
    [id, 42],
    [queued, 1],
  ] as const) {
    const document = await poll(
      () => statusOf(space, 'ask', each),
      (found) => found.nextStep === null,
    );
    assert.deepEqual([document.heard, document.thanked, document.status], [heard, true, 'completed']);
  }
});

test('with force, instances are parked, nobody touches them, and they go on where they were with our next deployment', async () => {
  const space = await createTestSpace(gateway, 'forced');
  await deploy(space, 'tackle');
  await setPaused(space, 'line_second', 'pause');
  const queued = await start(space, 'line');
  const waiting = await start(space, 'ask');
  const statusesOf = async () => {
    const { instances } = (await space.admin('GET', '/workflow-instances')).json();
    return (instances as { status: string }[]).map(({ status }) => status);
  };
  await poll(
    async () => (await space.admin('GET', '/tasks?topic=workflowqueue_line_second')).json().tasks,
    (tasks) => tasks.length === 1,
  );
  const built = { bundle: await buildOriginalBundle(directory), kind: 'original' };
  const refused = await space.admin('POST', '/deployments', built);
  assert.match(refused.json().error.message, /--force/);
  assert.equal((await space.admin('POST', '/deployments', { ...built, force: true })).status, 201);
  assert.deepEqual(await statusesOf(), ['parked', 'parked']);
  const parked = (await space.admin('GET', `/workflow-instances/${queued}`)).json();
  assert.match(parked.lastError.message, /original library/);
  await setPaused(space, 'line_second', 'resume');
  assert.equal((await space.admin('POST', `/workflow-instances/${queued}/continue`)).status, 409);
  const own = await start(space, 'line');
  await poll(
    () => statusOf(space, 'line', own),
    (found) => found.nextStep === null,
  );
  assert.deepEqual(await statusesOf(), ['parked', 'parked']);
  await deploy(space, 'tackle');
  const document = await poll(
    () => statusOf(space, 'line', queued),
    (found) => found.status === 'completed',
  );
  assert.deepEqual([document.result, document.lastError], ['by the task', undefined]);
  assert.equal((await space.admin('GET', `/workflow-instances/${waiting}`)).json().status, 'waiting');
  assert.equal((await space.request(`/answer/ask/${waiting}`, { method: 'POST', json: { answer: 3 } })).status, 200);
  await poll(
    () => statusOf(space, 'ask', waiting),
    (found) => found.thanked === true && found.status === 'completed',
  );
  assert.equal((await space.admin('POST', '/deployments/rollback', {})).status, 200);
});
