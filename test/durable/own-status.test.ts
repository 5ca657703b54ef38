/** Instances that keep a field `status` of their own, on a real gateway in its own process. Nothing is fake. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let directory: string;
before(async () => {
  gateway = await startGateway();
  directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/own-status-'));
});
after(async () => {
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
});

test('continueAllTimedOut continues what failed and nothing else, whatever the status field of the document says', async () => {
  await writeFile(
    join(directory, 'index.js'),
    `import { app, datastore } from 'tackle-sdk';
     const flow = app.createWorkflow('flow', 'has a status of its own', {
       first: async (state, goto, wait) => {
         if (state.waits) return wait({ status: 'asked' });
         const conn = await datastore.open();
         if ((await conn.get('open')) !== 'yes') throw new Error('closed');
         await goto(null, { runs: (state.runs ?? 0) + 1 });
       },
     }, { maxRetries: 0 });
     app.post('/start', async (req, res) => res.json(await flow.start(req.body)));
     app.post('/open', async (req, res) => {
       const conn = await datastore.open();
       await conn.set('open', 'yes');
       const timedOut = await flow.findTimedOutSteps();
       res.json({ continued: await flow.continueAllTimedOut(), timedOut });
     });
     export default app.init();`,
  );
  const space = await createTestSpace(gateway, 'own-status');
  assert.equal((await space.deploy(directory, 'tackle')).status, 201);
  const start = async (state: object): Promise<string> =>
    (await space.request('/start', { method: 'POST', json: state })).json()._id;
  const failing = await Promise.all([start({ status: 'new' }), start({ status: 'waiting' }), start({})]);
  const waiting = await start({ waits: true });
  const statusesOf = async (): Promise<Record<string, string>> => {
    const { instances } = (await space.admin('GET', '/workflow-instances')).json();
    return Object.fromEntries((instances as { id: string; status: string }[]).map(({ id, status }) => [id, status]));
  };
  const until = (wanted: string) =>
    poll(statusesOf, (statuses) => failing.every((id) => statuses[id] === wanted) && statuses[waiting] === 'waiting');
  await until('failed');
  const { continued, timedOut } = (await space.request('/open', { method: 'POST' })).json();
  const ids = (continued as { instanceId: string }[]).map(({ instanceId }) => instanceId);
  assert.deepEqual(ids.sort(), [...failing].sort());
  assert.deepEqual(timedOut, []);
  await until('completed');
});
