/** What plugins register, for those who only look: their code runs for a moment, apart, and is ended again. */
import type { CatalogHook } from '../catalog.ts';
import type { HookConfig } from '../config/hook-config.ts';
import type { DiscoveryProblem } from '../discovery/discovered-hook.ts';
import type { PluginModuleSpec } from '../host/protocol.ts';
import { silentLogger } from '../logging/logger.ts';
import { arePluginHooksActive, openPlugins, toCatalogHook } from './plugin-unit.ts';

export async function listPluginHooks(
  specs: readonly PluginModuleSpec[],
  config: HookConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ hooks: readonly CatalogHook[]; problems: readonly DiscoveryProblem[] }> {
  if (specs.length === 0 || !arePluginHooksActive(config)) return { hooks: [], problems: [] };
  const units = await openPlugins(specs, {
    env: { ...env, OPENCLAW_STATE_DIR: config.places.stateDir },
    logger: silentLogger,
    createEvents: (_name, _isBundled, collect) => ({
      onLog: () => undefined,
      onStrayError: () => undefined,
      onRegister: (message) => collect(message.handlerId, message.keys, message.name, message.description),
      onUnregister: () => undefined,
      onTypedHandler: () => undefined,
      callHost: () => Promise.reject(new Error('nothing can be called while hooks are listed')),
    }),
  });
  await Promise.all(units.map((unit) => unit.runner.stop(0)));
  return {
    hooks: units.flatMap((unit) => unit.hooks.map((hook) => toCatalogHook(unit, hook, config))),
    problems: units.flatMap(({ spec, loadError }) =>
      loadError === undefined
        ? []
        : [{ path: spec.entryPath, message: `Plugin ${spec.pluginId} could not be loaded: ${loadError}` }],
    ),
  };
}
