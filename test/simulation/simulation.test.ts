/**
 * The real queue and workflow engines over a store in memory, under a virtual clock. What is fake: the disk, time, and the
 * handlers. Each seed is a different order of events, crashes, zombies, slow workers and clock jumps. TACKLE_SEED=n runs
 * one seed, TACKLE_LONG=1 runs 100,000.
 */
import { test } from 'node:test';
import { Simulation } from './simulate.ts';

const only = process.env.TACKLE_SEED;
const count = process.env.TACKLE_LONG === '1' ? 100_000 : 2_000;
const first = only === undefined ? 1 : Number(only);
const last = only === undefined ? count : first;

test(`invariants hold over seeds ${first} to ${last}`, async () => {
  for (let seed = first; seed <= last; seed += 1) {
    try {
      await new Simulation(seed).run();
    } catch (error) {
      throw new Error(`Seed ${seed} failed; run it again with TACKLE_SEED=${seed}`, { cause: error });
    }
  }
});
