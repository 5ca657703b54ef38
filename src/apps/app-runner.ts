import { TackleError } from '../core/errors.ts';
import { createRouteTable, type RouteTable } from '../core/routing/route-table.ts';
import type { AppManifest, AppProcess, ProcessExit } from '../ports/sandbox.ts';
import type { Deployment } from './deployment.ts';

export interface AppRunnerOptions {
  readonly deployment: Deployment;
  /** Starts a process with the code of the deployment. */
  start(): Promise<AppProcess>;
  onExit(exit: ProcessExit): void;
  /** The process was stopped because nothing used it for a while; a next use starts another one. */
  onIdle?(): void;
  readonly idleStopMs: number;
  readonly drainMs: number;
  readonly clock: { now(): number };
}

/** After this long without a crash the next one counts as the first again. */
const crashMemoryMs = 60_000;
const longestBackoffMs = 30_000;

/**
 * One deployment and its process. The process is started by the first use, stopped after an idle while, replaced when
 * variables change, and started again after a crash (with a growing pause when it keeps crashing).
 */
export class AppRunner {
  readonly deployment: Deployment;
  readonly manifest: AppManifest;
  readonly routes: RouteTable;
  readonly #options: AppRunnerOptions;
  #process: AppProcess | null = null;
  #starting: Promise<AppProcess> | null = null;
  #replacing: Promise<AppProcess> | null = null;
  #retired = false;
  #lastUse: number;
  #idleTimer: NodeJS.Timeout | null = null;
  #crashes = 0;
  #lastCrash = 0;

  constructor(options: AppRunnerOptions, process: AppProcess | null = null) {
    this.#options = options;
    this.deployment = options.deployment;
    this.manifest = options.deployment.manifest;
    this.routes = createRouteTable(this.manifest);
    this.#lastUse = options.clock.now();
    if (process !== null) this.#adopt(process);
  }

  get running(): AppProcess | null {
    return this.#process;
  }

  /** The process for one more invocation. A promise only when it must be started first. */
  acquire(): AppProcess | Promise<AppProcess> {
    this.#lastUse = this.#options.clock.now();
    if (this.#replacing !== null) return this.#replacing.catch(() => this.#process ?? this.#ensureStarted());
    return this.#process ?? this.#ensureStarted();
  }

  /**
   * A fresh process takes over (changed variables); what runs in the old one finishes there. Invocations from now on wait for
   * the new one, so that whoever changed something sees it. Rejects, and the old one stays, when it does not start.
   */
  async replaceProcess(): Promise<void> {
    if (this.#retired) return;
    if (this.#process === null && this.#starting === null && this.#replacing === null) return;
    // One after another: the last change must be the one that stays.
    const replacing = this.#startReplacement(this.#replacing ?? this.#starting);
    this.#replacing = replacing;
    try {
      await replacing;
    } finally {
      if (this.#replacing === replacing) this.#replacing = null;
    }
  }

  async #startReplacement(previous: Promise<AppProcess> | null): Promise<AppProcess> {
    await previous?.catch(() => {});
    const next = await this.#options.start();
    if (this.#retired) {
      void next.stop(0);
      throw new TackleError('conflict', 'This version of the app was just replaced. Try again.');
    }
    const old = this.#process;
    this.#adopt(next);
    void old?.stop(this.#options.drainMs);
    return next;
  }

  /** No new process is started from now on; what is under way finishes within the drain time. */
  async retire(graceMs: number = this.#options.drainMs): Promise<void> {
    this.#retired = true;
    this.#stopIdleTimer();
    const process = this.#process ?? (await this.#starting?.catch(() => null)) ?? null;
    if (process !== null) await process.stop(graceMs);
  }

  #ensureStarted(): Promise<AppProcess> {
    if (this.#retired) {
      return Promise.reject(new TackleError('conflict', 'This version of the app was just replaced. Try again.'));
    }
    this.#starting ??= this.#startAfterBackoff().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  async #startAfterBackoff(): Promise<AppProcess> {
    const now = this.#options.clock.now();
    if (now - this.#lastCrash > crashMemoryMs) this.#crashes = 0;
    const waitMs = this.#crashes < 2 ? 0 : Math.min(longestBackoffMs, 100 * 2 ** this.#crashes);
    const elapsedMs = now - this.#lastCrash;
    if (elapsedMs < waitMs) {
      throw new TackleError(
        'app_crashed',
        `The app ended ${this.#crashes} times in a row; it is started again in ${waitMs - elapsedMs} ms. See its log.`,
      );
    }
    const process = await this.#options.start().catch((error: unknown) => {
      this.#countCrash();
      throw error;
    });
    this.#adopt(process);
    return process;
  }

  #adopt(process: AppProcess): void {
    this.#process = process;
    this.#startIdleTimer();
    void process.exited.then((exit) => {
      if (this.#process === process) {
        this.#process = null;
        this.#stopIdleTimer();
      }
      if (exit.reason !== 'stopped') this.#countCrash();
      this.#options.onExit(exit);
    });
  }

  #countCrash(): void {
    this.#crashes += 1;
    this.#lastCrash = this.#options.clock.now();
  }

  #startIdleTimer(): void {
    this.#stopIdleTimer();
    this.#idleTimer = setInterval(() => this.#stopWhenIdle(), Math.max(10, this.#options.idleStopMs / 4));
    this.#idleTimer.unref();
  }

  #stopWhenIdle(): void {
    const process = this.#process;
    if (process === null || process.active > 0) return;
    if (this.#options.clock.now() - this.#lastUse < this.#options.idleStopMs) return;
    this.#process = null;
    this.#stopIdleTimer();
    void process.stop(this.#options.drainMs);
    if (this.#replacing === null) this.#options.onIdle?.();
  }

  #stopIdleTimer(): void {
    if (this.#idleTimer !== null) clearInterval(this.#idleTimer);
    this.#idleTimer = null;
  }
}
