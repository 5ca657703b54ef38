import { frameType } from '../runtime/protocol.ts';
import type { DenoAppProcess } from './deno-app-process.ts';
import type { ProcessLink } from './process-link.ts';
import { LinuxProcessStat, readResidentBytesWithPs } from './process-stat.ts';

/** How often processes are looked at while one of them does something, and while none does. */
const closeTickMs = 50;
const quietTickMs = 500;
/** A process is watched closely for so long after the last sign that it does something. */
const lingerMs = 1000;
/** Processor time and memory, within one tick, that a process without invocations takes only when its code runs. */
const quietCpuMs = 20;
const quietGrowthBytes = 1024 * 1024;
/** Pauses between two calls of `ps`, where that is the only way to read sizes. */
const closePsMs = 200;
const quietPsMs = 2000;
const heartbeatMs = 1000;
const quietHeartbeatMs = 5000;
/** No answer for this long means that the app does not let its event loop turn. */
const unresponsiveMs = 5000;
/** A tick that is later than this means that the gateway itself (or the whole machine) stood still. */
const stallMs = 1000;
/** Memory above the limit of an app that is borne before its process is killed: V8 bounds its own heap below it. */
const hardMemoryFactor = 1.25;
/** What the runtime itself takes, on top of what the app may use. */
const baseMemoryMb = 48;
const maxThreads = 96;
/** What may wait in the gateway for a process to read it. */
const maxUnreadBytes = 128 * 1024 * 1024;

interface Supervised {
  readonly link: ProcessLink;
  readonly stat: LinuxProcessStat | null;
  app: DenoAppProcess | null;
  pingedAt: number;
  awaitingPong: boolean;
  residentBytes: number;
  cpuMs: number;
  /** When it was last seen doing something (monotonic ms). */
  busyAt: number;
}

/**
 * Watches all processes of a sandbox: memory, threads, heartbeat, deadlines. One timer for all; it is slow while no process
 * has an invocation and none uses its processor or takes memory, so that a gateway with idle apps is idle itself.
 */
export class Supervisor {
  readonly #processes = new Map<ProcessLink, Supervised>();
  readonly #hasProc = process.platform === 'linux';
  #timer: NodeJS.Timeout | null = null;
  #tickMs = closeTickMs;
  #lastTick = 0;
  #psRunning = false;

  watch(link: ProcessLink): void {
    const now = performance.now();
    const stat = this.#hasProc ? LinuxProcessStat.open(link.pid) : null;
    const supervised: Supervised = {
      link,
      stat,
      app: null,
      pingedAt: now,
      awaitingPong: false,
      residentBytes: 0,
      cpuMs: 0,
      busyAt: now,
    };
    this.#processes.set(link, supervised);
    link.residentBytes = () => supervised.stat?.read()?.residentBytes ?? supervised.residentBytes;
    void link.exited.then(() => {
      this.#processes.delete(link);
      stat?.close();
      if (this.#processes.size === 0) this.#stopTimer();
    });
    this.#tickEvery(closeTickMs);
  }

  adopt(link: ProcessLink, app: DenoAppProcess): void {
    const supervised = this.#processes.get(link);
    if (!supervised) return;
    supervised.app = app;
    app.onBusy = () => this.#tickEvery(closeTickMs);
  }

  #tickEvery(tickMs: number): void {
    if (this.#timer && tickMs === this.#tickMs) return;
    this.#stopTimer();
    this.#tickMs = tickMs;
    this.#lastTick = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs).unref();
  }

  #stopTimer(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const now = performance.now();
    const stalled = now - this.#lastTick > this.#tickMs + stallMs;
    this.#lastTick = now;
    let isQuiet = true;
    for (const supervised of this.#processes.values()) {
      if (supervised.link.ending) continue;
      supervised.app?.checkDeadlines(now);
      this.#checkUse(supervised, now);
      const isBusy = now - supervised.busyAt <= lingerMs;
      if (isBusy) isQuiet = false;
      this.#checkHeartbeat(supervised, now, stalled, isBusy ? heartbeatMs : quietHeartbeatMs);
      if (supervised.link.writer.queuedBytes > maxUnreadBytes) {
        supervised.link.kill('unresponsive', `The process left ${maxUnreadBytes / 1024 / 1024} MB unread`);
      }
    }
    if (!this.#hasProc) void this.#readSizesWithPs();
    if (this.#timer) this.#tickEvery(isQuiet ? quietTickMs : closeTickMs);
  }

  #checkHeartbeat(supervised: Supervised, now: number, stalled: boolean, intervalMs: number): void {
    const { link } = supervised;
    if (stalled) supervised.pingedAt = now;
    if (supervised.awaitingPong && link.lastPong < supervised.pingedAt) {
      if (now - supervised.pingedAt > unresponsiveMs) {
        link.kill('unresponsive', `The event loop did not turn for ${unresponsiveMs / 1000} s`);
      }
      return;
    }
    supervised.awaitingPong = false;
    if (now - supervised.pingedAt < intervalMs) return;
    supervised.pingedAt = now;
    supervised.awaitingPong = true;
    link.writer.send(frameType.ping, 0, '');
  }

  #checkUse(supervised: Supervised, now: number): void {
    if (supervised.app?.active) supervised.busyAt = now;
    const stat = supervised.stat?.read();
    if (!stat) return;
    const isWorking = stat.cpuMs - supervised.cpuMs >= quietCpuMs;
    const isGrowing = stat.residentBytes - supervised.residentBytes >= quietGrowthBytes;
    const limit = hardLimitBytes(supervised.link.memoryMb);
    if (isWorking || isGrowing || stat.residentBytes > limit * 0.75) supervised.busyAt = now;
    supervised.cpuMs = stat.cpuMs;
    supervised.residentBytes = stat.residentBytes;
    if (stat.threads > maxThreads) {
      supervised.link.kill('crashed', `The process had ${stat.threads} threads; allowed are ${maxThreads}`);
    } else if (stat.residentBytes > limit) this.#killForMemory(supervised, stat.residentBytes);
  }

  #killForMemory(supervised: Supervised, residentBytes: number): void {
    const mb = Math.round(residentBytes / 1024 / 1024);
    supervised.link.kill('out-of-memory', `The process used ${mb} MB; its limit is ${supervised.link.memoryMb} MB`);
  }

  async #readSizesWithPs(): Promise<void> {
    if (this.#psRunning || this.#processes.size === 0) return;
    this.#psRunning = true;
    const sizes = await readResidentBytesWithPs([...this.#processes.values()].map(({ link }) => link.pid));
    for (const supervised of this.#processes.values()) {
      supervised.residentBytes = sizes.get(supervised.link.pid) ?? supervised.residentBytes;
      if (supervised.residentBytes > hardLimitBytes(supervised.link.memoryMb)) {
        this.#killForMemory(supervised, supervised.residentBytes);
      }
    }
    const pauseMs = this.#tickMs === closeTickMs ? closePsMs : quietPsMs;
    setTimeout(() => {
      this.#psRunning = false;
    }, pauseMs).unref();
  }
}

/** Resident size at which a process is killed. */
export function hardLimitBytes(memoryMb: number): number {
  return Math.round((memoryMb * hardMemoryFactor + baseMemoryMb) * 1024 * 1024);
}
