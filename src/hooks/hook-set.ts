/**
 * Everything that is loaded at one time: units of hooks, legacy modules and plugins, and the registry that they make.
 * A new set is prepared completely before it takes the place of the old one.
 */
import { buildHookCatalog, type CatalogHook, type CatalogOptions, type HookCatalog } from './catalog.ts';
import { getInternalBlock, type HookConfig } from './config/hook-config.ts';
import type { Listener } from './dispatch/listener.ts';
import { createHookRegistry, type HookRegistry } from './dispatch/registry.ts';
import { computeSignature } from './hook-signature.ts';
import { createUnitListeners, type HookUnit, openHookUnit } from './hook-unit.ts';
import type { RunnerEvents } from './host/hook-runner.ts';
import { legacyIdPrefix, listLegacyHandlers } from './legacy/legacy-handlers.ts';
import type { HookLogger } from './logging/logger.ts';
import { discoverPlugins } from './plugins/discover-plugins.ts';
import {
  arePluginHooksActive,
  openPlugins,
  type PluginUnit,
  registerPlugin,
  toCatalogHook,
} from './plugins/plugin-unit.ts';

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
  const plugins = await openPlugins(found.plugins, options, previous?.plugins);
  return assembleSet(config, catalog, wanted, units, plugins, signatures, options);
}

function isActive(config: HookConfig): boolean {
  return Boolean(getInternalBlock(config.config).enabled);
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
  for (const line of describeTrust([...units.values()])) logger.info('hooks:loader', line);
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

/** What code that did not come with the server may do here, in one line for each place that such code was found in. */
function describeTrust(units: readonly HookUnit[]): string[] {
  return (['extra', 'managed', 'workspace'] as const).flatMap((kind) => {
    const found = units.filter((unit) => unit.item.hook.rootKind === kind);
    const boxed = found.filter((unit) => unit.isolation === 'sandbox').length;
    const trusted = found.length - boxed;
    const parts = [
      ...(trusted > 0
        ? [`${trusted} outside the gateway's own thread, with all that its user may do: trusted code`]
        : []),
      ...(boxed > 0 ? [`${boxed} in the sandbox, with declared permissions only`] : []),
    ];
    return parts.length === 0 ? [] : [`Loading ${kind} hook code: ${parts.join('; ')}.`];
  });
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
