/** Entry of a hook's own thread or process. Loads one module, runs its handlers, reports everything to the engine. */
import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { HookEvent } from '../../core/hook-event.ts';
import { computeChanges, decodeEvent, encodeEvent } from './event-codec.ts';
import { createHookHelpers, type HookHandler, publishHookHelpers } from './hook-helpers.ts';
import { setHostBridge } from './host-bridge.ts';
import { importWithTolerance, loadHookModule } from './load-module.ts';
import { installModuleHooks } from './module-hooks.ts';
import { createPluginApi, type TypedHooks } from './plugin-api.ts';
import { describeError, type FromHost, getModuleHandlerId, type PluginModuleSpec, type ToHost } from './protocol.ts';
import { installRunContext } from './run-context.ts';

type Invocation = Extract<ToHost, { kind: 'invoke' }>;

const systemHomeDir = os.homedir;
const maxChildren = Number(
  (workerData as { maxChildren?: number } | null)?.maxChildren ?? process.env.TACKLE_HOOK_MAX_CHILDREN ?? 8,
);
delete process.env.TACKLE_HOOK_MAX_CHILDREN;

/** A thread talks over its port, a process over its IPC channel. */
const post: (message: FromHost) => void =
  parentPort === null ? (message) => process.send?.(message) : parentPort.postMessage.bind(parentPort);

// Experimental features that the loader itself uses are no news for the reader of a hook's output.
const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
process.emitWarning = ((...args: unknown[]) => {
  if (args[1] !== 'ExperimentalWarning') emitWarning(...args);
}) as typeof process.emitWarning;

// The system's answer ignores the environment that this thread was given.
os.homedir = () => process.env.HOME || process.env.USERPROFILE || systemHomeDir();

const context = installRunContext(post, maxChildren);
const handlers = new Map<string, HookHandler>();
const dynamic: { key: string; handler: HookHandler; handlerId: string }[] = [];
const hostCalls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
let nextId = 0;
let typed: TypedHooks | undefined;
let plugin: PluginModuleSpec | undefined;
/** What a plugin started and need not wait for while it registers; it counts as loaded when all of it has ended. */
const pendingDirs: Promise<unknown>[] = [];

function callEngine(method: string, args: readonly unknown[]): Promise<unknown> {
  nextId += 1;
  const callId = nextId;
  return new Promise((resolve, reject) => {
    hostCalls.set(callId, { resolve, reject });
    post({ kind: 'host-call', callId, method, args });
  });
}
setHostBridge(callEngine);

function registerEvents(
  keys: readonly string[],
  handler: HookHandler,
  options: { name?: string; description?: string } = {},
): void {
  if (typeof handler !== 'function') throw new TypeError('The handler is not a function.');
  nextId += 1;
  const handlerId = `dynamic:${nextId}`;
  handlers.set(handlerId, handler);
  for (const key of keys) dynamic.push({ key, handler, handlerId });
  post({ kind: 'register', handlerId, keys, ...options });
}

function unregister(key: string, handler: HookHandler): void {
  const index = dynamic.findIndex((item) => item.key === key && item.handler === handler);
  const found = dynamic[index];
  if (found === undefined) return;
  dynamic.splice(index, 1);
  post({ kind: 'unregister', handlerId: found.handlerId, key });
}

async function trigger(event: HookEvent): Promise<void> {
  const bytes = (await callEngine('triggerEvent', [encodeEvent(event)])) as Uint8Array | undefined;
  if (bytes === undefined) return;
  const after = decodeEvent(bytes);
  event.messages.splice(0, event.messages.length, ...after.messages);
  Object.assign(event.context, after.context);
}

function registerDir(dir: string): Promise<unknown> {
  const spec = plugin;
  if (spec === undefined) return Promise.reject(new Error('registerPluginHooksFromDir is for plugins only.'));
  const work = import('./plugin-hook-dir.ts').then((module) =>
    module.registerHooksFromDir(dir, spec, { registerEvents }, loader),
  );
  pendingDirs.push(work);
  return work;
}

const helpers = createHookHelpers({
  register: (key, handler) => registerEvents([key], handler),
  unregister,
  clear: () => {
    for (const item of [...dynamic]) unregister(item.key, item.handler);
  },
  listKeys: () => [...new Set(dynamic.map((item) => item.key))],
  trigger,
  registerDir,
});
const loader = installModuleHooks(publishHookHelpers(helpers));

async function loadPlugin(spec: PluginModuleSpec): Promise<void> {
  plugin = spec;
  const module = await importWithTolerance(spec.entryPath, false, loader);
  let entry: unknown = module.default ?? module;
  if (typeof entry === 'object' && entry !== null && 'default' in entry) entry = entry.default;
  const object = (typeof entry === 'object' && entry !== null ? entry : module) as Record<string, unknown>;
  const register = typeof entry === 'function' ? entry : (object.register ?? object.activate);
  if (typeof register !== 'function')
    throw new TypeError(`Plugin ${spec.pluginId} exports neither a function nor register().`);
  const created = createPluginApi(spec, { registerEvents, post });
  typed = created.typed;
  await register.call(object, created.api);
  await Promise.all(pendingDirs);
}

/** Conveniences that other products' hooks look for; not enumerable, so they never travel back. */
function addConveniences(event: HookEvent, message: Invocation): void {
  if (!message.aliases) return;
  const define = (target: object, key: string, value: unknown) => {
    if (!(key in target))
      Object.defineProperty(target, key, { value, enumerable: false, writable: true, configurable: true });
  };
  define(event, 'config', message.entry);
  if (event.type === 'message' && event.action === 'received') define(event.context, 'body', event.context.content);
}

async function invoke(message: Invocation): Promise<void> {
  const handler = handlers.get(message.handlerId);
  const event = decodeEvent(message.event);
  addConveniences(event, message);
  try {
    if (handler === undefined) throw new Error('The handler is no longer registered.');
    // Async, so that what a returned object does when it is awaited belongs to the run as well.
    await context.run(message.runId, async () => handler(event));
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

async function load(message: Extract<ToHost, { kind: 'load-hook' | 'load-plugin' }>): Promise<void> {
  try {
    if (message.kind === 'load-plugin') {
      await loadPlugin(message.spec);
      post({ kind: 'loaded', ok: true, lints: [] });
      return;
    }
    const loaded = await loadHookModule(message.spec, loader);
    handlers.set(getModuleHandlerId(message.spec.hookId), loaded.handler);
    post({ kind: 'loaded', ok: true, lints: loaded.lints });
  } catch (error) {
    post({ kind: 'loaded', ok: false, error: describeError(error), lints: [] });
  }
}

async function callTyped(message: Extract<ToHost, { kind: 'call-typed' }>): Promise<void> {
  try {
    post({
      kind: 'typed-result',
      callId: message.callId,
      value: await typed?.call(message.name, message.event, message.ctx),
    });
  } catch (error) {
    post({ kind: 'typed-result', callId: message.callId, error: describeError(error) });
  }
}

function receive(message: ToHost): void {
  if (message.kind === 'invoke') void invoke(message);
  else if (message.kind === 'ping') post({ kind: 'pong', n: message.n });
  else if (message.kind === 'call-typed') void callTyped(message);
  else if (message.kind === 'host-reply') {
    const call = hostCalls.get(message.callId);
    hostCalls.delete(message.callId);
    if (message.error !== undefined)
      call?.reject(Object.assign(new Error(message.error.message), { name: message.error.name }));
    else call?.resolve(message.value);
  } else void load(message);
}

if (parentPort === null) process.on('message', receive);
else parentPort.on('message', receive);
