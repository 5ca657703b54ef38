import { EventEmitter } from 'node:events';
import { refusedFunction } from './refused.ts';

const startedAt = performance.now();
const native = globalThis.process;

/** `process` as app code sees it: the space's variables, a clock and names; nothing of the machine. */
export function createProcess(env: Record<string, string>): object {
  const process = Object.assign(new EventEmitter(), {
    env,
    argv: ['node', 'app.js'],
    argv0: 'node',
    execArgv: [],
    execPath: '/usr/bin/node',
    title: 'app',
    pid: 1,
    ppid: 0,
    exitCode: undefined,
    arch: 'x64',
    platform: 'linux',
    version: 'v24.0.0',
    versions: { node: '24.0.0' },
    release: { name: 'node' },
    features: {},
    config: {},
    browser: false,
    cwd: () => '/app',
    umask: () => 0o22,
    uptime: () => (performance.now() - startedAt) / 1000,
    nextTick: native.nextTick.bind(native),
    hrtime: Object.assign(hrtime, { bigint: () => BigInt(Math.round(performance.now() * 1e6)) }),
    memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), {
      rss: () => 0,
    }),
    cpuUsage: () => ({ user: 0, system: 0 }),
    getuid: () => 1000,
    getgid: () => 1000,
    geteuid: () => 1000,
    getegid: () => 1000,
    emitWarning: (warning: unknown) => console.warn(String(warning)),
    exit: refusedFunction('process.exit'),
    reallyExit: refusedFunction('process.reallyExit'),
    abort: refusedFunction('process.abort'),
    kill: refusedFunction('process.kill'),
    chdir: refusedFunction('process.chdir'),
    dlopen: refusedFunction('process.dlopen'),
    binding: refusedFunction('process.binding'),
    stdout: outputStream('log'),
    stderr: outputStream('error'),
    // By which libraries tell Node from a browser.
    [Symbol.toStringTag]: 'process',
  });
  return process;
}

function hrtime(previous?: [number, number]): [number, number] {
  const now = performance.now();
  let seconds = Math.floor(now / 1000);
  let nanoseconds = Math.floor((now % 1000) * 1e6);
  if (previous) {
    seconds -= previous[0];
    nanoseconds -= previous[1];
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1e9;
    }
  }
  return [seconds, nanoseconds];
}

function outputStream(method: 'log' | 'error'): object {
  return {
    isTTY: false,
    columns: 80,
    writable: true,
    write: (text: unknown) => {
      console[method](String(text).replace(/\n$/, ''));
      return true;
    },
    end: () => {},
    on: () => {},
    once: () => {},
    removeListener: () => {},
    emit: () => false,
  };
}
