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
  const flows = { line, fork };
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
