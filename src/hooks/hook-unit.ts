/** A hook with its code running: one runner, its registrations, what went wrong while loading. */
import type { CatalogHook } from './catalog.ts';
import type { Listener } from './dispatch/listener.ts';
import { readListenerSettings } from './dispatch/listener.ts';
import { openDenoChannel } from './host/deno-channel.ts';
import { createHookRunner, type HookRunner, type RunnerEvents } from './host/hook-runner.ts';
import { type HostLimits, openProcessChannel, openThreadChannel } from './host/host-channel.ts';
import { chooseIsolation, type HookIsolation } from './host/isolation.ts';
import { getModuleHandlerId, type WireError } from './host/protocol.ts';

export interface HookUnit {
  readonly item: CatalogHook;
  readonly isolation: HookIsolation;
  readonly runner: HookRunner;
  readonly loadError?: WireError;
  readonly lints: readonly { readonly code: string; readonly message: string }[];
  /** Handlers that the module registered by itself, by calling a helper. */
  readonly dynamic: readonly { readonly handlerId: string; readonly key: string }[];
  /** True when a reload failed and the code from before goes on; `loadError` then tells about the new code. */
  readonly keptAfterFailedReload?: boolean;
}

export interface UnitOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly lenientExports: boolean;
  readonly loadTimeoutMs?: number;
  readonly homeDir: string;
  readonly workspaceDir: string;
  /** The hook's thread could not be ended; from now on it runs in a process. */
  readonly onStuck: (item: CatalogHook) => void;
  readonly createEvents: (
    item: CatalogHook,
    collect: (handlerId: string, keys: readonly string[]) => void,
  ) => RunnerEvents;
}

const megabyte = 1024 * 1024;
const defaultHeapMb = 256;

function computeLimits(item: CatalogHook, isolation: HookIsolation): HostLimits {
  const wanted = item.entry?.memoryMb;
  const heapMb = typeof wanted === 'number' && wanted >= 32 ? Math.floor(wanted) : defaultHeapMb;
  // A thread's figure counts what lies outside the heap; a process's counts everything, the runtime included.
  const memoryBytes = (isolation === 'thread' ? heapMb : heapMb * 2 + 64) * megabyte;
  const children = item.entry?.maxChildren;
  return { heapMb, memoryBytes, maxChildren: typeof children === 'number' && children >= 0 ? Math.floor(children) : 8 };
}

function readEntryEnv(item: CatalogHook): Record<string, string> {
  const env = item.entry?.env;
  if (typeof env !== 'object' || env === null) return {};
  return Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

/** Starts the hook's thread or process and loads its module. Never rejects: a failure is part of the unit. */
export async function openHookUnit(item: CatalogHook, options: UnitOptions): Promise<HookUnit> {
  const isolation = chooseIsolation(item);
  const limits = computeLimits(item, isolation);
  const dynamic: { handlerId: string; key: string }[] = [];
  const entryEnv = readEntryEnv(item);
  const env = { ...options.env, ...(item.entry?.injectEnv === true ? entryEnv : {}) };
  let isLoaded = false;
  const events = options.createEvents(item, (handlerId, keys) => {
    // What registers later, or again after a crash, is not part of what was loaded.
    if (!isLoaded) dynamic.push(...keys.map((key) => ({ handlerId, key })));
  });
  const open =
    isolation === 'sandbox'
      ? openDenoChannel({
          item,
          env: { ...options.env, ...entryEnv },
          limits,
          homeDir: options.homeDir,
          workspaceDir: options.workspaceDir,
        })
      : isolation === 'process'
        ? openProcessChannel(env, limits)
        : openThreadChannel(env, limits);
  const runner = createHookRunner({
    open,
    limits,
    events,
    loadTimeoutMs: options.loadTimeoutMs,
    openIsolated: isolation === 'thread' ? openProcessChannel(env, computeLimits(item, 'process')) : undefined,
    onStuck: () => options.onStuck(item),
    loadMessage: {
      kind: 'load-hook',
      spec: {
        hookId: item.hook.id,
        hookName: item.hook.name,
        handlerPath: item.hook.handlerPath,
        fallbackHandlerPath: item.hook.fallbackHandlerPath,
        exportName: item.hook.metadata?.exportName ?? 'default',
        bare: item.hook.rootKind === 'bundled',
        lenientExports: options.lenientExports,
      },
    },
  });
  const loaded = await runner.load();
  isLoaded = true;
  return { item, isolation, runner, loadError: loaded.ok ? undefined : loaded.error, lints: loaded.lints, dynamic };
}

/** The listeners of a loaded hook: its declared events in the order written, then what it registered itself. */
export function createUnitListeners(unit: HookUnit, extra: { readonly aliases: boolean }): Listener[] {
  const { hook, entry, source, agents } = unit.item;
  const base = { hookId: hook.id, hookName: hook.name, source, agents, settings: readListenerSettings(entry) };
  const create = (key: string, handlerId: string): Listener => ({
    ...base,
    key,
    place: 'apart',
    handlerId,
    entry: extra.aliases ? entry : undefined,
    invoke: unit.runner.invoke,
  });
  const declared = hook.events.map((key) => create(key, getModuleHandlerId(hook.id)));
  return [...declared, ...unit.dynamic.map(({ key, handlerId }) => create(key, handlerId))];
}
