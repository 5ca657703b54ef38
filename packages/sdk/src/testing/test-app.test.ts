/** The test kit against an app made with the SDK in this process. The gateway is fake: it is what the kit stands in for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codehooks } from '../codehooks.ts';
import type { StepFunction } from '../workflows/index.ts';
import { createTestApp } from './index.ts';

function createApp() {
  const app = new Codehooks();
  app.createWorkflow('order', 'for tests', {
    begin: async (_state, goto) => goto(['left', 'right'], { began: true }),
    left: async (_state, goto) => goto('join', { left: 1 }),
    right: async (_state, goto) => goto('join', { right: 2 }),
    join: async (state, goto) => goto('wait', { sum: state.left + state.right }),
    wait: async (_state, goto, _wait, step) => {
      await step.sleep(86_400_000);
      const paid = await step.waitForEvent('paid', { timeout: 3_600_000 });
      await goto(null, { paid });
    },
  });
  app.createWorkflow('fragile', 'fails twice', {
    only: async (_state, goto, _wait, step) => {
      if (step.attempt < 3) throw new Error('not yet');
      await goto(null, { attempts: step.attempt });
    },
  });
  app.worker('mail', async (req, res) => {
    if (req.body.payload.bad) throw new Error('no address');
    res.end();
  });
  return { app, kit: createTestApp(app) };
}

test('days pass in no time, branches join, an event arrives', async () => {
  const { kit } = createApp();
  const order = kit.start('order', { id: 1 });
  await kit.advance(86_400_000);
  assert.equal(order.status, 'waiting');
  kit.sendEvent(order.id, 'paid', { amount: 5 });
  await kit.waitFor(order, 'completed');
  assert.deepEqual([order.state.sum, order.state.paid], [3, { amount: 5 }]);
});

test('a wait ends by its timeout, sleeps can be skipped', async () => {
  const { kit } = createApp();
  kit.skipSleeps();
  const order = await kit.waitFor(kit.start('order'), 'completed');
  assert.equal(order.state.paid, null);
});

test('a step is mocked, with a result and with an error', async () => {
  const { kit } = createApp();
  kit.mockStep('order', 'join', { next: null, state: { mocked: true } });
  assert.equal((await kit.waitFor(kit.start('order'), 'completed')).state.mocked, true);
  kit.mockStep('order', 'join', new Error('told so'));
  assert.equal((await kit.waitFor(kit.start('order'), 'failed')).lastError, 'told so');
});

test('failures are retried under the virtual clock; a timeout can be forced', async () => {
  const { kit } = createApp();
  const fragile = await kit.waitFor(kit.start('fragile'), 'completed');
  assert.equal(fragile.state.attempts, 3);
  kit.forceTimeout('order', 'begin');
  const order = kit.start('order');
  await kit.settle();
  assert.match(order.lastError ?? '', /timed out/);
});

test('a worker gets its task, and a recorded history shows where the code went elsewhere', async () => {
  const { kit } = createApp();
  const good = kit.enqueue('mail', { to: 'a' });
  const bad = kit.enqueue('mail', { bad: true });
  await kit.settle();
  assert.deepEqual([good.status, bad.status, bad.error], ['done', 'failed', 'no address']);
  const recorded = [
    { step: 'left', outcome: 'goto', next: 'join', stateBefore: '{}' },
    { step: 'right', outcome: 'goto', next: 'elsewhere', stateBefore: '{}' },
  ];
  assert.deepEqual(await kit.replay('order', recorded), [{ step: 'right', recorded: 'elsewhere', now: 'join' }]);
});

test('what a transaction of a step writes is there when the step has ended, and not when it throws', async () => {
  const app = new Codehooks();
  app.createWorkflow('pay', 'books an amount', {
    book: async (state, goto, _wait, step) => {
      await step.transaction(async (tx) => {
        const account = await tx.get('accounts', 'a');
        await tx.patch('accounts', 'a', { total: Number(account?.total) + Number(state.amount) });
        tx.kvSet('last', Number(state.amount));
        tx.enqueue('mail', { amount: Number(state.amount) });
      });
      const failed = step.transaction(async (tx) => {
        await tx.put('accounts', { _id: 'b' });
        throw new Error('undone');
      });
      await assert.rejects(failed, /undone/);
      if (step.attempt === 1) throw new Error('not yet');
      await goto(null);
    },
  });
  const mails: unknown[] = [];
  app.worker('mail', async (req, res) => {
    mails.push(req.body.payload);
    res.end();
  });
  const kit = createTestApp(app);
  kit.putDocument('accounts', { _id: 'a', total: 10 });
  await kit.waitFor(kit.start('pay', { amount: 5 }), 'completed');
  assert.equal((await kit.waitForTask('mail')).status, 'done');
  assert.deepEqual([kit.getDocument('accounts', 'a')?.total, kit.getKey('last'), mails], [15, 5, [{ amount: 5 }]]);
  assert.equal(kit.getDocument('accounts', 'b'), null);
});

test('two steps that change one document at the same time both count', async () => {
  const app = new Codehooks();
  const add: StepFunction = async (_state, goto, _wait, step) => {
    await step.transaction(async (tx) => {
      const found = await tx.get('counts', 'c');
      await new Promise((resolve) => setTimeout(resolve, 5));
      await tx.put('counts', { _id: 'c', n: Number(found?.n ?? 0) + 1 });
    });
    await goto('end');
  };
  app.createWorkflow('count', 'in parallel', {
    begin: async (_state, goto) => goto(['a', 'b', 'c']),
    a: add,
    b: add,
    c: add,
    end: async (_state, goto) => goto(null),
  });
  const kit = createTestApp(app);
  await kit.waitFor(kit.start('count'), 'completed');
  assert.equal(kit.getDocument('counts', 'c')?.n, 3);
});

test('an instance that called wait goes on when its state is updated, and run() is called once over retries', async () => {
  const app = new Codehooks();
  let calls = 0;
  const flow = app.createWorkflow('flow', 'waits', {
    ask: async (state, goto, wait, step) => {
      if (!state.answer) return wait();
      await step.run('once', () => (calls += 1));
      if (step.attempt === 1) throw new Error('again');
      await goto(null);
    },
  });
  const kit = createTestApp(app);
  const instance = await kit.waitFor(kit.start('flow'), 'waiting');
  await flow.updateState(instance.id, { answer: 42 });
  await kit.waitFor(instance, 'completed');
  assert.equal(calls, 1);
  const other = await kit.waitFor(kit.start('flow'), 'waiting');
  await flow.cancelWorkflow(other.id);
  assert.equal(other.status, 'cancelled');
});
