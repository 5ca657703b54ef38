/** Enables and disables one hook in the configuration, keeping everything else of its entry. */
import { TackleError } from '../core/errors.ts';
import type { CatalogHook, HookCatalog } from './catalog.ts';
import { editConfigFile } from './config/write-config.ts';
import { findCatalogHook } from './reports.ts';

function findToggleable(catalog: HookCatalog, name: string): CatalogHook {
  const item = findCatalogHook(catalog, name);
  if (item === undefined) throw new TackleError('not_found', `Hook "${name}" not found`);
  if (item.managedByPlugin) {
    throw new TackleError(
      'conflict',
      `Hook "${name}" is managed by plugin "${item.hook.pluginId}" and cannot be enabled/disabled.`,
    );
  }
  return item;
}

/** Judges requirements only: a hook that the user disabled can be enabled again. */
export async function enableHook(catalog: HookCatalog, name: string): Promise<CatalogHook> {
  const item = findToggleable(catalog, name);
  if (!item.eligibility.requirementsSatisfied) {
    throw new TackleError('conflict', `Hook "${name}" is not eligible (missing requirements)`);
  }
  await editConfigFile(catalog.config.hooksFile, () => [
    { op: 'set', path: ['hooks', 'internal', 'entries', item.hook.hookKey, 'enabled'], value: true },
    { op: 'set', path: ['hooks', 'internal', 'enabled'], value: true },
  ]);
  return item;
}

export async function disableHook(catalog: HookCatalog, name: string): Promise<CatalogHook> {
  const item = findToggleable(catalog, name);
  await editConfigFile(catalog.config.hooksFile, () => [
    { op: 'set', path: ['hooks', 'internal', 'entries', item.hook.hookKey, 'enabled'], value: false },
  ]);
  return item;
}
