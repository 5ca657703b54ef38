/** Hook directories that a plugin registers by itself, by calling `registerPluginHooksFromDir`. Runs in its thread. */
import path from 'node:path';
import { computeEligibility } from '../../core/hook-eligibility.ts';
import { emptyRequirements } from '../../core/hook-metadata.ts';
import { isPlainObject } from '../../core/json.ts';
import { getHookEntry } from '../config/hook-config.ts';
import { discoverHooks } from '../discovery/discover-hooks.ts';
import type { DiscoveredHook } from '../discovery/discovered-hook.ts';
import { createBinFinder, isExecutableFile } from '../discovery/find-bin.ts';
import { loadHookModule } from './load-module.ts';
import type { HookModuleLoader } from './module-hooks.ts';
import type { PluginHost } from './plugin-api.ts';
import type { PluginModuleSpec } from './protocol.ts';

/** What the original answers, as far as it holds without its internal types. */
export interface PluginHookDirResult {
  readonly hooks: readonly { readonly name: string; readonly events: readonly string[] }[];
  readonly loaded: number;
  readonly skipped: number;
  readonly errors: readonly string[];
}

/** A relative directory lies beside the plugin's entry. One hook that fails is an error of the result, no more. */
export async function registerHooksFromDir(
  dir: string,
  spec: PluginModuleSpec,
  host: Pick<PluginHost, 'registerEvents'>,
  loader: HookModuleLoader,
): Promise<PluginHookDirResult> {
  const root = path.resolve(path.dirname(spec.entryPath), dir);
  const found = await discoverHooks([{ dir: root, kind: 'plugin', pluginId: spec.pluginId }], {
    trustedSymlinkRoots: [],
    lenientMetadata: false,
  });
  const errors = found.problems.map((problem) => problem.message);
  let loaded = 0;
  let skipped = 0;
  for (const hook of found.hooks) {
    if (hook.events.length === 0 || hook.invalid !== undefined || !isEligible(hook, spec.config)) {
      skipped += 1;
      continue;
    }
    try {
      const { id: hookId, name, description, handlerPath, fallbackHandlerPath, metadata, events } = hook;
      const exportName = metadata?.exportName ?? 'default';
      const module = { hookId, hookName: name, handlerPath, fallbackHandlerPath, exportName, bare: false };
      const { handler } = await loadHookModule({ ...module, lenientExports: false }, loader);
      host.registerEvents(events, handler, { name, description });
      loaded += 1;
    } catch (error) {
      errors.push(`Failed to load hook ${hook.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const message of errors) console.error(`[hooks] plugin ${spec.pluginId}: ${message}`);
  return { hooks: found.hooks.map(({ name, events }) => ({ name, events })), loaded, skipped, errors };
}

function isEligible(hook: DiscoveredHook, config: unknown): boolean {
  const { platform, env } = process;
  const subject = {
    requirements: hook.metadata?.requirements ?? emptyRequirements,
    always: hook.metadata?.always ?? false,
    entry: getHookEntry(config, hook.hookKey),
    managedByPlugin: true,
  };
  const facts = {
    platform,
    env,
    hasBin: createBinFinder({ platform, env, isExecutable: isExecutableFile }),
    config: isPlainObject(config) ? config : {},
  };
  return computeEligibility(subject, facts).eligible;
}
