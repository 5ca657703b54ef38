/**
 * What apps do wrong with queues, jobs and workflows, on a real gateway in its own process, over HTTP. Nothing is fake.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let space: TestSpace;
let directory: string;

const source = `import { app, datastore } from 'tackle-sdk';
  const circle = () => { const state = {}; state.self = { state }; return state; };
  const flows = {
    twice: app.createWorkflow('twice', 'calls goto twice', {
      begin: async (state, goto, wait) => { await goto('left', { first: 1 }); await goto('right', { second: 2 }); await wait(); },
      left: async (state, goto) => goto(null, { side: 'left' }),
      right: async (state, goto) => goto(null, { side: 'right' }),
    }),
    circular: app.createWorkflow('circular', 'stores what is no JSON', {
      begin: async (state, goto) => goto('end', circle()),
      end: async (state, goto) => goto(null),
    }, { maxRetries: 1, retryDelay: 10 }),
    round: app.createWorkflow('round', 'goes in circles', {
      begin: async (state, goto) => goto('again'),
      again: async (state, goto) => goto('begin'),
    }),
    large: app.createWorkflow('large', 'stores too much', {
      begin: async (state, goto) => goto(null, { text: 'x'.repeat(10_000_000) }),
    }, { maxRetries: 0 }),
  };
  app.post('/start/:name', async (req, res) => res.status(201).json(await flows[req.params.name].start(req.body ?? {})));
  app.post('/circular-start', async (req, res) => res.json(await flows.round.start(circle())));
  app.post('/enqueue', async (req, res) => {
    const conn = await datastore.open();
    const payload = req.query.circular ? circle() : { text: 'x'.repeat(Number(req.query.bytes)) };
    if (!req.query.caught) return res.json(await conn.enqueue('sink', payload));
    try { res.json(await conn.enqueue('sink', payload)); } catch (error) { res.status(422).json({ code: error.code, message: error.message }); }
  });
  const odd = { bigint: 1n, function: () => 1, symbol: Symbol('s'), undefined: undefined, nan: Number.NaN, date: new Date(0), map: new Map([[1, 2]]) };
  app.post('/odd/:kind', async (req, res) => {
    const conn = await datastore.open();
    try { res.json(await conn.enqueue('kept', odd[req.params.kind])); } catch (error) { res.status(422).json({ name: error.name, message: error.message }); }
  });
  app.post('/delayed', async (req, res) => {
    const conn = await datastore.open();
    res.json(await conn.enqueue('delayed', {}, { delay: { minus: -5, huge: 1e300, infinite: Infinity, text: 'soon' }[req.query.delay] }));
  });
  app.worker('delayed', (req, res) => res.end());
  app.get('/alive', (req, res) => res.json({ pid: globalThis.boot ??= Math.random() }));
  app.worker('sink', (req, res) => res.end());
  export default app.init();`;

async function deploy(text: string) {
  await writeFile(join(directory, 'index.js'), text);
  return space.deploy(directory, 'tackle');
}

before(async () => {
  gateway = await startGateway();
  space = await createTestSpace(gateway, 'bad-input');
  directory = await mkdtemp(join(import.meta.dirname, '../fixtures/apps/bad-input-'));
  const deployed = await deploy(source);
  assert.equal(deployed.status, 201, deployed.text);
});
after(async () => {
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
});

const post = (path: string) => space.request(path, { method: 'POST', json: {} });
const run = async (name: string, status: string) => {
  const started = await post(`/start/${name}`);
  assert.equal(started.status, 201, started.text);
  return poll(
    async () => (await space.admin('GET', `/workflow-instances/${started.json()._id}`)).json(),
    (instance) => instance.status === status,
  );
};

test('the first goto of a step counts; the second one and a wait are ignored', async () => {
  const { state } = await run('twice', 'completed');
  assert.deepEqual([state.side, state.first, state.second], ['left', 1, undefined]);
});

test('a step that stores a circular state fails after its retries and says why', async () => {
  const { lastError } = await run('circular', 'failed');
  assert.match(lastError.message, /circular/i);
  assert.equal(lastError.step, 'begin');
});

test('an instance that goes in circles fails visibly, and says which step it was', async () => {
  const { lastError } = await run('round', 'failed');
  assert.match(lastError.message, /Step begin .* greater than the maximum step count of 3/);
});

test('a step that stores ten megabytes fails and says what the limit is', async () => {
  const { lastError } = await run('large', 'failed');
  assert.match(lastError.message, /\d+ bytes, more than the 8 MB/);
});

test('a payload of ten megabytes is refused, and the app lives on', async () => {
  const before = (await space.request('/alive')).json().pid;
  const caught = await post('/enqueue?bytes=10000000&caught=1');
  assert.equal(caught.status, 422, caught.text);
  assert.equal(caught.json().code, 'payload_too_large');
  assert.match(caught.json().message, /10000051 bytes, more than the 8 MB/);
  const uncaught = await post('/enqueue?bytes=10000000');
  assert.equal(uncaught.status, 500, uncaught.text.slice(0, 500));
  assert.match(uncaught.text, /check logs/);
  const between = await post('/enqueue?bytes=5000000&caught=1');
  assert.equal(between.json().code, 'payload_too_large');
  assert.match(between.json().message, /at most 4194304/);
  assert.equal((await space.request('/alive')).json().pid, before);
});

test('a circular payload or state is refused with an error that says so', async () => {
  const enqueued = await post('/enqueue?circular=1&caught=1');
  assert.equal(enqueued.status, 422, enqueued.text);
  assert.match(enqueued.json().message, /circular/i);
  assert.equal((await post('/circular-start')).status, 500);
});

const taskOf = async (id: string) => (await space.admin('GET', `/tasks/${id}`)).json();

test('a payload that is no JSON value is refused, or stored as what JSON makes of it', async () => {
  for (const kind of ['bigint', 'function', 'symbol']) {
    const answer = await post(`/odd/${kind}`);
    assert.equal(answer.status, 422, `${kind}: ${answer.text}`);
    assert.match(answer.json().message, new RegExp(kind, 'i'));
  }
  const stored = { undefined: null, nan: null, date: '1970-01-01T00:00:00.000Z', map: {} };
  for (const [kind, payload] of Object.entries(stored)) {
    const answer = await post(`/odd/${kind}`);
    assert.equal(answer.status, 200, `${kind}: ${answer.text}`);
    assert.deepEqual((await taskOf(answer.json()._id)).payload, payload, kind);
  }
});

test('delays that are negative or no numbers are now, huge ones are ten years', async () => {
  for (const delay of ['minus', 'text']) {
    const answer = await post(`/delayed?delay=${delay}`);
    assert.equal(answer.status, 200, answer.text);
    await poll(
      () => taskOf(answer.json()._id),
      (task) => task.state === 'done',
    );
  }
  const answer = await post('/delayed?delay=huge');
  assert.equal(answer.status, 200, answer.text);
  const { state, runAtMs, createdAtMs } = await taskOf(answer.json()._id);
  assert.equal(state, 'scheduled');
  assert.equal(Math.floor((runAtMs - createdAtMs) / (365.25 * 86_400_000)), 10);
});

test('a deployment with an invalid cron expression is refused with the expression and its line in the source', async () => {
  for (const call of ["app.job('61 * * * *', () => {});", "schedule.cron('61 * * * *', () => {});"]) {
    const answer = await deploy(`import { app, schedule } from 'tackle-sdk';\n\n\n${call}\nexport default app.init();`);
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json().error.message, /"61 \* \* \* \*".* index\.js:4:\d+/);
  }
});
