/**
 * Everything that is loaded at one time: units of hooks, legacy modules and plugins, and the registry that they make.
 * A new set is prepared completely before it takes the place of the old one.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { buildHookCatalog, type CatalogHook, type CatalogOptions, type HookCatalog } from './catalog.ts';
import { getInternalBlock, type HookConfig } from './config/hook-config.ts';
import { type Listener, readListenerSettings } from './dispatch/listener.ts';
import { createHookRegistry, type HookRegistry } from './dispatch/registry.ts';
import { createUnitListeners, type HookUnit, openHookUnit } from './hook-unit.ts';
import { createHookRunner, type HookRunner, type RunnerEvents } from './host/hook-runner.ts';
import { openThreadChannel } from './host/host-channel.ts';
import type { PluginModuleSpec } from './host/protocol.ts';
import { legacyIdPrefix, listLegacyHandlers } from './legacy/legacy-handlers.ts';
import type { HookLogger } from './logging/logger.ts';
import { discoverPlugins } from './plugins/discover-plugins.ts';
import { createVirtualHook } from './virtual-hook.ts';

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

export interface HookSet {
  readonly config: HookConfig;
  readonly catalog: HookCatalog;
  readonly units: ReadonlyMap<string, HookUnit>;
  readonly plugins: readonly PluginUnit[];
  readonly registry: HookRegistry;
  /** Hook id to why its code could not be loaded. */
  readonly loadErrors: ReadonlyMap<string, string>;
  /** Number of hooks that registered at least one key. */
  readonly registeredCount: number;
  readonly signatures: ReadonlyMap<string, string>;
}

export interface HookSetOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly logger: HookLogger;
  readonly catalog: CatalogOptions;
  readonly loadTimeoutMs?: number;
  readonly createEvents: (
    hookName: string,
    isBundled: boolean,
    collect: (handlerId: string, keys: readonly string[], name?: string, description?: string) => void,
    collectTyped?: (name: string, priority: number) => void,
  ) => RunnerEvents;
  /** Listeners of the engine's own process. */
  readonly inProcess: readonly Listener[];
}

const parallelLoads = 4;

/** Prepares a set. `previous` lends the units whose code and settings are unchanged. */
export async function prepareHookSet(
  config: HookConfig,
  options: HookSetOptions,
  previous?: HookSet,
): Promise<HookSet> {
  const { logger } = options;
  const found = await discoverPlugins(config);
  const catalog = await buildHookCatalog(config, {
    ...options.catalog,
    env: options.env,
    pluginRoots: found.hookRoots,
  });
  const legacy = isActive(config) ? await listLegacyHandlers(config) : { hooks: [], problems: [] };
  for (const problem of [...catalog.problems, ...found.problems]) logger.warn('hooks:loader', problem.message);
  for (const lint of catalog.lints) logger.warn('hooks:loader', lint.message);
  for (const problem of legacy.problems) logger.error('hooks:loader', problem);
  const wanted = [...catalog.hooks.filter((item) => item.loadable), ...legacy.hooks];
  const signatures = new Map<string, string>();
  await Promise.all(wanted.map(async (item) => signatures.set(item.hook.id, await computeSignature(item))));
  const units = await openUnits(wanted, signatures, config, options, previous);
  const plugins = await openPlugins(found.plugins, options, previous);
  return assembleSet(config, catalog, wanted, units, plugins, signatures, options);
}

function isActive(config: HookConfig): boolean {
  return Boolean(getInternalBlock(config.config).enabled);
}

/** What plugins register runs with the master switch in the seed; later the switch can only turn it off. */
function arePluginHooksActive(config: HookConfig): boolean {
  return config.profile === 'seed' ? isActive(config) : getInternalBlock(config.config).enabled !== false;
}

function toCatalogHook(unit: PluginUnit, hook: PluginHook, config: HookConfig): CatalogHook {
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

/** Changes when any file of the hook, or anything in its entry that its thread depends on, changes. */
async function computeSignature(item: CatalogHook): Promise<string> {
  const files = await fingerprintDirectory(item.hook.baseDir, 0);
  const { env, injectEnv, isolation, memoryMb, maxChildren } = item.entry ?? {};
  const exportName = item.hook.metadata?.exportName;
  return JSON.stringify([
    item.hook.handlerPath,
    exportName,
    item.hook.permissions,
    files,
    env,
    injectEnv,
    isolation,
    memoryMb,
    maxChildren,
  ]);
}

async function fingerprintDirectory(dir: string, depth: number): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const result: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      if (depth < 4) result.push(...(await fingerprintDirectory(file, depth + 1)));
    } else if (/\.(?:[cm]?[jt]s|json|md)$/.test(entry.name)) {
      const found = await stat(file).catch(() => null);
      if (found !== null) result.push(`${file}:${found.mtimeMs}:${found.size}`);
    }
    if (result.length > 500) break;
  }
  return result;
}

async function openUnits(
  wanted: readonly CatalogHook[],
  signatures: ReadonlyMap<string, string>,
  config: HookConfig,
  options: HookSetOptions,
  previous: HookSet | undefined,
): Promise<Map<string, HookUnit>> {
  const units = new Map<string, HookUnit>();
  const rest = [...wanted];
  const work = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      const { id } = item.hook;
      const old = previous?.units.get(id);
      if (old !== undefined && old.loadError === undefined && previous?.signatures.get(id) === signatures.get(id)) {
        units.set(id, { ...old, item });
        continue;
      }
      const unit = await openUnit(item, config, options);
      // New code that does not load must not take working code away.
      const keepsOld = unit.loadError !== undefined && old !== undefined && isUsable(old);
      units.set(id, keepsOld ? { ...old, item, loadError: unit.loadError, keptAfterFailedReload: true } : unit);
    }
  };
  await Promise.all(Array.from({ length: parallelLoads }, work));
  return units;
}

function openUnit(item: CatalogHook, config: HookConfig, options: HookSetOptions): Promise<HookUnit> {
  const agent = config.agents.find((place) => place.agentId === item.hook.agentId) ?? config.agents[0];
  return openHookUnit(item, {
    env: options.env,
    lenientExports: config.settings.lenientExports,
    loadTimeoutMs: options.loadTimeoutMs,
    homeDir: config.places.homeDir,
    workspaceDir: agent?.workspaceDir ?? '',
    onStuck: ({ hook }) =>
      options.logger.error(
        'hooks',
        `The thread of hook ${hook.name} sits in native code and cannot be ended; the hook runs in a process from now on.`,
      ),
    createEvents: (hook, collect) => options.createEvents(hook.hook.name, hook.hook.rootKind === 'bundled', collect),
  });
}

const pluginLimits = { heapMb: 256, memoryBytes: 256 * 1024 * 1024, maxChildren: 8 };

async function openPlugins(
  specs: readonly PluginModuleSpec[],
  options: HookSetOptions,
  previous: HookSet | undefined,
): Promise<PluginUnit[]> {
  const result: PluginUnit[] = [];
  for (const spec of specs) {
    const old = previous?.plugins.find(
      (unit) => unit.spec.entryPath === spec.entryPath && unit.loadError === undefined,
    );
    if (old !== undefined && JSON.stringify(old.spec.pluginConfig) === JSON.stringify(spec.pluginConfig))
      result.push(old);
    else result.push(await openPlugin(spec, options));
  }
  return result;
}

async function openPlugin(spec: PluginModuleSpec, options: HookSetOptions): Promise<PluginUnit> {
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
  return { spec, runner, hooks, typed, loadError };
}

function assembleSet(
  config: HookConfig,
  catalog: HookCatalog,
  wanted: readonly CatalogHook[],
  units: ReadonlyMap<string, HookUnit>,
  plugins: readonly PluginUnit[],
  signatures: ReadonlyMap<string, string>,
  options: HookSetOptions,
): HookSet {
  const { logger } = options;
  const registry = createHookRegistry(config.settings);
  const loadErrors = new Map<string, string>();
  let registeredCount = 0;
  for (const item of wanted) {
    const unit = units.get(item.hook.id);
    if (unit === undefined) continue;
    const { name } = item.hook;
    if (unit.loadError !== undefined) {
      loadErrors.set(item.hook.id, unit.loadError.message);
      logger.error('hooks:loader', describeLoadFailure(item, unit.loadError.message));
      if (!isUsable(unit)) continue;
    }
    const listeners = createUnitListeners(unit, config.settings);
    if (listeners.length === 0) {
      logger.warn('hooks:loader', `Hook '${name}' has no events defined in metadata`);
      continue;
    }
    for (const listener of listeners) registry.add(listener);
    registeredCount += 1;
    logger.info('hooks:loader', describeRegistration(item));
  }
  const activePlugins = arePluginHooksActive(config) ? plugins : [];
  for (const unit of activePlugins) registeredCount += registerPlugin(unit, registry);
  const registered = activePlugins.flatMap((unit) => unit.hooks.map((hook) => toCatalogHook(unit, hook, config)));
  for (const listener of options.inProcess) registry.add(listener);
  return {
    config,
    catalog: { ...catalog, hooks: [...catalog.hooks, ...registered] },
    units,
    plugins,
    registry,
    loadErrors,
    registeredCount,
    signatures,
  };
}

/** A unit that kept its old code after a failed reload goes on with it. */
function isUsable(unit: HookUnit): boolean {
  return unit.loadError === undefined || unit.keptAfterFailedReload === true;
}

function describeLoadFailure(item: CatalogHook, message: string): string {
  if (item.hook.id.startsWith(legacyIdPrefix))
    return `Failed to load hook handler from ${item.hook.handlerPath}: ${message}`;
  return `Failed to load hook ${item.hook.name}: ${message}`;
}

function describeRegistration(item: CatalogHook): string {
  const { metadata, events, name, handlerPath, id } = item.hook;
  const exportName = metadata?.exportName ?? 'default';
  if (id.startsWith(legacyIdPrefix)) {
    return `Registered hook (legacy): ${events[0]} -> ${handlerPath}${exportName === 'default' ? '' : `#${exportName}`}`;
  }
  return `Registered hook: ${name} -> ${events.join(', ')}${exportName === 'default' ? '' : ` (export: ${exportName})`}`;
}

function registerPlugin(unit: PluginUnit, registry: HookRegistry): number {
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
