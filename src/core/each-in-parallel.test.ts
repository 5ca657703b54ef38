// Pure code; work is made up.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eachInParallel } from './each-in-parallel.ts';

describe('eachInParallel', () => {
  it('works on every item once, in their order, and on no more at a time than it may', async () => {
    const seen: number[] = [];
    let active = 0;
    let most = 0;
    await eachInParallel(
      Array.from({ length: 100 }, (_, index) => index),
      7,
      async (item) => {
        seen.push(item);
        active += 1;
        most = Math.max(most, active);
        await nextTurn();
        active -= 1;
      },
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, index) => index),
    );
    assert.equal(most, 7);
  });
  it('begins nothing more once an item has failed', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      await nextTurn();
      if (item === 1) throw new Error('no');
    };
    await assert.rejects(eachInParallel([1, 2, 3, 4, 5], 2, work), { message: 'no' });
    await nextTurn();
    assert.deepEqual(begun, [1, 2]);
  });
  it('takes no items', async () => {
    await eachInParallel([], 3, () => Promise.reject(new Error('not called')));
  });
});
