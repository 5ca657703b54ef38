import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskLease } from '../../core/task.ts';
import type { NewTask } from '../../ports/storage/tasks.ts';
import type { Storage } from '../../ports/storage.ts';
import { inSpace, type StorageHarness, testSpace } from './harness.ts';

const error = { code: 'internal', message: 'as told' } as const;

export function testTasks(harness: StorageHarness): void {
  const topic = { space: testSpace, topic: 'orders' };
  const enqueue = async (storage: Storage, tasks: readonly Partial<NewTask>[], nowMs = 1_000) => {
    const full = tasks.map((task) => ({ ...topic, payload: '{}', ...task }));
    const [result] = await storage.commit([{ kind: 'task.enqueue', tasks: full, nowMs }], inSpace);
    return result.tasks;
  };
  const claim = async (storage: Storage, limit = 10, nowMs = 1_000, owner = 'me') => {
    const [result] = await storage.commit(
      [{ kind: 'task.claim', owner, nowMs, requests: [{ ...topic, limit }] }],
      inSpace,
    );
    return result;
  };
  const settle = async (
    storage: Storage,
    lease: { seq: number; attempt: number },
    settlement: Parameters<typeof toSettlement>[1],
    nowMs = 1_000,
  ) => {
    const [result] = await storage.commit(
      [{ kind: 'task.settle', settlements: [toSettlement(lease, settlement)], nowMs }],
      inSpace,
    );
    return result.tasks[0]!;
  };
  const configure = (storage: Storage, declared: Record<string, never | number | boolean | object>) =>
    storage.commit([{ kind: 'topic.configure', ...topic, declared: declared as never }], inSpace);

  describe(`${harness.name}: tasks`, () => {
    test('are claimed in order of enqueueing, higher priority first', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{ payload: '1' }, { payload: '2' }, { payload: '3', priority: 5 }]);
      const { tasks } = await claim(storage);
      assert.deepEqual(
        tasks.map(({ payload }) => payload),
        ['3', '1', '2'],
      );
      assert.equal((await claim(storage)).tasks.length, 0);
    });

    test('a space that is removed takes its tasks in every state along, and their leases', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const other = { space: 'another', topic: 'orders', payload: '{}' };
      await enqueue(storage, [{}, { key: 'k' }, { key: 'k' }, { runAtMs: 9_000 }, { ...other }]);
      const staged = { ...topic, payload: '{}' };
      await storage.commit([{ kind: 'task.enqueue', tasks: [staged], nowMs: 1_000, stage: 'batch' }], inSpace);
      const [lease] = (await claim(storage, 1)).tasks;
      const { seqs, next } = await storage.read({ kind: 'task.ofSpace', space: testSpace, after: 0 });
      assert.deepEqual([seqs.length, next], [5, null]);
      for (const topics of [false, true]) {
        await storage.commit([{ kind: 'task.removeSpace', space: testSpace, seqs, topics }], inSpace);
      }
      assert.equal((await settle(storage, lease!, { type: 'done' })).status, 'lost');
      assert.deepEqual(await storage.read({ kind: 'topic.list', space: testSpace, counts: true }), []);
      const [kept] = await storage.read({ kind: 'topic.list', space: 'another', counts: true });
      assert.equal(kept?.counts.ready, 1);
      const [fresh] = await enqueue(storage, [{}]);
      assert.ok(fresh!.seq > Math.max(...seqs));
    });

    test('a settled task is gone from the queue, and its lease is of no more use', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{}]);
      const [task] = (await claim(storage)).tasks;
      assert.equal((await settle(storage, task!, { type: 'done' })).status, 'settled');
      assert.equal((await settle(storage, task!, { type: 'done' })).status, 'lost');
      await assert.rejects(
        storage.commit([{ kind: 'task.fence', leases: [task!] }], inSpace),
        (thrown: { code?: string }) => thrown.code === 'lease_lost',
      );
    });

    test('what an attempt has settled itself passes the fence that says so, what was taken from it does not', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const fence = (lease: TaskLease) =>
        storage.commit([{ kind: 'task.fence', leases: [lease], orSettled: true }], inSpace);
      const isLost = (thrown: { code?: string }) => thrown.code === 'lease_lost';
      await enqueue(storage, [{}]);
      const [first] = (await claim(storage)).tasks;
      await fence(first!);
      await settle(storage, first!, { type: 'retry', runAtMs: 1, error, countsAsFailure: true, countsAsCrash: false });
      await fence(first!);
      await storage.commit([{ kind: 'task.promote', nowMs: 10, limit: 10 }], inSpace);
      const [second] = (await claim(storage)).tasks;
      await assert.rejects(fence(first!), isLost);
      await settle(storage, second!, { type: 'release' });
      await assert.rejects(fence(second!), isLost);
      const [third] = (await claim(storage)).tasks;
      await settle(storage, third!, { type: 'done' });
      await fence(third!);
    });

    test('a commit that fails at its fence writes nothing', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await assert.rejects(
        storage.commit(
          [
            { kind: 'task.enqueue', tasks: [{ ...topic, payload: '1' }], nowMs: 1 },
            { kind: 'task.fence', leases: [{ seq: 99, attempt: 1 }] },
          ],
          inSpace,
        ),
      );
      assert.equal((await claim(storage)).tasks.length, 0);
    });

    test('a retry waits for its time, keeps its attempts, and does not hold up the others', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{ payload: '1' }, { payload: '2' }]);
      const [first] = (await claim(storage, 1)).tasks;
      const retry = { type: 'retry', runAtMs: 5_000, error, countsAsFailure: true, countsAsCrash: false } as const;
      await settle(storage, first!, retry);
      const { tasks, nextDueAtMs } = await claim(storage);
      assert.deepEqual(
        tasks.map(({ payload }) => payload),
        ['2'],
      );
      assert.equal(nextDueAtMs, 5_000);
      const [promoted] = await storage.commit([{ kind: 'task.promote', nowMs: 5_000, limit: 10 }], inSpace);
      assert.deepEqual(promoted.topics, [topic]);
      const [again] = (await claim(storage, 1, 5_000)).tasks;
      assert.deepEqual([again?.seq, again?.attempt, again?.failures], [first!.seq, 2, 1]);
      const attempts = await storage.read({ kind: 'task.attempts', seq: first!.seq });
      assert.equal(attempts[0]?.error?.message, 'as told');
    });

    test('tasks of one key go one after another; a dead one lets the next go', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [
        { payload: 'a1', key: 'a' },
        { payload: 'a2', key: 'a' },
        { payload: 'b1', key: 'b' },
      ]);
      const { tasks } = await claim(storage);
      assert.deepEqual(
        tasks.map(({ payload }) => payload),
        ['a1', 'b1'],
      );
      const retry = { type: 'retry', runAtMs: 5_000, error, countsAsFailure: true, countsAsCrash: false } as const;
      await settle(storage, tasks[0]!, retry);
      assert.equal((await claim(storage)).tasks.length, 0, 'a2 must wait for the retry of a1');
      await storage.commit([{ kind: 'task.promote', nowMs: 5_000, limit: 10 }], inSpace);
      const [again] = (await claim(storage, 10, 5_000)).tasks;
      const dead = { type: 'dead', reason: 'retries-exhausted', error, countsAsCrash: false } as const;
      assert.equal((await settle(storage, again!, dead)).freed, true);
      assert.deepEqual(
        (await claim(storage)).tasks.map(({ payload }) => payload),
        ['a2'],
      );
    });

    test('keys take turns: one with many tasks does not starve another', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(
        storage,
        Array.from({ length: 5 }, (_, n) => ({ payload: `"big${n}"`, key: 'big' })),
      );
      await enqueue(storage, [
        { payload: '"small0"', key: 'small' },
        { payload: '"small1"', key: 'small' },
      ]);
      const order: string[] = [];
      for (let n = 0; n < 7; n += 1) {
        const [task] = (await claim(storage, 1)).tasks;
        order.push(JSON.parse(task!.payload) as string);
        await settle(storage, task!, { type: 'done' });
      }
      assert.deepEqual(order, ['big0', 'small0', 'big1', 'small1', 'big2', 'big3', 'big4']);
    });

    test('a delayed task is due at its time and lines up behind what is there', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{ payload: 'late', runAtMs: 9_000 }]);
      assert.equal((await claim(storage)).tasks.length, 0);
      await enqueue(storage, [{ payload: 'early' }]);
      await storage.commit([{ kind: 'task.promote', nowMs: 9_000, limit: 10 }], inSpace);
      assert.deepEqual(
        (await claim(storage, 10, 9_000)).tasks.map(({ payload }) => payload),
        ['early', 'late'],
      );
    });

    test('a dedupe key answers with the task that is there until it is finished', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const [first] = await enqueue(storage, [{ dedupeKey: 'x' }]);
      const [second] = await enqueue(storage, [{ dedupeKey: 'x' }]);
      assert.deepEqual([second?.seq, second?.duplicate], [first?.seq, true]);
      const [task] = (await claim(storage)).tasks;
      await settle(storage, task!, { type: 'done' });
      const [third] = await enqueue(storage, [{ dedupeKey: 'x' }]);
      assert.equal(third?.duplicate, false);
    });

    test('a rate limit holds back what is over it and says until when', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await configure(storage, { rateLimit: { limit: 2, periodMs: 1_000 } });
      await enqueue(storage, [{}, {}, {}]);
      const { tasks, throttled } = await claim(storage);
      assert.equal(tasks.length, 2);
      assert.equal(throttled[0]?.retryAtMs, 1_500);
      assert.equal((await claim(storage, 10, 1_499)).tasks.length, 0);
      assert.equal((await claim(storage, 10, 1_500)).tasks.length, 1);
    });

    test('a rate limit per key lets other keys pass', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await configure(storage, { rateLimit: { limit: 1, periodMs: 1_000, perKey: true }, keyConcurrency: 5 });
      await enqueue(storage, [
        { payload: 'a1', key: 'a' },
        { payload: 'a2', key: 'a' },
        { payload: 'b1', key: 'b' },
      ]);
      assert.deepEqual(
        (await claim(storage)).tasks.map(({ payload }) => payload),
        ['a1', 'b1'],
      );
    });

    test('claims of another boot are void, without a failure on their record', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{}]);
      const [old] = (await claim(storage, 1, 1_000, 'boot1')).tasks;
      const [reclaimed] = await storage.commit(
        [{ kind: 'task.reclaim', nowMs: 2_000, limit: 10, notOwner: 'boot2' }],
        inSpace,
      );
      assert.equal(reclaimed.count, 1);
      assert.equal((await settle(storage, old!, { type: 'done' })).status, 'lost');
      const [task] = (await claim(storage, 1, 2_000, 'boot2')).tasks;
      assert.deepEqual([task?.attempt, task?.failures], [2, 0]);
    });

    test('a lease that was not renewed is taken back', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{}, {}]);
      const { tasks } = await claim(storage);
      const [extended] = await storage.commit(
        [{ kind: 'task.extend', leases: [tasks[0]!], leaseUntilMs: 90_000 }],
        inSpace,
      );
      assert.deepEqual(extended.lost, []);
      const [reclaimed] = await storage.commit(
        [{ kind: 'task.reclaim', nowMs: 60_000, limit: 10, leaseBeforeMs: 60_000 }],
        inSpace,
      );
      assert.equal(reclaimed.count, 1);
    });

    test('dead letters are listed with their reason, redriven and dropped', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{}, {}]);
      const dead = { type: 'dead', reason: 'poison', error, countsAsCrash: true } as const;
      for (const task of (await claim(storage)).tasks) await settle(storage, task, dead);
      const listed = await storage.read({ kind: 'task.list', space: testSpace, states: ['dead'], limit: 10 });
      assert.deepEqual(
        listed.map(({ reason }) => reason),
        ['poison', 'poison'],
      );
      const seqs = [listed[0]!.seq];
      const [redriven] = await storage.commit(
        [{ kind: 'task.redrive', space: testSpace, seqs, limit: 10, nowMs: 2_000 }],
        inSpace,
      );
      assert.equal(redriven.count, 1);
      const [dropped] = await storage.commit(
        [{ kind: 'task.drop', ...topic, states: ['dead'], limit: 10, nowMs: 2_000 }],
        inSpace,
      );
      assert.equal(dropped.count, 1);
      assert.equal((await claim(storage)).tasks[0]?.crashes, 0);
    });

    test('tasks of one key that are dropped together let the one behind them go', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const tasks = await enqueue(
        storage,
        ['1', '2', '3'].map((payload) => ({ payload, key: 'k' })),
      );
      const seqs = tasks.slice(0, 2).map(({ seq }) => seq);
      await storage.commit([{ kind: 'task.drop', space: testSpace, seqs, limit: 10, nowMs: 2_000 }], inSpace);
      assert.deepEqual(
        (await claim(storage)).tasks.map(({ payload }) => payload),
        ['3'],
      );
    });

    test('a dead task named twice in a redrive comes back once and does not wait for itself', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await enqueue(storage, [{ key: 'k' }]);
      const [task] = (await claim(storage)).tasks;
      await settle(storage, task!, { type: 'dead', reason: 'poison', error, countsAsCrash: true });
      const seqs = [task!.seq, task!.seq];
      const [redriven] = await storage.commit(
        [{ kind: 'task.redrive', space: testSpace, seqs, limit: 10, nowMs: 2_000 }],
        inSpace,
      );
      assert.equal(redriven.count, 1);
      assert.equal((await claim(storage)).tasks.length, 1);
    });

    test('a staged batch is invisible until it is published, and all of it then', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const tasks = Array.from({ length: 5 }, (_, n) => ({ ...topic, payload: String(n) }));
      await storage.commit([{ kind: 'task.enqueue', tasks, nowMs: 1, stage: 's1' }], inSpace);
      assert.equal((await claim(storage)).tasks.length, 0);
      await storage.commit([{ kind: 'task.publish', stage: 's1' }], inSpace);
      await storage.commit([{ kind: 'task.publishNext', limit: 100, nowMs: 2 }], inSpace);
      assert.equal((await claim(storage)).tasks.length, 5);
    });

    test('a batch that was never published is thrown away', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await storage.commit(
        [{ kind: 'task.enqueue', tasks: [{ ...topic, payload: '1' }], nowMs: 1, stage: 's1' }],
        inSpace,
      );
      const next = { kind: 'task.publishNext', limit: 100, nowMs: 2, abandoned: true } as const;
      assert.equal((await storage.commit([next], inSpace))[0].done, false);
      assert.equal((await storage.commit([next], inSpace))[0].done, true);
      assert.equal((await claim(storage)).tasks.length, 0);
    });

    test('a tick has one task, whoever asks how often; overlap leaves one out', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const spec = { expression: '* * * * *', timezone: 'UTC', catchUp: 'latest', overlap: 'skip' } as const;
      const schedule = { space: testSpace, name: 'job', spec, topic: 'orders', payload: 'null' };
      await storage.commit([{ kind: 'schedule.put', ...schedule, nowMs: 0, nextTickMs: 60_000 }], inSpace);
      const tick = (ticks: number[]) =>
        storage.commit(
          [
            {
              kind: 'schedule.tick',
              space: testSpace,
              name: 'job',
              ticks,
              missed: 0,
              nextTickMs: 120_000,
              nowMs: ticks[0]!,
            },
          ],
          inSpace,
        );
      const answers = await Promise.all([tick([60_000]), tick([60_000]), tick([60_000])]);
      assert.equal(answers.flatMap(([{ enqueued }]) => enqueued).length, 1);
      const [overlapping] = await tick([120_000]);
      assert.deepEqual([overlapping.enqueued.length, overlapping.skipped], [0, 1]);
      const [view] = await storage.read({ kind: 'schedule.list', space: testSpace });
      assert.deepEqual([view?.lastTickMs, view?.skipped], [120_000, 1]);
    });
  });
}

function toSettlement(
  lease: { readonly seq: number; readonly attempt: number },
  settlement: import('../../core/task.ts').Settlement,
) {
  return { seq: lease.seq, attempt: lease.attempt, settlement };
}
