/** A thread that runs a range of seeds and answers with the first one that failed, or null. */
import { parentPort, workerData } from 'node:worker_threads';
import { Simulation } from './simulate.ts';

export interface SeedRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface FailedSeed {
  readonly seed: number;
  readonly error: unknown;
}

const { first, last, step } = workerData as SeedRange;
let failed: FailedSeed | null = null;
for (let seed = first; seed <= last && failed === null; seed += step) {
  try {
    await new Simulation(seed).run();
  } catch (error) {
    failed = { seed, error };
  }
}
parentPort?.postMessage(failed);
