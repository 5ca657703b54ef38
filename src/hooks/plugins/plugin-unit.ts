/** A plugin with its code running: what it registered, and what went wrong while it did. */
import path from 'node:path';
import type { CatalogHook } from '../catalog.ts';
import { getInternalBlock, type HookConfig } from '../config/hook-config.ts';
import { readListenerSettings } from '../dispatch/listener.ts';
import type { HookRegistry } from '../dispatch/registry.ts';
import type { HookSetOptions } from '../hook-set.ts';
import { createHookRunner, type HookRunner } from '../host/hook-runner.ts';
import { openThreadChannel } from '../host/host-channel.ts';
import type { PluginModuleSpec } from '../host/protocol.ts';
import { createVirtualHook } from '../virtual-hook.ts';

export interface PluginHook {
  readonly pluginId: string;
  readonly name: string;
  readonly description: string;
  readonly events: readonly string[];
  readonly handlerId: string;
}

export interface PluginUnit {
  readonly spec: PluginModuleSpec;
  readonly runner: HookRunner;
  readonly hooks: readonly PluginHook[];
  /** Names of typed hooks with their highest priority. */
  readonly typed: ReadonlyMap<string, number>;
  readonly loadError?: string;
}

export type PluginUnitOptions = Pick<HookSetOptions, 'env' | 'logger' | 'loadTimeoutMs' | 'createEvents'>;

/** What plugins register runs with the master switch in the seed; later the switch can only turn it off. */
export function arePluginHooksActive(config: HookConfig): boolean {
  const { enabled } = getInternalBlock(config.config);
  return config.profile === 'seed' ? Boolean(enabled) : enabled !== false;
}

export function toCatalogHook(unit: PluginUnit, hook: PluginHook, config: HookConfig): CatalogHook {
  return createVirtualHook({
    id: `plugin:${hook.pluginId}:${hook.name}`,
    name: hook.name,
    description: hook.description,
    rootKind: 'plugin',
    pluginId: hook.pluginId,
    handlerPath: unit.spec.entryPath,
    boundaryDir: path.dirname(unit.spec.entryPath),
    events: hook.events,
    exportName: 'default',
    profile: config.profile,
  });
}

const pluginLimits = { heapMb: 256, memoryBytes: 256 * 1024 * 1024, maxChildren: 8 };

/** `previous` lends the units whose code and settings are unchanged. */
export function openPlugins(
  specs: readonly PluginModuleSpec[],
  options: PluginUnitOptions,
  previous: readonly PluginUnit[] = [],
): Promise<PluginUnit[]> {
  return Promise.all(
    specs.map((spec) => {
      const old = previous.find((unit) => unit.spec.entryPath === spec.entryPath && unit.loadError === undefined);
      const isSame = JSON.stringify(old?.spec.pluginConfig) === JSON.stringify(spec.pluginConfig);
      return old !== undefined && isSame ? old : openPlugin(spec, options);
    }),
  );
}

async function openPlugin(spec: PluginModuleSpec, options: PluginUnitOptions): Promise<PluginUnit> {
  const hooks: PluginHook[] = [];
  const typed = new Map<string, number>();
  let isLoaded = false;
  const events = options.createEvents(
    spec.pluginId,
    false,
    (handlerId, keys, name, description) => {
      // A plugin that starts again after a crash registers the same again.
      if (isLoaded) return;
      hooks.push({
        pluginId: spec.pluginId,
        name: name ?? `${spec.pluginId}:${hooks.length + 1}`,
        description: description ?? '',
        events: keys,
        handlerId,
      });
    },
    (name, priority) => typed.set(name, Math.max(priority, typed.get(name) ?? Number.NEGATIVE_INFINITY)),
  );
  const runner = createHookRunner({
    open: openThreadChannel(options.env, pluginLimits),
    limits: pluginLimits,
    events,
    loadTimeoutMs: options.loadTimeoutMs,
    loadMessage: { kind: 'load-plugin', spec },
  });
  const loaded = await runner.load();
  isLoaded = true;
  const loadError = loaded.ok ? undefined : (loaded.error?.message ?? 'unknown error');
  if (loadError !== undefined)
    options.logger.error('hooks:loader', `Failed to load plugin ${spec.pluginId}: ${loadError}`);
  // What half a registration left behind has nobody to answer its events.
  return { spec, runner, hooks: loadError === undefined ? hooks : [], typed, loadError };
}

export function registerPlugin(unit: PluginUnit, registry: HookRegistry): number {
  for (const hook of unit.hooks) {
    for (const key of hook.events) {
      registry.add({
        key,
        hookId: `plugin:${hook.pluginId}:${hook.name}`,
        hookName: hook.name,
        source: 'openclaw-plugin',
        agents: null,
        settings: readListenerSettings(undefined),
        place: 'apart',
        handlerId: hook.handlerId,
        invoke: unit.runner.invoke,
      });
    }
  }
  return unit.hooks.length;
}
