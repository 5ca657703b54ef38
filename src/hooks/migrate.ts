/** Turns `hooks.internal.handlers` into hook directories, as the original asks its users to do by hand. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { getInternalBlock, type HookConfig } from './config/hook-config.ts';
import { type ConfigEdit, editConfigFile } from './config/write-config.ts';
import { type LegacyEntry, readLegacyEntries, resolveLegacyModule } from './legacy/legacy-handlers.ts';

export interface MigratedHook {
  readonly name: string;
  readonly dir: string;
  readonly module: string;
  readonly exportName: string;
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
      if (entries.some((entry) => entry.event === '')) throw new Error('The handler names no event');
      const file = await resolveLegacyModule(first.module, workspaceDir);
      const name = chooseName(first, names);
      const dir = path.join(config.places.stateDir, 'hooks', name);
      if (!options.dryRun) await writeHook(dir, file, name, entries);
      migrated.push({ name, dir, module: first.module, exportName: first.exportName });
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

const relativeImport = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"]\.{1,2}\//;

/** A handler for a module that imports files beside it: such a module stays where it is. */
function renderReference(relativePath: string, exportName: string): string {
  const specifier = relativePath.split(path.sep).map(encodeURIComponent).join('/');
  const name = JSON.stringify(exportName);
  return `// The module imports files beside it, so it stays where it is.
import * as original from ${JSON.stringify(specifier)};

const found = original[${name}];
export default typeof found === 'function' ? found : original.default?.[${name}];
`;
}

async function writeHook(dir: string, file: string, name: string, entries: readonly LegacyEntry[]): Promise<void> {
  await mkdir(path.dirname(dir), { recursive: true });
  await mkdir(dir);
  try {
    const exportName = entries[0]?.exportName ?? 'default';
    const source = await readFile(file, 'utf8');
    const isMovable = !relativeImport.test(source);
    if (isMovable) await cp(file, path.join(dir, `handler${path.extname(file)}`));
    else await writeFile(path.join(dir, 'handler.js'), renderReference(path.relative(dir, file), exportName));
    const metadata = {
      openclaw: {
        events: entries.map((entry) => entry.event),
        ...(isMovable && exportName !== 'default' && { export: exportName }),
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
  await editConfigFile(config.hooksFile, (current) => {
    const edits = migrated.map(
      (hook): ConfigEdit => ({ op: 'set', path: ['hooks', 'internal', 'entries', hook.name, 'enabled'], value: true }),
    );
    const isDone = (item: unknown) => {
      const [entry] = readLegacyEntries({ hooks: { internal: { handlers: [item] } } });
      return migrated.some((hook) => hook.module === entry?.module && hook.exportName === entry.exportName);
    };
    const { handlers } = getInternalBlock(current);
    const rest = Array.isArray(handlers) ? handlers.filter((item) => !isDone(item)) : [];
    const handlersPath = ['hooks', 'internal', 'handlers'];
    edits.push(isComplete ? { op: 'remove', path: handlersPath } : { op: 'set', path: handlersPath, value: rest });
    return edits;
  });
}
