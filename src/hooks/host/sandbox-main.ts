/**
 * Serves one hook inside the sandbox: reads calls from stdin, writes answers to stdout. Bundled together with the
 * hook and run by Deno, so nothing here may need a permission.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { format } from 'node:util';
import type { HookEvent } from '../../core/hook-event.ts';
import { computeChanges, decodeEvent } from './event-codec.ts';
import { describeError, type FromHost, type ToHost } from './protocol.ts';

interface DenoGlobal {
  readonly stdin: { readonly readable: ReadableStream<Uint8Array> };
  readonly stdout: { readonly writeSync: (bytes: Uint8Array) => number };
}

interface Hello {
  readonly token: string;
  readonly exportName: string;
  readonly name: string;
}

const runs = new AsyncLocalStorage<string>();

export async function serveSandbox(module: Record<string, unknown>): Promise<void> {
  const deno = (globalThis as unknown as { Deno: DenoGlobal }).Deno;
  const write = deno.stdout.writeSync.bind(deno.stdout);
  const lines = readLines(deno.stdin.readable);
  const hello = JSON.parse((await lines.next()).value ?? '{}') as Hello;
  const post = (message: FromHost) => writeAll(write, `${hello.token}${encode(message)}\n`);
  captureConsole(post);
  const target = globalThis as unknown as EventTarget;
  target.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    const { reason } = event as unknown as { reason: unknown };
    post({ kind: 'stray-error', runId: runs.getStore() ?? null, error: describeError(reason), fatal: false });
  });
  const handler = findHandler(module, hello.exportName);
  if (handler === null) {
    const message = `Handler '${hello.exportName}' from ${hello.name} is not a function`;
    post({ kind: 'loaded', ok: false, error: { name: 'TypeError', message }, lints: [] });
  } else post({ kind: 'loaded', ok: true, lints: [] });
  for await (const line of lines) {
    const message = decode(line);
    if (message.kind === 'ping') post({ kind: 'pong', n: message.n });
    else if (message.kind === 'invoke' && handler !== null) void invoke(message, handler, post);
  }
}

type Handler = (event: HookEvent) => unknown;

function findHandler(module: Record<string, unknown>, exportName: string): Handler | null {
  const inner = module.default;
  const candidates = [module[exportName], (inner as Record<string, unknown> | undefined)?.[exportName]];
  const found = candidates.find((item) => typeof item === 'function');
  return found === undefined ? null : (found as Handler);
}

async function invoke(
  message: Extract<ToHost, { kind: 'invoke' }>,
  handler: Handler,
  post: (message: FromHost) => void,
): Promise<void> {
  const event = decodeEvent(message.event);
  if (message.aliases && !('config' in event))
    Object.defineProperty(event, 'config', { value: message.entry, enumerable: false });
  try {
    await runs.run(message.runId, () => handler(event));
    post({ kind: 'result', runId: message.runId, changes: computeChanges(message.event, event) });
  } catch (error) {
    post({
      kind: 'result',
      runId: message.runId,
      error: describeError(error),
      changes: computeChanges(message.event, event),
    });
  }
}

function captureConsole(post: (message: FromHost) => void): void {
  for (const level of ['log', 'info', 'debug', 'warn', 'error'] as const) {
    const stream = level === 'warn' || level === 'error' ? 'stderr' : 'stdout';
    console[level] = (...args: unknown[]) => {
      post({ kind: 'log', runId: runs.getStore() ?? null, stream, text: `${format(...args).slice(0, 64 * 1024)}\n` });
    };
  }
}

function writeAll(write: (bytes: Uint8Array) => number, text: string): void {
  let bytes: Uint8Array = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(write(bytes));
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** Bytes cross as base64 because the channel is text. */
function encode(message: FromHost): string {
  if (message.kind !== 'result' || message.changes === undefined) return JSON.stringify(message);
  const event = Buffer.from(message.changes.event).toString('base64');
  return JSON.stringify({ ...message, changes: { ...message.changes, event } });
}

function decode(line: string): ToHost {
  const message = JSON.parse(line) as ToHost & { event?: unknown };
  if (message.kind !== 'invoke') return message;
  return { ...message, event: Buffer.from(String(message.event), 'base64') };
}
