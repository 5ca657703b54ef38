import { frameType } from '../runtime/protocol.ts';
import type { DenoAppProcess } from './deno-app-process.ts';
import type { ProcessLink } from './process-link.ts';
import { LinuxProcessStat, readResidentBytesWithPs } from './process-stat.ts';

const tickMs = 50;
const heartbeatMs = 1000;
/** No answer for this long means that the app does not let its event loop turn. */
const unresponsiveMs = 5000;
/** A tick that comes later than this means that the gateway itself (or the whole machine) stood still. */
const stallMs = 1000;
/** Memory above the limit of an app that is borne before its process is killed: V8 bounds its own heap below it. */
const hardMemoryFactor = 1.25;
/** What the runtime itself takes, on top of what the app may use. */
const baseMemoryMb = 48;
const maxThreads = 96;
/** What may wait in the gateway for a process to read it. */
const maxUnreadBytes = 128 * 1024 * 1024;
/** Quiet processes are looked at less often. */
const quietTicks = 10;

interface Supervised {
  readonly link: ProcessLink;
  readonly stat: LinuxProcessStat | null;
  app: DenoAppProcess | null;
  pingedAt: number;
  awaitingPong: boolean;
  residentBytes: number;
  ticksToSkip: number;
}

/** Watches all processes of a sandbox: memory, threads, heartbeat, deadlines. One timer for all. */
export class Supervisor {
  readonly #processes = new Map<ProcessLink, Supervised>();
  readonly #hasProc = process.platform === 'linux';
  #timer: NodeJS.Timeout | null = null;
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
      ticksToSkip: 0,
    };
    this.#processes.set(link, supervised);
    link.residentBytes = () => supervised.stat?.read()?.residentBytes ?? supervised.residentBytes;
    void link.exited.then(() => {
      this.#processes.delete(link);
      stat?.close();
      if (this.#processes.size === 0) this.#stopTimer();
    });
    if (!this.#timer) {
      this.#lastTick = now;
      this.#timer = setInterval(() => this.#tick(), tickMs).unref();
    }
  }

  adopt(link: ProcessLink, app: DenoAppProcess): void {
    const supervised = this.#processes.get(link);
    if (supervised) supervised.app = app;
  }

  #stopTimer(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const now = performance.now();
    const stalled = now - this.#lastTick > stallMs;
    this.#lastTick = now;
    for (const supervised of this.#processes.values()) {
      if (supervised.link.ending) continue;
      supervised.app?.checkDeadlines(now);
      this.#checkHeartbeat(supervised, now, stalled);
      this.#checkMemory(supervised);
      if (supervised.link.writer.queuedBytes > maxUnreadBytes) {
        supervised.link.kill('unresponsive', `The process left ${maxUnreadBytes / 1024 / 1024} MB unread`);
      }
    }
    if (!this.#hasProc) void this.#readSizesWithPs();
  }

  #checkHeartbeat(supervised: Supervised, now: number, stalled: boolean): void {
    const { link } = supervised;
    if (stalled) supervised.pingedAt = now;
    if (supervised.awaitingPong && link.lastPong < supervised.pingedAt) {
      if (now - supervised.pingedAt > unresponsiveMs) {
        link.kill('unresponsive', `The event loop did not turn for ${unresponsiveMs / 1000} s`);
      }
      return;
    }
    supervised.awaitingPong = false;
    if (now - supervised.pingedAt < heartbeatMs) return;
    supervised.pingedAt = now;
    supervised.awaitingPong = true;
    link.writer.send(frameType.ping, 0, '');
  }

  #checkMemory(supervised: Supervised): void {
    if (!supervised.stat) return;
    if (supervised.ticksToSkip > 0 && !supervised.app?.active) {
      supervised.ticksToSkip--;
      return;
    }
    const stat = supervised.stat.read();
    if (!stat) return;
    const grown = stat.residentBytes - supervised.residentBytes;
    supervised.residentBytes = stat.residentBytes;
    const limit = hardLimitBytes(supervised.link.memoryMb);
    supervised.ticksToSkip = grown < 1024 * 1024 && stat.residentBytes < limit / 2 ? quietTicks : 0;
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
    setTimeout(() => {
      this.#psRunning = false;
    }, 200).unref();
  }
}

/** Resident size at which a process is killed. */
export function hardLimitBytes(memoryMb: number): number {
  return Math.round((memoryMb * hardMemoryFactor + baseMemoryMb) * 1024 * 1024);
}
