/**
 * A hook that declares its permissions runs in a Deno process that has only those. Its code is bundled into one file
 * first, so it needs no right to read its own directory; messages travel as lines over stdin and stdout.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { CatalogHook } from '../catalog.ts';
import {
  type HostChannel,
  type HostChannelEvents,
  type HostLimits,
  type OpenHostChannel,
  readResidentBytes,
} from './host-channel.ts';
import { type ResolvedPermissions, resolvePermissions } from './permissions.ts';
import type { FromHost, ToHost } from './protocol.ts';

export interface DenoChannelOptions {
  readonly item: CatalogHook;
  readonly env: NodeJS.ProcessEnv;
  readonly limits: HostLimits;
  readonly homeDir: string;
  readonly workspaceDir: string;
}

const maxLineBytes = 8 * 1024 * 1024;

/** Path of the Deno binary for this machine; throws a plain sentence when there is none. */
export function findDenoBinary(): string {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const name = process.platform === 'darwin' ? `@deno/darwin-${arch}` : `@deno/linux-${arch}-glibc`;
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'deno');
  } catch {
    throw new Error(`The sandbox for hooks needs the package ${name}, which is not installed on this machine.`);
  }
}

/** A value with a comma would become two permissions. */
function joinFlag(flag: string, values: readonly string[]): string[] {
  const safe = values.filter((value) => value !== '' && !value.includes(','));
  return safe.length === 0 ? [] : [`${flag}=${safe.join(',')}`];
}

export function listDenoFlags(permissions: ResolvedPermissions, heapMb: number): string[] {
  return [
    'run',
    '--no-prompt',
    '--no-remote',
    '--no-npm',
    '--no-config',
    '--no-lock',
    '--quiet',
    `--v8-flags=--max-old-space-size=${heapMb}`,
    ...joinFlag('--allow-read', [...permissions.read, ...permissions.write]),
    ...joinFlag('--allow-write', permissions.write),
    ...joinFlag('--allow-net', permissions.net),
    ...joinFlag('--allow-env', permissions.env),
  ];
}

export function openDenoChannel(options: DenoChannelOptions): OpenHostChannel {
  return (events) => {
    const hook = options.item.hook;
    const permissions = resolvePermissions(hook.permissions ?? { read: [], write: [], net: [], env: [] }, {
      hookDir: hook.baseDir,
      homeDir: options.homeDir,
      workspaceDir: options.workspaceDir,
    });
    const token = randomBytes(16).toString('hex');
    const queue: string[] = [];
    let child: ChildProcess | undefined;
    let ended = false;
    let killed = false;
    const cacheDir = path.join(os.tmpdir(), `tackle-hook-${process.pid}-${randomBytes(6).toString('hex')}`);
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      rmSync(cacheDir, { recursive: true, force: true });
      events.onEnd(reason);
    };

    const begin = async () => {
      mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
      // The bundler is large, and only sandboxed hooks need it.
      const { bundleForSandbox } = await import('./sandbox-bundle.ts');
      const bundle = await bundleForSandbox(hook.handlerPath, path.join(cacheDir, 'hook.mjs'));
      if (killed) return;
      child = spawnDeno(bundle, permissions, options, cacheDir);
      const write = (line: string) => child?.stdin?.write(line);
      child.stdin?.on('error', () => undefined);
      write(`${JSON.stringify({ token, exportName: hook.metadata?.exportName ?? 'default', name: hook.name })}\n`);
      for (const line of queue.splice(0)) write(line);
      readLines(child, token, events, (reason) => {
        child?.kill('SIGKILL');
        end(reason);
      });
      child.once('error', (error) => end(`the sandbox could not start: ${error.message}`));
      child.once('exit', (code, signal) => end(`the hook's sandbox ended with ${signal ?? `code ${code}`}`));
    };
    begin().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      events.onMessage({ kind: 'loaded', ok: false, error: { name: 'Error', message }, lints: [] });
      end(message);
    });

    const channel: HostChannel = {
      post: (message) => {
        if (message.kind === 'load-hook') return;
        const line = `${encodeLine(message)}\n`;
        if (child === undefined) queue.push(line);
        else child.stdin?.write(line);
      },
      kill: async () => {
        killed = true;
        if (child === undefined || child.exitCode !== null) {
          rmSync(cacheDir, { recursive: true, force: true });
          return;
        }
        const exited = new Promise<void>((resolve) => child?.once('exit', () => resolve()));
        child.kill('SIGKILL');
        await exited;
      },
      readMemoryBytes: async () => readResidentBytes(child?.pid),
    };
    return channel;
  };
}

function spawnDeno(
  bundle: string,
  permissions: ResolvedPermissions,
  options: DenoChannelOptions,
  cacheDir: string,
): ChildProcess {
  const env: NodeJS.ProcessEnv = { DENO_DIR: cacheDir, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' };
  for (const name of permissions.env) if (options.env[name] !== undefined) env[name] = options.env[name];
  return spawn(findDenoBinary(), [...listDenoFlags(permissions, options.limits.heapMb), bundle], {
    cwd: cacheDir,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Bytes cross as base64 because the channel is text. */
function encodeLine(message: ToHost): string {
  if (message.kind !== 'invoke') return JSON.stringify(message);
  return JSON.stringify({ ...message, event: Buffer.from(message.event).toString('base64') });
}

function decodeLine(line: string): FromHost {
  const message = JSON.parse(line) as FromHost;
  if (message.kind !== 'result' || message.changes === undefined) return message;
  const event = Buffer.from(String(message.changes.event), 'base64');
  return { ...message, changes: { ...message.changes, event } };
}

const knownKinds: ReadonlySet<string> = new Set(['loaded', 'result', 'log', 'stray-error', 'pong']);

/** Lines with the token are messages; anything else that the hook managed to print is output. */
function readLines(
  child: ChildProcess,
  token: string,
  events: HostChannelEvents,
  fail: (reason: string) => void,
): void {
  let rest = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (chunk: string) => {
    rest += chunk;
    if (rest.length > maxLineBytes) {
      fail('the hook sent a message that is too long');
      return;
    }
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith(token)) {
        events.onMessage({ kind: 'log', runId: null, stream: 'stdout', text: `${line}\n` });
        continue;
      }
      try {
        const message = decodeLine(line.slice(token.length));
        if (knownKinds.has(message.kind)) events.onMessage(message);
      } catch {
        fail('the hook sent a message that cannot be read');
      }
    }
  });
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => events.onMessage({ kind: 'log', runId: null, stream: 'stderr', text }));
}
