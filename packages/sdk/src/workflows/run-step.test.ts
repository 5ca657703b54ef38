/** How a step comes to its answer. Real: all of it. Fake: the timers of the linger test. */
import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { runStep } from './run-step.ts';

const input = { instanceId: 'i', state: {}, visit: 1, attempt: 1, memory: {} };
const ended = { type: 'goto', next: null, patch: {}, delayMs: 0, join: true };

it('a step that said where to go and does not return is taken as ended after 5 s, each at its own time', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  // The clock that the steps look at goes with the timers.
  let nowMs = 0;
  const clock = mock.method(performance, 'now', () => nowMs);
  const tick = async (ms: number): Promise<void> => {
    nowMs += ms;
    mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  try {
    const answered: string[] = [];
    const linger = async (name: string): Promise<void> => {
      const answer = runStep(async (_state, goto) => {
        await goto(null, {});
        return new Promise(() => undefined);
      }, input);
      void answer.then((found) => answered.push(`${name} ${found.type}`));
      await tick(0);
    };
    await linger('first');
    await tick(2_000);
    await linger('second');
    await tick(2_999);
    assert.deepEqual(answered, []);
    await tick(1);
    assert.deepEqual(answered, ['first goto']);
    await tick(1_999);
    assert.deepEqual(answered, ['first goto']);
    await tick(1);
    assert.deepEqual(answered, ['first goto', 'second goto']);
  } finally {
    clock.mock.restore();
    mock.timers.reset();
  }
});

it('ten thousand steps that return leave at most one timer behind', async () => {
  const timers = mock.method(globalThis, 'setTimeout', () => 0);
  try {
    for (let n = 0; n < 10_000; n += 1) assert.deepEqual(await runStep((_state, goto) => goto(null, {}), input), ended);
    assert.ok(timers.mock.callCount() <= 1, `${timers.mock.callCount()} timers`);
  } finally {
    timers.mock.restore();
  }
});
