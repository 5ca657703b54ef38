/**
 * Queues, jobs and workflows of an app on a real gateway in its own process, over HTTP. Nothing is fake.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let space: TestSpace;

before(async () => {
  gateway = await startGateway();
  space = await createTestSpace(gateway, 'durable');
  const deployed = await space.deploy(join(import.meta.dirname, '../fixtures/apps/durable'), 'tackle');
  assert.equal(deployed.status, 201, deployed.text);
});
after(() => gateway?.stop());

const post = async (path: string, json: unknown = {}) => space.request(path, { method: 'POST', json });
const get = async (path: string) => (await space.request(path)).json();
const start = async (name: string, state: object = {}): Promise<string> => {
  const answer = await post(`/start/${name}`, state);
  assert.equal(answer.status, 201, answer.text);
  return answer.json()._id;
};
const statusOf = (name: string, id: string) => get(`/status/${name}/${id}`);
const until = (name: string, id: string, status: string) =>
  poll(
    () => statusOf(name, id),
    (document) => document.status === status,
  );

describe('workflows', () => {
  test('an instance runs through its steps and keeps what they stored', async () => {
    const document = await until('flow', await start('flow', { order: 7 }), 'completed');
    assert.deepEqual(document.trail, ['first', 'second', 'third']);
    assert.equal(document.result, 'processed');
    assert.equal(document.order, 7);
    assert.equal(document.nextStep, null);
    assert.equal(document.stepCount.second.visits, 1);
  });

  test('a fork of ten joins once with the results of all branches', async () => {
    const document = await until('wide', await start('wide'), 'completed');
    assert.equal(document.sum, 45);
    assert.equal(document.joins, 1);
    assert.ok(Object.values(document.parallelSteps).every((entry) => (entry as { done: boolean }).done));
  });

  test('wait pauses until the state is updated from outside', async () => {
    const id = await start('approval');
    await until('approval', id, 'waiting');
    await post(`/update/approval/${id}`, { approved: true });
    assert.equal((await until('approval', id, 'completed')).result, 'yes');
  });

  test('a step sleeps, waits for an event, has a child, and what it ran before is not run again', async () => {
    const id = await start('events', { withChild: true });
    await until('events', id, 'waiting');
    await post(`/event/events/${id}`, { amount: 5 });
    const document = await until('events', id, 'completed');
    assert.deepEqual(document.payment, { amount: 5 });
    assert.equal(document.child, 'processed');
    assert.equal(document.number, 1);
    assert.equal((await get(`/kv/runs-${id}`)).value, 1);
  });

  test('an event that comes before anybody waits is kept', async () => {
    const id = await start('events', { sleepMs: 300 });
    await post(`/event/events/${id}`, { early: true });
    assert.deepEqual((await until('events', id, 'completed')).payment, { early: true });
  });

  test('a wait for an event ends with null after its timeout', async () => {
    const id = await start('events', { timeout: 50 });
    assert.equal((await until('events', id, 'completed')).payment, null);
  });

  test('a failing step is retried with backoff and its error is shown', async () => {
    const document = await until('failing', await start('failing', { failures: 2 }), 'completed');
    assert.equal(document.attempts, 3);
    const id = await start('failing', { failures: 9 });
    const failed = await until('failing', id, 'failed');
    assert.equal(failed.lastError.message, 'Error: failure 3', 'one line; the log has the stack of the source');
    const history = await get(`/history/failing/${id}`);
    assert.deepEqual(
      history.map((entry: { outcome: string }) => entry.outcome),
      ['retrying', 'retrying', 'failed'],
    );
  });

  test('a terminal error is not retried', async () => {
    const failed = await until('failing', await start('failing', { terminal: true }), 'failed');
    assert.match(failed.lastError.message, /no use/);
    assert.equal(failed.lastError.attempt, 1);
  });

  test('goto to an unknown step parks the instance and says why', async () => {
    const parked = await until('failing', await start('failing', { next: 'nowhere' }), 'parked');
    assert.match(parked.lastError.message, /"nowhere" is not part of the deployed workflow/);
  });

  test('a cancelled instance runs no further step', async () => {
    const id = await start('approval');
    await until('approval', id, 'waiting');
    assert.equal((await post(`/cancel/approval/${id}`)).json().status, 'cancelled');
    const refused = await post(`/update/approval/${id}`, { approved: true });
    assert.equal(refused.status, 500);
    assert.equal((await statusOf('approval', id)).result, undefined);
  });

  test('an instance is forked from an earlier step with changed state', async () => {
    const id = await start('flow', { order: 1 });
    await until('flow', id, 'completed');
    const forked = (await post(`/fork/flow/${id}/second`, { state: { order: 2 } })).json();
    assert.notEqual(forked._id, id);
    const document = await until('flow', forked._id, 'completed');
    assert.equal(document.order, 2);
    assert.deepEqual(document.trail, ['first', 'second', 'third']);
  });

  test('an unknown id is answered with an error', async () => {
    const answer = await space.request('/status/flow/ffffffffffffffffffffffff');
    assert.equal(answer.status, 404);
  });
});

describe('workers', () => {
  const seen = (collection: string, count: number) =>
    poll(
      () => get(`/seen/${collection}`),
      (documents) => documents.length >= count,
    );

  test('one worker handles tasks in the order in which they were enqueued', async () => {
    await post(
      '/enqueue/count',
      Array.from({ length: 50 }, (_, n) => ({ n })),
    );
    const documents = await seen('seen', 50);
    assert.deepEqual(
      documents.map(({ n }: { n: number }) => n),
      Array.from({ length: 50 }, (_, n) => n),
    );
  });

  test('enqueueMany keeps the order of its list, answers an id for each, and takes all or none', async () => {
    const before = (await get('/seen/seen')).length;
    const list = Array.from({ length: 200 }, (_, n) => ({ n: 10_000 + n }));
    const { ids, count } = (await post('/enqueue-many/count', list)).json();
    assert.equal(new Set(ids).size, 200);
    assert.equal(count, 200);
    const documents = await seen('seen', before + 200);
    assert.deepEqual(
      documents.slice(before).map(({ n }: { n: number }) => n),
      list.map(({ n }) => n),
    );
    const refused = await post(
      '/enqueue-many/count',
      Array.from({ length: 1_001 }, () => ({ n: 0 })),
    );
    assert.equal(refused.status, 422);
    assert.match(refused.json().message, /at most 1000 payloads, not 1001 payloads/);
    assert.deepEqual((await post('/enqueue-many/count', [])).json(), { ids: [], count: 0 });
  });

  test('a transaction with settle counts every task exactly once', async () => {
    await post(
      '/enqueue/counted-once',
      Array.from({ length: 20 }, (_, n) => ({ n })),
    );
    const documents = await seen('once', 21);
    assert.equal(documents.find(({ _id }: { _id: string }) => _id === 'total').count, 20);
  });

  test('enqueueFromQuery gives every document to the worker', async () => {
    for (let n = 0; n < 5; n += 1) await space.admin('POST', '/collections/source/documents', { n: 1000 + n });
    const before = (await get('/seen/seen')).length;
    const result = (await post('/from-query')).json();
    assert.equal(result.count, result.queued);
    await seen('seen', before + result.count);
  });

  test('runAt in the past runs at once', async () => {
    await post('/later', { inMs: -1000 });
    await poll(
      () => get('/seen/seen'),
      (documents) => documents.some(({ n }: { n: number }) => n === 99),
    );
  });

  test('a batch worker gets arrays', async () => {
    await post(
      '/enqueue/many',
      Array.from({ length: 20 }, (_, n) => ({ n })),
    );
    const batches = await poll(
      () => get('/seen/batches'),
      (documents) => documents.reduce((sum: number, { size }: { size: number }) => sum + size, 0) >= 20,
    );
    assert.ok(batches.length <= 10, `${batches.length} batches`);
  });

  test('an app gets the job with its id and payload', async () => {
    const [job] = (await post('/enqueue/twice', { a: 1 })).json();
    assert.match(job._id, /^[0-9a-f]{24}$/);
    assert.deepEqual(job.payload, { a: 1 });
    assert.equal(job.topic, 'twice');
  });
});
