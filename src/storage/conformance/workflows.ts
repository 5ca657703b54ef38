import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import type { StepOutcome } from '../../core/workflow.ts';
import type { ClaimedTask } from '../../ports/storage/tasks.ts';
import type { Storage } from '../../ports/storage.ts';
import { inSpace, type StorageHarness, testSpace } from './harness.ts';

const instance = {
  space: testSpace,
  id: '6b00dab9f7c81f813c85c880',
  name: 'flow',
  collection: 'workflowdata',
  queuePrefix: 'q',
  maxStepCount: 3,
  version: null,
  parent: null,
};
const ref = { space: testSpace, id: instance.id };

export function testWorkflows(harness: StorageHarness): void {
  const start = async (storage: Storage, state: JsonObject = {}) => {
    const [change] = await storage.commit(
      [{ kind: 'workflow.start', instance, step: 'a', state, delayMs: 0, nowMs: 1_000 }],
      inSpace,
    );
    return JSON.parse(change.document) as JsonObject;
  };
  const claimStep = async (storage: Storage, step: string): Promise<ClaimedTask | undefined> => {
    const requests = [{ space: testSpace, topic: `q_flow_${step}`, limit: 1 }];
    const [result] = await storage.commit([{ kind: 'task.claim', owner: 'me', nowMs: 1_000, requests }], inSpace);
    return result.tasks[0];
  };
  const report = async (storage: Storage, task: ClaimedTask, outcome: StepOutcome) => {
    const { branch } = JSON.parse(task.payload) as { branch: string };
    const lease = { seq: task.seq, attempt: task.attempt };
    const [result] = await storage.commit(
      [
        {
          kind: 'workflow.steps',
          reports: [{ ...ref, branch, onlyIn: null, lease, startedAtMs: 1_000, outcome, settlement: { type: 'done' } }],
          nowMs: 2_000,
        },
      ],
      inSpace,
    );
    return result.reports[0]!;
  };
  const goto = (next: string | readonly string[] | null, patch: JsonObject = {}): StepOutcome => ({
    type: 'goto',
    next,
    patch,
    delayMs: 0,
    join: true,
  });
  const documentOf = async (storage: Storage): Promise<JsonObject> =>
    JSON.parse((await storage.read({ kind: 'workflow.get', ...ref }))?.document ?? 'null') as JsonObject;

  describe(`${harness.name}: workflows`, () => {
    test('the start stores document, row and first task together', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const document = await start(storage, { order: 1, nextStep: 'forged' });
      assert.equal(document.order, 1);
      assert.equal(document.nextStep, 'a');
      assert.equal(document._id, instance.id);
      assert.ok(await claimStep(storage, 'a'));
      await assert.rejects(start(storage), (error: { code?: string }) => error.code === 'duplicate_id');
    });

    test('a step changes the document, settles its task and enqueues the next in one commit', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await start(storage);
      const task = (await claimStep(storage, 'a'))!;
      assert.equal((await report(storage, task, goto('b', { seen: true }))).type, 'applied');
      assert.equal((await report(storage, task, goto('b', { seen: 'twice' }))).type, 'stale');
      const document = await documentOf(storage);
      assert.deepEqual([document.seen, document.nextStep, document.previousStep], [true, 'b', 'a']);
      assert.ok(await claimStep(storage, 'b'));
      assert.equal(await claimStep(storage, 'a'), undefined);
    });

    for (const when of ['before its first step', 'between two steps'] as const) {
      const begin = async (storage: Storage): Promise<ClaimedTask> => {
        await start(storage);
        if (when === 'between two steps') await report(storage, (await claimStep(storage, 'a'))!, goto('a', { n: 1 }));
        return (await claimStep(storage, 'a'))!;
      };
      const document = { space: testSpace, collection: 'workflowdata' };
      const targets = [{ id: instance.id }];

      test(`what the app wrote to its fields ${when} stays; what it wrote to control fields does not`, async () => {
        await using opened = await harness.open();
        const { storage } = opened;
        const task = await begin(storage);
        const change = { type: 'replace', body: JSON.stringify({ own: 1, nextStep: 'forged' }) } as const;
        await storage.commit([{ kind: 'document.write', ...document, targets, mode: 'first', change }], inSpace);
        await report(storage, task, goto('b', { n: 2 }));
        const { own, nextStep, n } = await documentOf(storage);
        assert.deepEqual([own, nextStep, n], [1, 'b', 2]);
      });

      test(`an instance whose document was removed ${when} is cancelled and says so`, async () => {
        await using opened = await harness.open();
        const { storage } = opened;
        const task = await begin(storage);
        await storage.commit([{ kind: 'document.remove', ...document, targets, mode: 'first' }], inSpace);
        await report(storage, task, goto('b'));
        const view = await storage.read({ kind: 'workflow.get', ...ref });
        assert.equal(view?.instance.control.status, 'cancelled');
        assert.match(view?.instance.control.lastError?.message ?? '', /removed/);
      });

      test(`a document that was removed and written again ${when} is the new one`, async () => {
        await using opened = await harness.open();
        const { storage } = opened;
        const task = await begin(storage);
        const documents = [{ id: instance.id, body: '{"own":2}' }];
        await storage.commit([{ kind: 'collection.drop', ...document }], inSpace);
        await storage.commit([{ kind: 'document.insert', ...document, documents }], inSpace);
        await report(storage, task, goto('b'));
        const { own, n, nextStep } = await documentOf(storage);
        assert.deepEqual([own, n, nextStep], [2, undefined, 'b']);
      });
    }

    test('a document that its schema refuses rejects the report and nothing else', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await start(storage, { n: 1 });
      const schema = { type: 'object', properties: { n: { type: 'number' } } };
      await storage.commit([{ kind: 'collection.put', space: testSpace, collection: 'workflowdata', schema }], inSpace);
      const task = (await claimStep(storage, 'a'))!;
      const result = await report(storage, task, goto('b', { n: 'text' }));
      assert.equal(result.type === 'rejected' && result.error.code, 'schema_violation');
      assert.equal((await documentOf(storage)).nextStep, 'a');
      assert.equal((await report(storage, task, goto('b', { n: 2 }))).type, 'applied');
    });

    test('a fork joins once, with what every branch stored', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await start(storage);
      await report(storage, (await claimStep(storage, 'a'))!, goto(['x', 'y']));
      const x = (await claimStep(storage, 'x'))!;
      const y = (await claimStep(storage, 'y'))!;
      await report(storage, y, goto('join', { y: 2 }));
      assert.equal(await claimStep(storage, 'join'), undefined);
      await report(storage, x, goto('join', { x: 1 }));
      assert.ok(await claimStep(storage, 'join'));
      assert.equal(await claimStep(storage, 'join'), undefined);
      const document = await documentOf(storage);
      assert.deepEqual([document.x, document.y], [1, 2]);
    });

    test('an event finds the waiting step; one that comes first is kept; ids are delivered once', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const send = async (payload: string, id: string | null) => {
        const [result] = await storage.commit(
          [
            {
              kind: 'workflow.send',
              space: testSpace,
              event: 'paid',
              key: null,
              instanceId: instance.id,
              payload,
              expiresAtMs: 9e15,
              dedupeId: id,
              nowMs: 3_000,
            },
          ],
          inSpace,
        );
        return result;
      };
      const wait = { type: 'event', memo: 'event:paid', event: 'paid', key: null, timeoutMs: null } as const;
      await start(storage);
      assert.equal((await send('early', 'e1')).delivered, null);
      assert.equal((await send('early', 'e1')).duplicate, true);
      await report(storage, (await claimStep(storage, 'a'))!, { type: 'suspend', request: wait });
      const again = (await claimStep(storage, 'a'))!;
      const { visit } = JSON.parse(again.payload) as { visit: number };
      const [loaded] = await storage.read({ kind: 'workflow.load', steps: [{ ...ref, visit }] });
      assert.deepEqual(loaded?.memory, { 'event:paid': { type: 'event', payload: 'early' } });
      const second = { ...wait, memo: 'event:paid#2' };
      await report(storage, again, { type: 'suspend', request: second });
      assert.equal(await claimStep(storage, 'a'), undefined);
      assert.equal((await send('late', null)).delivered, instance.id);
      assert.ok(await claimStep(storage, 'a'));
    });

    test('a cancelled instance drops its tasks and takes no report', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await start(storage);
      const task = (await claimStep(storage, 'a'))!;
      const [change] = await storage.commit(
        [{ kind: 'workflow.apply', ...ref, operation: { type: 'cancel', reason: null }, nowMs: 2_000 }],
        inSpace,
      );
      assert.equal(change.status, 'cancelled');
      assert.equal((await report(storage, task, goto('b'))).type, 'stale');
      assert.equal(await claimStep(storage, 'b'), undefined);
    });

    test('a fork from a step begins with the state that the step had, and with edits', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await start(storage, { n: 1 });
      await report(storage, (await claimStep(storage, 'a'))!, goto('b', { n: 2 }));
      await report(storage, (await claimStep(storage, 'b'))!, goto(null, { n: 3 }));
      const history = await storage.read({ kind: 'workflow.history', ...ref });
      assert.deepEqual(
        history.map(({ step, outcome }) => [step, outcome]),
        [
          ['a', 'goto'],
          ['b', 'goto'],
        ],
      );
      const [change] = await storage.commit(
        [
          {
            kind: 'workflow.fork',
            from: ref,
            number: 2,
            id: 'forked',
            patch: { extra: true },
            outcome: null,
            memory: {},
            keepMemory: true,
            version: null,
            nowMs: 5_000,
          },
        ],
        inSpace,
      );
      const document = JSON.parse(change.document) as JsonObject;
      assert.deepEqual([document.n, document.extra, document.nextStep], [2, true, 'b']);
    });
  });
}
