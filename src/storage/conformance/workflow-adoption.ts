import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import type { ClaimedTask } from '../../ports/storage/tasks.ts';
import type { WorkflowChange } from '../../ports/storage/workflows.ts';
import type { Storage } from '../../ports/storage.ts';
import { get, inSpace, insert, type StorageHarness, testSpace } from './harness.ts';

const collection = 'workflowdata';
const id = '6b00dab9f7c81f813c85c880';
const instance = {
  space: testSpace,
  id,
  name: 'flow',
  collection,
  queuePrefix: 'q',
  maxStepCount: 3,
  version: null,
  parent: null,
};
/** As the original library's engine leaves a document whose step `b` is queued (spec 8.2). */
const waiting: JsonObject = {
  order: 7,
  nextStep: 'b',
  previousStep: 'a',
  workflowName: 'flow',
  createdAt: '2026-01-02T03:04:05.000Z',
};
const forked: JsonObject = {
  nextStep: ['x', 'y', 'z'],
  previousStep: 'a',
  parallelSteps: { x: { done: true }, y: { done: false }, z: { done: false } },
};

/** Taking over instances that the original library's engine began. */
export function testWorkflowAdoption(harness: StorageHarness): void {
  const claim = async (storage: Storage, step: string, nowMs = 1_000): Promise<ClaimedTask | undefined> => {
    const requests = [{ space: testSpace, topic: `q_flow_${step}`, limit: 1 }];
    const [result] = await storage.commit([{ kind: 'task.claim', owner: 'me', nowMs, requests }], inSpace);
    return result.tasks[0];
  };
  /** Its task as that engine enqueues it: the whole state. */
  const enqueueOriginal = async (storage: Storage, step: string, state: JsonObject): Promise<ClaimedTask> => {
    const payload = JSON.stringify({ ...state, _id: id });
    const task = { space: testSpace, topic: `q_flow_${step}`, payload };
    await storage.commit([{ kind: 'task.enqueue', tasks: [task], nowMs: 1_000 }], inSpace);
    return (await claim(storage, step))!;
  };
  const adopt = async (storage: Storage, step: string, task: ClaimedTask): Promise<WorkflowChange | null> => {
    const { _id, ...state } = JSON.parse(task.payload) as JsonObject;
    const lease = { seq: task.seq, attempt: task.attempt };
    const [change] = await storage.commit(
      [{ kind: 'workflow.adopt', instance, step, state, lease, nowMs: 2_000 }],
      inSpace,
    );
    return change;
  };
  const stateOf = async (storage: Storage, task: ClaimedTask) =>
    (await storage.read({ kind: 'task.find', space: testSpace, id: task.id }))[0]?.state;
  const statusOf = async (storage: Storage) =>
    (await storage.read({ kind: 'workflow.get', space: testSpace, id }))?.instance.control.status ?? null;

  describe(`${harness.name}: adoption of workflow instances`, () => {
    test('gives the document a row, queues the step, and settles the task, in one commit', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { [id]: waiting }, collection);
      const task = await enqueueOriginal(storage, 'b', { ...waiting, carried: 'by the task' });
      const change = await adopt(storage, 'b', task);
      assert.deepEqual(change?.topics, [{ space: testSpace, topic: 'q_flow_b' }]);
      assert.deepEqual(change?.ended, []);
      assert.equal(await stateOf(storage, task), 'done');
      assert.equal(await statusOf(storage), 'running');
      const document = await get(storage, id, collection);
      assert.deepEqual([document?.order, document?.carried, document?.nextStep], [7, 'by the task', 'b']);
      const step = await claim(storage, 'b');
      assert.equal((JSON.parse(step!.payload) as JsonObject).instanceId, id);
      assert.equal(await claim(storage, 'b'), undefined);
    });

    test('continues a fork with the branches that are not done, whichever task comes first, and once', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { [id]: forked }, collection);
      const z = await enqueueOriginal(storage, 'z', forked);
      const y = await enqueueOriginal(storage, 'y', forked);
      assert.notEqual(await adopt(storage, 'z', z), null);
      assert.equal(await adopt(storage, 'y', y), null);
      assert.deepEqual([await stateOf(storage, y), await stateOf(storage, z)], ['done', 'done']);
      const queued = await Promise.all(['x', 'y', 'z'].map(async (step) => (await claim(storage, step)) !== undefined));
      assert.deepEqual(queued, [false, true, true]);
      assert.equal(await claim(storage, 'y'), undefined);
    });

    test('takes nothing over from a task whose lease is lost', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { [id]: waiting }, collection);
      const task = await enqueueOriginal(storage, 'b', waiting);
      await storage.commit([{ kind: 'task.reclaim', nowMs: 1_500, limit: 10, notOwner: 'another' }], inSpace);
      assert.equal(await adopt(storage, 'b', task), null);
      assert.equal(await statusOf(storage), null);
      assert.equal(await stateOf(storage, task), 'ready');
    });

    test('leaves an instance that has ended alone, and settles what is left of it', async () => {
      const endings: JsonObject[] = [{ nextStep: null }, { nextStep: 'b', status: 'cancelled' }];
      for (const ended of endings) {
        await using opened = await harness.open();
        const { storage } = opened;
        const document = { ...waiting, ...ended };
        await insert(storage, { [id]: document }, collection);
        const task = await enqueueOriginal(storage, 'b', waiting);
        assert.equal(await adopt(storage, 'b', task), null);
        assert.equal(await stateOf(storage, task), 'done');
        assert.equal(await statusOf(storage), null);
        assert.deepEqual(await get(storage, id, collection), { ...document, _id: id });
      }
    });

    test('is refused without a document, and its task stays as it was', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const task = await enqueueOriginal(storage, 'b', waiting);
      await assert.rejects(adopt(storage, 'b', task), (thrown: { code?: string }) => thrown.code === 'not_found');
      assert.equal(await stateOf(storage, task), 'running');
      assert.equal(await statusOf(storage), null);
    });

    test('survives that the engine is opened again', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { [id]: waiting }, collection);
      await adopt(opened.storage, 'b', await enqueueOriginal(opened.storage, 'b', waiting));
      const storage = await opened.reopen();
      assert.equal(await statusOf(storage), 'running');
      assert.ok(await claim(storage, 'b'));
    });
  });
}
