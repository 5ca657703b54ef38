/** Workflow instances over deployments, on a real gateway in its own process. Nothing is fake. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let directory: string;

before(async () => {
  gateway = await startGateway();
  directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/versions-'));
});
after(async () => {
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Each version of the app says in `by` which one ran the step. */
async function deploy(space: TestSpace, version: string, steps: string): Promise<void> {
  const source = `import { app } from 'tackle-sdk';
    const ask = async (state, goto, wait) => (state.go ? goto(state.to ?? 'finish') : wait());
    const finish = async (state, goto) => goto(null, { by: '${version}' });
    const extra = async (state, goto) => goto(null, { by: '${version}', extra: true });
    app.createWorkflow('latest', 'moves on', ${steps});
    app.createWorkflow('pinned', 'stays', ${steps}, { versioning: 'pinned' });
    export default app.init();`;
  await writeFile(join(directory, 'index.js'), source);
  const answer = await space.deploy(directory, 'tackle');
  assert.equal(answer.status, 201, answer.text);
}

const start = async (space: TestSpace, workflow: string, state: object = {}): Promise<string> => {
  const answer = await space.admin('POST', '/workflow-instances', { workflow, state });
  assert.equal(answer.status, 201, answer.text);
  return answer.json()._id;
};
const until = (space: TestSpace, id: string, status: string) =>
  poll(
    async () => (await space.admin('GET', `/workflow-instances/${id}`)).json(),
    (instance) => instance.status === status,
  );

test('waiting instances go on with the new code, pinned ones with their own', async () => {
  const space = await createTestSpace(gateway, 'versions');
  await deploy(space, 'one', '{ ask, finish }');
  const latest = await start(space, 'latest');
  const pinned = await start(space, 'pinned');
  await until(space, latest, 'waiting');
  await until(space, pinned, 'waiting');
  await deploy(space, 'two', '{ ask, finish }');
  for (const id of [latest, pinned]) {
    await space.admin('POST', '/collections/workflowdata/query', { query: { _id: id }, update: { go: true } });
    await space.admin('POST', `/workflow-instances/${id}/continue`, {});
  }
  assert.equal((await until(space, latest, 'completed')).state.by, 'two');
  assert.equal((await until(space, pinned, 'completed')).state.by, 'one');
});

test('a step that the new code does not know parks the instance until code comes that does', async () => {
  const space = await createTestSpace(gateway, 'parking');
  await deploy(space, 'one', '{ ask, finish }');
  const id = await start(space, 'latest', { go: true, to: 'extra' });
  const parked = await until(space, id, 'parked');
  assert.match(parked.lastError.message, /"extra" is not part/);
  await deploy(space, 'two', '{ ask, finish, extra }');
  const completed = await until(space, id, 'completed');
  assert.deepEqual([completed.state.by, completed.state.extra], ['two', true]);
});

test('an instance whose step was removed while it was queued is parked, not lost', async () => {
  const space = await createTestSpace(gateway, 'removed');
  await deploy(space, 'one', '{ ask, finish }');
  await space.admin('POST', '/topics/workflowqueue_latest_finish/pause');
  const id = await start(space, 'latest', { go: true });
  await poll(
    async () => (await space.admin('GET', `/workflow-instances/${id}`)).json(),
    (instance) => instance.step === 'finish',
  );
  await deploy(space, 'two', '{ ask }');
  await space.admin('POST', '/topics/workflowqueue_latest_finish/resume');
  await until(space, id, 'parked');
  await deploy(space, 'three', '{ ask, finish }');
  assert.equal((await until(space, id, 'completed')).state.by, 'three');
});
