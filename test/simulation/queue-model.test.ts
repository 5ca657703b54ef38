/**
 * The task queue of the SQLite engine against a model of it in plain maps: random sequences of commands, and after each of
 * them the same answers and the same tasks, also when the engine is opened again in between. Real: the engine with its
 * threads, files and fsync. Fake: the clock. A failure prints a seed and a path; TACKLE_SEED=n (and TACKLE_PATH) run it
 * again. TACKLE_LONG=1 tries 5,000 sequences.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { openTemporaryStorage } from '../../src/storage/sqlite/testing/temporary-storage.ts';
import { queueActions } from './queue-actions.ts';
import { QueueComparison } from './queue-model.ts';

const numRuns = process.env.TACKLE_LONG === '1' ? 5_000 : 60;
const seed = process.env.TACKLE_SEED;
const path = process.env.TACKLE_PATH;

test(`the queue does what its model does, over ${numRuns} sequences of commands`, async () => {
  await using opened = await openTemporaryStorage();
  let runs = 0;
  const reopenAfter = fc.constantFrom(null, null, null, null, null, null, null, null, null, 8);
  const property = fc.asyncProperty(queueActions, reopenAfter, async (actions, reopenAt) => {
    runs += 1;
    const comparison = new QueueComparison(opened.storage, `p/run${runs}`);
    try {
      for (const [index, action] of actions.entries()) {
        if (index === reopenAt) await comparison.continueWith(await opened.reopen());
        await comparison.run(action);
      }
    } finally {
      await comparison.cleanUp();
    }
  });
  const replay = { ...(seed === undefined ? {} : { seed: Number(seed) }), ...(path === undefined ? {} : { path }) };
  await fc.assert(property, { numRuns, ...replay });
});
