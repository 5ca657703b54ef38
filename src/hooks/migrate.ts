/** Turns `hooks.internal.handlers` into hook directories, as the original asks its users to do by hand. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { HookConfig } from './config/hook-config.ts';
import { type ConfigEdit, editConfigFile } from './config/write-config.ts';
import { type LegacyEntry, readLegacyEntries, resolveLegacyModule } from './legacy/legacy-handlers.ts';

export interface MigratedHook {
  readonly name: string;
  readonly dir: string;
  readonly module: string;
}

export interface MigrationReport {
  readonly migrated: readonly MigratedHook[];
  readonly failed: readonly { readonly module: string; readonly reason: string }[];
}

/** Entries of one module and export become one hook that hears all their events. */
export async function migrateLegacyHandlers(
  config: HookConfig,
  options: { readonly dryRun?: boolean } = {},
): Promise<MigrationReport> {
  const workspaceDir = config.agents[0]?.workspaceDir ?? '';
  const groups = Map.groupBy(readLegacyEntries(config.config), (entry) => `${entry.module}\u0000${entry.exportName}`);
  const migrated: MigratedHook[] = [];
  const failed: { module: string; reason: string }[] = [];
  const names = new Set<string>();
  for (const entries of groups.values()) {
    const first = entries[0] as LegacyEntry;
    try {
      const file = await resolveLegacyModule(first.module, workspaceDir);
      const name = chooseName(first, names);
      const dir = path.join(config.places.stateDir, 'hooks', name);
      if (!options.dryRun) await writeHook(dir, file, name, entries);
      migrated.push({ name, dir, module: first.module });
    } catch (error) {
      failed.push({ module: first.module, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  if (!options.dryRun && migrated.length > 0) await updateConfig(config, migrated, failed.length === 0);
  return { migrated, failed };
}

function chooseName(entry: LegacyEntry, taken: Set<string>): string {
  const base = path.parse(entry.module).name;
  const parent = path.basename(path.dirname(entry.module));
  const isGeneric = base === 'handler' || base === 'index';
  const stem = (isGeneric && parent !== '' && parent !== '.' ? parent : base).replaceAll(/[^\w.-]+/g, '-');
  const wanted = entry.exportName === 'default' ? stem : `${stem}-${entry.exportName}`;
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}-${number}`;
  taken.add(name);
  return name;
}

async function writeHook(dir: string, file: string, name: string, entries: readonly LegacyEntry[]): Promise<void> {
  await mkdir(path.dirname(dir), { recursive: true });
  await mkdir(dir);
  try {
    const extension = path.extname(file) === '.ts' ? '.ts' : path.extname(file) === '.js' ? '.js' : path.extname(file);
    await cp(file, path.join(dir, `handler${extension}`));
    const exportName = entries[0]?.exportName ?? 'default';
    const metadata = {
      openclaw: {
        events: entries.map((entry) => entry.event),
        ...(exportName !== 'default' && { export: exportName }),
      },
    };
    const text = `---\nname: ${name}\ndescription: "Migrated from hooks.internal.handlers"\nmetadata: ${JSON.stringify(metadata)}\n---\n`;
    await writeFile(path.join(dir, 'HOOK.md'), text);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function updateConfig(config: HookConfig, migrated: readonly MigratedHook[], isComplete: boolean): Promise<void> {
  const done = new Set(migrated.map((hook) => hook.module));
  await editConfigFile(config.hooksFile, (current) => {
    const edits = migrated.map(
      (hook): ConfigEdit => ({ op: 'set', path: ['hooks', 'internal', 'entries', hook.name, 'enabled'], value: true }),
    );
    const rest = readRawHandlers(current).filter((item) => !done.has(String(item.module ?? '').trim()));
    const handlersPath = ['hooks', 'internal', 'handlers'];
    edits.push(isComplete ? { op: 'remove', path: handlersPath } : { op: 'set', path: handlersPath, value: rest });
    return edits;
  });
}

function readRawHandlers(current: unknown): { module?: unknown }[] {
  const config = current as { hooks?: { internal?: { handlers?: unknown } } };
  const handlers = config.hooks?.internal?.handlers;
  return Array.isArray(handlers) ? (handlers as { module?: unknown }[]) : [];
}
