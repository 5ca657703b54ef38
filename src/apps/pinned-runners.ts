import { TackleError } from '../core/errors.ts';
import type { AppRunner } from './app-runner.ts';
import type { Deployment } from './deployment.ts';

export interface PinnedRunnersOptions {
  /** Null when that version is not kept any more. */
  findDeployment(spaceId: string, version: number): Promise<Deployment | null>;
  createRunner(deployment: Deployment, onIdle: () => void): AppRunner;
}

/**
 * Earlier deployments that still have something to finish. A runner is kept while its process has work; its process stops
 * by itself when it is idle, and then the runner goes too.
 */
export class PinnedRunners {
  readonly #options: PinnedRunnersOptions;
  readonly #runners = new Map<string, AppRunner>();

  constructor(options: PinnedRunnersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#runners.size;
  }

  /** Rejects with `not_found` when the version is not kept any more. Acquire its process at once. */
  async find(spaceId: string, version: number): Promise<AppRunner> {
    const key = keyOf(spaceId, version);
    const known = this.#runners.get(key);
    if (known !== undefined) return known;
    const deployment = await this.#options.findDeployment(spaceId, version);
    if (deployment === null) {
      throw new TackleError('not_found', `Version ${version} of the app is not kept any more; it cannot run.`);
    }
    // Somebody else may have asked for it meanwhile.
    const runner = this.#runners.get(key) ?? this.#options.createRunner(deployment, () => this.#runners.delete(key));
    this.#runners.set(key, runner);
    return runner;
  }

  listOfSpace(spaceId: string): readonly AppRunner[] {
    return this.list().filter(({ deployment }) => deployment.spaceId === spaceId);
  }

  list(): readonly AppRunner[] {
    return [...this.#runners.values()];
  }

  /** The version is forgotten; what runs in its process may finish within `graceMs`. */
  drop(spaceId: string, version: number, graceMs?: number): void {
    const key = keyOf(spaceId, version);
    void this.#runners.get(key)?.retire(graceMs);
    this.#runners.delete(key);
  }
}

function keyOf(spaceId: string, version: number): string {
  return `${spaceId}/${version}`;
}
