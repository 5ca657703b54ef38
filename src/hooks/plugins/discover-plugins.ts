/** Finds plugins in `plugins.load.paths` and reads what they say about themselves; none of their code runs here. */
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { isPlainObject } from '../../core/json.ts';
import type { HookConfig } from '../config/hook-config.ts';
import { expandHome } from '../config/state-dir.ts';
import type { DiscoveryProblem, HookRoot } from '../discovery/discovered-hook.ts';
import { isInside } from '../discovery/safe-file.ts';
import type { PluginModuleSpec } from '../host/protocol.ts';

export interface PluginDiscovery {
  readonly plugins: readonly PluginModuleSpec[];
  /** Directories of hooks that plugins bring along. */
  readonly hookRoots: readonly HookRoot[];
  readonly problems: readonly DiscoveryProblem[];
}

interface PluginBlock {
  readonly paths: readonly string[];
  readonly entries: Readonly<Record<string, unknown>>;
  readonly enabled: boolean;
}

function readBlock(config: HookConfig): PluginBlock {
  const plugins = isPlainObject(config.config.plugins) ? config.config.plugins : {};
  const load = isPlainObject(plugins.load) ? plugins.load : {};
  const paths = Array.isArray(load.paths)
    ? load.paths.filter((item) => typeof item === 'string' && item.trim() !== '')
    : [];
  return { paths, entries: isPlainObject(plugins.entries) ? plugins.entries : {}, enabled: plugins.enabled !== false };
}

export async function discoverPlugins(config: HookConfig): Promise<PluginDiscovery> {
  const block = readBlock(config);
  const plugins: PluginModuleSpec[] = [];
  const hookRoots: HookRoot[] = [];
  const problems: DiscoveryProblem[] = [];
  if (!block.enabled) return { plugins, hookRoots, problems };
  for (const given of block.paths) {
    const dir = path.resolve(expandHome(given.trim(), config.places.homeDir));
    try {
      const found = await readPlugin(dir, block.entries, config);
      plugins.push(...found.plugins);
      hookRoots.push(...found.hookRoots);
    } catch (error) {
      problems.push({
        path: dir,
        message: `Plugin ${dir} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }
  return { plugins, hookRoots, problems };
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return {};
  const value: unknown = JSON.parse(text);
  return isPlainObject(value) ? value : {};
}

async function readPlugin(place: string, entries: Readonly<Record<string, unknown>>, config: HookConfig) {
  const isFile = (await stat(place)).isFile();
  const dir = isFile ? path.dirname(place) : place;
  const manifest = await readJson(path.join(dir, 'openclaw.plugin.json'));
  const packageJson = await readJson(path.join(dir, 'package.json'));
  const fallbackId = isFile ? path.parse(place).name : path.basename(dir);
  const pluginId = readText(manifest.id) ?? readText(packageJson.name)?.replace(/^@[^/]+\//, '') ?? fallbackId;
  const entry = Object.hasOwn(entries, pluginId) && isPlainObject(entries[pluginId]) ? entries[pluginId] : {};
  if (entry.enabled === false) return { plugins: [], hookRoots: [] };
  const files = isFile ? [place] : await listEntryFiles(dir, packageJson);
  const plugins = files.map(
    (entryPath): PluginModuleSpec => ({
      pluginId,
      pluginName: readText(manifest.name) ?? pluginId,
      entryPath,
      pluginConfig: entry.config ?? {},
      config: config.config,
    }),
  );
  const hookRoots: HookRoot[] = [];
  for (const item of listTexts(manifest.hooks))
    hookRoots.push({ kind: 'plugin', dir: await resolveInside(dir, item), pluginId });
  if (files.length === 0 && hookRoots.length === 0)
    throw new Error('it has neither openclaw.extensions nor an index file');
  return { plugins, hookRoots };
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

async function listEntryFiles(dir: string, packageJson: Record<string, unknown>): Promise<string[]> {
  const block = isPlainObject(packageJson.openclaw) ? packageJson.openclaw : {};
  // A published package may hold only what was built from the sources that it names.
  const built = await Promise.all(listTexts(block.runtimeExtensions).map((item) => resolveExisting(dir, item)));
  if (built.length > 0 && built.every((file) => file !== null)) return built;
  const listed = listTexts(block.extensions);
  if (listed.length > 0) return Promise.all(listed.map((item) => resolveInside(dir, item)));
  for (const name of ['index.ts', 'index.js', 'index.mjs']) {
    const file = path.join(dir, name);
    if (
      await stat(file).then(
        (found) => found.isFile(),
        () => false,
      )
    ) {
      return [file];
    }
  }
  return [];
}

function listTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

async function resolveInside(dir: string, entry: string): Promise<string> {
  const file = await resolveExisting(dir, entry);
  if (file === null) throw new Error(`"${entry}" does not exist; the plugin may have to be built first`);
  return file;
}

/** Null when there is no such file; rejects when it lies outside the plugin. */
async function resolveExisting(dir: string, entry: string): Promise<string | null> {
  const target = path.resolve(dir, entry);
  const real = await realpath(target).catch(() => null);
  if (real === null) return null;
  if (!isInside(dir, target) || !isInside(await realpath(dir), real))
    throw new Error(`"${entry}" leads outside the plugin's directory`);
  return target;
}
