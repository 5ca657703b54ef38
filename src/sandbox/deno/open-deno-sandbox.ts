import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { Dialer, OutboundHttp } from '../../ports/outbound-http.ts';
import type { AppProcess, AppProcessOptions, Sandbox } from '../../ports/sandbox.ts';
import { type BuildRuntimeOptions, buildRuntime, loaderCode } from './build-runtime.ts';
import { findDenoBinary } from './deno-binary.ts';
import type { EgressEvent, EgressSettings } from './egress-server.ts';
import { type Isolation, type IsolationLayers, type Layer, probeIsolationLayers } from './isolation-layers.ts';
import { loadApp } from './load-app.ts';
import type { ProcessLink } from './process-link.ts';
import { createRunDirectory, removeStaleRuns } from './run-directory.ts';
import { type SpawnSettings, spawnProcess } from './spawn-process.ts';
import { Supervisor } from './supervisor.ts';

export interface DenoSandboxOptions extends BuildRuntimeOptions {
  /** Where the built runtime is kept. */
  readonly cacheDir: string;
  /** Processes kept warm for the next start; default 1. */
  readonly spares?: number;
  /** Memory limit that spares are made for: the limit is fixed when a process starts. Default 256. */
  readonly spareMemoryMb?: number;
  /** What makes the outgoing connections of apps; without both they have none. */
  readonly dialer?: Dialer;
  readonly outboundHttp?: OutboundHttp;
  readonly isolation?: Isolation;
  /** Told of every connection that an app opened or was refused. */
  readonly onEgress?: (event: EgressEvent) => void;
}

export type { EgressEvent } from './egress-server.ts';

/** Opens the Deno sandbox. Throws a TackleError that says why, where apps cannot run at all. */
export async function openDenoSandbox(options: DenoSandboxOptions): Promise<Sandbox> {
  const denoBinary = findDenoBinary();
  const runDirectory = await createRunDirectory();
  void removeStaleRuns();
  const prepare = async (): Promise<SpawnSettings> => {
    const runtimeFile = path.join(runDirectory, 'runtime.js');
    const [layers] = await Promise.all([
      probeIsolationLayers(denoBinary, options.isolation ?? 'strongest'),
      buildRuntime(options.cacheDir, options).then((built) => copyFile(built, runtimeFile)),
    ]);
    const loaderFile = path.join(runDirectory, 'loader.js');
    await Promise.all([chmod(runtimeFile, 0o644), writeFile(loaderFile, loaderCode)]);
    return { denoBinary, runtimeFile, loaderFile, runDirectory, layers, readyTimeoutMs: 10_000 };
  };
  return new DenoSandbox(prepare(), runDirectory, options);
}

/** The app that was just given a process has the machine to itself for the moment in which it is evaluated. */
const refillDelayMs = 100;

class DenoSandbox implements Sandbox {
  readonly #settings: Promise<SpawnSettings>;
  readonly #runDirectory: string;
  readonly #supervisor = new Supervisor();
  readonly #processes = new Set<ProcessLink>();
  readonly #outside: Pick<EgressSettings, 'services' | 'onEgress'>;
  readonly #spareCount: number;
  readonly #spareMemoryMb: number;
  readonly #spares: Promise<ProcessLink>[] = [];
  #closed = false;

  constructor(settings: Promise<SpawnSettings>, runDirectory: string, options: DenoSandboxOptions) {
    this.#settings = settings;
    this.#runDirectory = runDirectory;
    const { dialer, outboundHttp } = options;
    const services = dialer && outboundHttp ? { dialer, http: outboundHttp } : null;
    this.#outside = { services, onEgress: options.onEgress ?? (() => {}) };
    this.#spareCount = options.spares ?? 1;
    this.#spareMemoryMb = options.spareMemoryMb ?? 256;
    settings.catch(() => {});
    this.#refillSpares();
  }

  async start(options: AppProcessOptions): Promise<AppProcess> {
    if (this.#closed) throw new TackleError('app_crashed', 'The sandbox is closed');
    const link = await this.#takeProcess(options.limits.memoryMb);
    return await loadApp(link, options, this.#supervisor, this.#outside);
  }

  async describe(): Promise<readonly Layer[]> {
    const { layers }: { layers: IsolationLayers } = await this.#settings;
    return layers.layers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#spares);
    const exits = [...this.#processes].map((link) => {
      link.kill('stopped', '');
      return link.exited;
    });
    await Promise.all(exits);
    await this.#settings.catch(() => {});
    await rm(this.#runDirectory, { recursive: true, force: true });
  }

  /** A spare with that limit, or a new process. A spare that died meanwhile is passed over. */
  async #takeProcess(memoryMb: number): Promise<ProcessLink> {
    const spare = memoryMb === this.#spareMemoryMb ? this.#spares.shift() : undefined;
    try {
      const link = await (spare ?? this.#spawn(memoryMb)).catch(() => this.#spawn(memoryMb));
      return link.ending ? await this.#spawn(memoryMb) : link;
    } finally {
      setTimeout(() => this.#refillSpares(), refillDelayMs).unref();
    }
  }

  async #spawn(memoryMb: number): Promise<ProcessLink> {
    const link = await spawnProcess(await this.#settings, memoryMb);
    if (this.#closed) {
      link.kill('stopped', '');
      throw new TackleError('app_crashed', 'The sandbox was closed');
    }
    this.#processes.add(link);
    void link.exited.then(() => this.#processes.delete(link));
    this.#supervisor.watch(link);
    return link;
  }

  #refillSpares(): void {
    if (this.#closed) return;
    while (this.#spares.length < this.#spareCount) {
      const link = this.#spawn(this.#spareMemoryMb);
      link.catch(() => {});
      this.#spares.push(link);
    }
  }
}
