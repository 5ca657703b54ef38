/** The test kit against an app made with the SDK in this process. The gateway is fake: it is what the kit stands in for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codehooks } from '../codehooks.ts';
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
