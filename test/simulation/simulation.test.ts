/**
 * The real queue and workflow engines over a store in memory, under a virtual clock. What is fake: the disk, time, and the
 * handlers. Each seed is a different order of events, crashes, zombies, slow workers and clock jumps. TACKLE_SEED=n runs
 * one seed, TACKLE_LONG=1 runs 100,000 on all cores.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { FailedSeed, SeedRange } from './run-seeds.ts';

const only = process.env.TACKLE_SEED;
const isLong = process.env.TACKLE_LONG === '1';
const first = only === undefined ? 1 : Number(only);
const last = only === undefined ? (isLong ? 100_000 : 2_000) : first;
// A short run shares the machine with the other test files.
const threads = only === undefined ? Math.min(isLong ? availableParallelism() : 2, last) : 1;

test(`invariants hold over seeds ${first} to ${last}`, async () => {
  const failures = await Promise.all(
    Array.from({ length: threads }, (_, thread) => runSeeds({ first: first + thread, last, step: threads })),
  );
  const [failed] = failures.filter((failure) => failure !== null).sort((a, b) => a.seed - b.seed);
  if (failed === undefined) return;
  throw new Error(`Seed ${failed.seed} failed; run it again with TACKLE_SEED=${failed.seed}`, { cause: failed.error });
});

async function runSeeds(range: SeedRange): Promise<FailedSeed | null> {
  const worker = new Worker(new URL('./run-seeds.ts', import.meta.url), { workerData: range });
  const [failed] = (await once(worker, 'message')) as [FailedSeed | null];
  return failed;
}
