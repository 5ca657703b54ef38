/** `hooks.internal.handlers`: single modules that were configured before hooks were directories. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { isPlainObject } from '../../core/json.ts';
import type { CatalogHook } from '../catalog.ts';
import { getInternalBlock, type HookConfig } from '../config/hook-config.ts';
import { isInside, openSafeFile } from '../discovery/safe-file.ts';
import { createVirtualHook } from '../virtual-hook.ts';

export interface LegacyHandlers {
  readonly hooks: readonly CatalogHook[];
  readonly problems: readonly string[];
}

export interface LegacyEntry {
  readonly event: string;
  readonly module: string;
  readonly exportName: string;
}

export function readLegacyEntries(config: unknown): LegacyEntry[] {
  const { handlers } = getInternalBlock(config);
  if (!Array.isArray(handlers)) return [];
  return handlers.filter(isPlainObject).map((entry) => ({
    event: typeof entry.event === 'string' ? entry.event.trim() : '',
    module: typeof entry.module === 'string' ? entry.module.trim() : '',
    exportName: typeof entry.export === 'string' && entry.export.trim() !== '' ? entry.export.trim() : 'default',
  }));
}

/** Resolves a module below the workspace or throws one of the original's messages. */
export async function resolveLegacyModule(module: string, workspaceDir: string): Promise<string> {
  if (module === '') throw new Error('Handler module path is empty');
  const isAbsolute = path.isAbsolute(module) || module.startsWith('~') || /^[A-Za-z]:|^[a-z]+:\/\//.test(module);
  if (isAbsolute) throw new Error(`Handler module path must be workspace-relative (got absolute path): ${module}`);
  const file = path.resolve(workspaceDir, module);
  if (file === path.resolve(workspaceDir) || !isInside(path.resolve(workspaceDir), file)) {
    throw new Error(`Handler module path must stay within workspaceDir: ${module}`);
  }
  const real = await realpath(file).catch(() => null);
  const root = await realpath(workspaceDir).catch(() => null);
  if (real === null || root === null)
    throw new Error(`Handler module path could not be resolved with realpath: ${module}`);
  const checked = await openSafeFile(file, root, { maxBytes: 32 * 1024 * 1024, read: false });
  if (!checked.ok) throw new Error(`Handler module path fails boundary checks under workspaceDir: ${module}`);
  return file;
}

/** Legacy modules as hooks that come after all directories, in the order of the list. */
export async function listLegacyHandlers(config: HookConfig): Promise<LegacyHandlers> {
  const entries = readLegacyEntries(config.config);
  if (entries.length === 0) return { hooks: [], problems: [] };
  if (config.profile === 'current') {
    const message =
      'hooks.internal.handlers is no longer supported; run `hooks migrate` to turn each module into a hook directory.';
    return { hooks: [], problems: [message] };
  }
  const workspaceDir = config.agents[0]?.workspaceDir ?? '';
  const hooks: CatalogHook[] = [];
  const problems: string[] = [];
  for (const [index, entry] of entries.entries()) {
    try {
      const handlerPath = await resolveLegacyModule(entry.module, workspaceDir);
      hooks.push(createLegacyHook(entry, handlerPath, workspaceDir, index));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { hooks, problems };
}

export const legacyIdPrefix = 'legacy:';

function createLegacyHook(entry: LegacyEntry, handlerPath: string, workspaceDir: string, index: number): CatalogHook {
  return createVirtualHook({
    id: `${legacyIdPrefix}${index}:${handlerPath}`,
    name: `${legacyIdPrefix}${entry.module}`,
    description: '',
    rootKind: 'workspace',
    handlerPath,
    boundaryDir: workspaceDir,
    events: entry.event === '' ? [] : [entry.event],
    exportName: entry.exportName,
    profile: 'seed',
  });
}
