import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { TackleError } from '../../core/errors.ts';
import { frameType } from '../runtime/protocol.ts';
import { ProtocolViolation } from './frame-reader.ts';
import type { IsolationLayers } from './isolation-layers.ts';
import { readOutput } from './output-lines.ts';
import { ProcessLink } from './process-link.ts';

export interface SpawnSettings {
  readonly denoBinary: string;
  readonly runtimeFile: string;
  readonly loaderFile: string;
  /** Where sockets and the empty working directory live; other users may pass through, not list. */
  readonly runDirectory: string;
  readonly layers: IsolationLayers;
  readonly readyTimeoutMs: number;
}

/**
 * Where Deno keeps its caches, and what `localStorage` and `caches` of an app would be written to: a place that nobody, not
 * even root, can make.
 */
const noDirectory = '/dev/null/none';

let lastProcessNumber = 0;

/** Starts a process and resolves when it is connected, has given up its permissions, and waits for code. */
export async function spawnProcess(settings: SpawnSettings, memoryMb: number): Promise<ProcessLink> {
  const number = ++lastProcessNumber;
  const user = settings.layers.userFor(number);
  const directory = path.join(settings.runDirectory, `p${number}`);
  await mkdir(directory, { mode: 0o700 });
  if (user) await chown(directory, user.uid, user.gid);
  const socketPath = path.join(directory, 's');
  const server = createServer({ pauseOnConnect: false });
  try {
    await listen(server, socketPath);
    if (user) await chown(socketPath, user.uid, user.gid);
    await chmod(socketPath, 0o700);
    const workingDirectory = path.join(settings.runDirectory, 'empty');
    const { command, args, reportsPid } = settings.layers.wrap({
      denoBinary: settings.denoBinary,
      denoArgs: denoArgs(settings, socketPath, memoryMb),
      files: [settings.loaderFile, settings.runtimeFile],
      socketDirectory: directory,
      workingDirectory,
      memoryMb,
    });
    const child = spawn(command, args, {
      cwd: workingDirectory,
      env: { DENO_DIR: noDirectory, NO_COLOR: '1', TOKIO_WORKER_THREADS: '1', DENO_NO_UPDATE_CHECK: '1' },
      stdio: ['ignore', 'pipe', 'pipe', ...(reportsPid ? (['pipe'] as const) : [])],
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
    });
    const pid = reportsPid ? readReportedPid(child) : Promise.resolve(child.pid ?? 0);
    return await connect(child, server, pid, memoryMb, settings);
  } finally {
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function denoArgs(settings: SpawnSettings, socketPath: string, memoryMb: number): string[] {
  return [
    'run',
    '--quiet',
    '--no-prompt',
    '--no-remote',
    '--no-npm',
    '--no-config',
    '--no-lock',
    '--no-check',
    `--v8-flags=--max-old-space-size=${memoryMb},--max-semi-space-size=4`,
    `--allow-net=unix:${socketPath}`,
    `--allow-read=${socketPath},${settings.runtimeFile}`,
    `--allow-write=${socketPath}`,
    settings.loaderFile,
    socketPath,
    settings.runtimeFile,
  ];
}

/** What bubblewrap tells about the process inside. Pid 0 when it ends before it does. */
function readReportedPid(child: ChildProcess): Promise<number> {
  const pipe = child.stdio[3] as Readable;
  return new Promise((resolve) => {
    let text = '';
    pipe.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const found = /"child-pid"\s*:\s*(\d+)/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    pipe.on('close', () => resolve(0));
    pipe.on('error', () => resolve(0));
  });
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
}

/** Waits for the one connection, then for READY. */
async function connect(
  child: ChildProcess,
  server: Server,
  pid: Promise<number>,
  memoryMb: number,
  settings: SpawnSettings,
): Promise<ProcessLink> {
  let stderr = '';
  let link: ProcessLink | null = null;
  readOutput(child.stderr!, (text) => {
    stderr = (stderr + text).slice(-4000);
    link?.addStderr(text);
    link?.onOutput('stderr', text);
  });
  readOutput(child.stdout!, (text) => link?.onOutput('stdout', text));
  const { promise, resolve, reject } = Promise.withResolvers<ProcessLink>();
  const fail = (why: string) => {
    child.kill('SIGKILL');
    reject(new TackleError('internal', `The sandbox process did not start: ${why}${stderr ? `\n${stderr}` : ''}`));
  };
  const timer = setTimeout(() => fail(`not ready within ${settings.readyTimeoutMs} ms`), settings.readyTimeoutMs);
  const onExit = (code: number | null, signal: string | null) => fail(`it ended with ${signal ?? `code ${code}`}`);
  child.once('error', (error) => fail(error.message));
  child.once('exit', onExit);
  server.once('connection', (socket: Socket) => {
    server.close();
    link = new ProcessLink(child, socket, memoryMb);
    link.onFrame = (type) => {
      if (type !== frameType.ready) throw new ProtocolViolation('A frame before READY');
      resolve(link!);
    };
  });
  try {
    const ready = await promise;
    ready.pid = await pid;
    if (ready.pid === 0) {
      ready.kill('stopped', '');
      throw new TackleError('internal', 'The sandbox process did not start: the pid to watch is not known');
    }
    return ready;
  } finally {
    clearTimeout(timer);
    child.off('exit', onExit);
  }
}
