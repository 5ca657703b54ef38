/** Installs, links, updates and removes hook packs, and keeps the configuration's record of them. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';
import { getInternalBlock, type HookConfig } from '../config/hook-config.ts';
import { expandHome } from '../config/state-dir.ts';
import { type ConfigEdit, editConfigFile } from '../config/write-config.ts';
import { extractArchive, isArchivePath } from './extract-archive.ts';
import { createNpmClient, type FetchedPackage, type NpmClient } from './npm-client.ts';
import { assertStableConsent, looksLikePath, parseNpmSpec } from './npm-spec.ts';
import { assertPackId, type HookPack, readHookPack } from './read-pack.ts';
import { stagePack } from './stage-pack.ts';

export interface PackTools {
  readonly config: HookConfig;
  readonly npm?: NpmClient;
  readonly onProgress?: (line: string) => void;
  readonly now?: () => Date;
}

export interface InstallResult {
  readonly id: string;
  readonly hooks: readonly string[];
  /** Where its files are; a linked pack stays where it was. */
  readonly installPath: string;
  readonly version?: string;
}

const internalPath = ['hooks', 'internal'] as const;

export function getHooksDir(config: HookConfig): string {
  return path.join(config.places.stateDir, 'hooks');
}

async function statOrNull(file: string) {
  return stat(file).catch(() => null);
}

/** Installs from a directory, an archive or a registry. Everything or nothing: a failure leaves no trace. */
export async function installPack(
  spec: string,
  options: { readonly pin?: boolean },
  tools: PackTools,
): Promise<InstallResult> {
  const given = path.resolve(expandHome(spec, tools.config.places.homeDir));
  const found = await statOrNull(given);
  if (found?.isDirectory()) return installDirectory(given, tools);
  if (found?.isFile()) {
    if (!isArchivePath(given)) throw new TackleError('invalid_request', `unsupported hook file: ${given}`);
    return installArchive(given, tools);
  }
  if (looksLikePath(spec)) throw new TackleError('not_found', `Path not found: ${given}`);
  return installFromNpm(spec, options.pin ?? false, tools);
}

async function withTempDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'tackle-hooks-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function getNpm(tools: PackTools): NpmClient {
  return tools.npm ?? createNpmClient();
}

async function place(pack: HookPack, sourceDir: string, replace: boolean, tools: PackTools): Promise<string> {
  const onProgress = tools.onProgress ?? (() => undefined);
  return stagePack({ hooksDir: getHooksDir(tools.config), pack, sourceDir, npm: getNpm(tools), replace, onProgress });
}

async function installDirectory(dir: string, tools: PackTools): Promise<InstallResult> {
  const pack = await readHookPack(dir);
  const installPath = await place(pack, dir, false, tools);
  return recordNew(pack, { source: 'path', sourcePath: dir, installPath, version: pack.version }, tools);
}

async function installArchive(file: string, tools: PackTools): Promise<InstallResult> {
  return withTempDir(async (temp) => {
    const root = await extractArchive(file, path.join(temp, 'unpacked'));
    const pack = await readHookPack(root);
    const installPath = await place(pack, root, false, tools);
    return recordNew(pack, { source: 'archive', sourcePath: file, installPath, version: pack.version }, tools);
  });
}

async function installFromNpm(spec: string, pin: boolean, tools: PackTools): Promise<InstallResult> {
  const parsed = parseNpmSpec(spec);
  return withTempDir(async (temp) => {
    tools.onProgress?.(`Downloading ${spec}…`);
    const fetched = await getNpm(tools).fetch(parsed, temp);
    assertStableConsent(parsed, fetched.version);
    const root = await extractArchive(fetched.file, path.join(temp, 'unpacked'));
    const pack = await readHookPack(root);
    const installPath = await place(pack, root, false, tools);
    const recordedSpec = pin ? `${fetched.name}@${fetched.version}` : spec;
    return recordNew(pack, { ...describeFetched(fetched, tools), spec: recordedSpec, installPath }, tools);
  });
}

function describeFetched(fetched: FetchedPackage, tools: PackTools): Record<string, unknown> {
  return {
    source: 'npm',
    version: fetched.version,
    resolvedName: fetched.name,
    resolvedVersion: fetched.version,
    resolvedSpec: `${fetched.name}@${fetched.version}`,
    integrity: fetched.integrity,
    shasum: fetched.shasum,
    resolvedAt: (tools.now?.() ?? new Date()).toISOString(),
  };
}

/** Enables the hooks and writes the record, in one edit of the configuration. */
async function record(pack: HookPack, facts: Record<string, unknown>, tools: PackTools): Promise<InstallResult> {
  const names = pack.hooks.map((hook) => hook.name);
  const entry = { ...facts, installedAt: (tools.now?.() ?? new Date()).toISOString(), hooks: names };
  await editConfigFile(tools.config.hooksFile, () => [
    ...pack.hooks.map(
      (hook): ConfigEdit => ({ op: 'set', path: [...internalPath, 'entries', hook.hookKey, 'enabled'], value: true }),
    ),
    { op: 'set', path: [...internalPath, 'enabled'], value: true },
    { op: 'set', path: [...internalPath, 'installs', pack.id], value: entry },
  ]);
  const version = typeof facts.version === 'string' ? facts.version : undefined;
  return { id: pack.id, hooks: names, installPath: String(facts.installPath ?? facts.sourcePath), version };
}

/** Records a pack that was not there before; when that fails, its directory goes again. */
async function recordNew(pack: HookPack, facts: Record<string, unknown>, tools: PackTools): Promise<InstallResult> {
  try {
    return await record(pack, facts, tools);
  } catch (error) {
    await rm(String(facts.installPath), { recursive: true, force: true });
    throw error;
  }
}

/** Uses a pack where it is: its directory joins `load.extraDirs`, nothing is copied. */
export async function linkPack(spec: string, tools: PackTools): Promise<InstallResult> {
  const dir = path.resolve(expandHome(spec, tools.config.places.homeDir));
  const found = await statOrNull(dir);
  if (found === null) {
    const message = looksLikePath(spec) ? `Path not found: ${dir}` : '`--link` requires a local path.';
    throw new TackleError('invalid_request', message);
  }
  if (!found.isDirectory()) throw new TackleError('invalid_request', 'Linked hook paths must be directories.');
  const pack = await readHookPack(dir);
  await editConfigFile(tools.config.hooksFile, (current) => {
    const { load } = getInternalBlock(current);
    const dirs = isPlainObject(load) && Array.isArray(load.extraDirs) ? load.extraDirs.map(String) : [];
    const isKnown = dirs.some((item) => path.resolve(expandHome(item, tools.config.places.homeDir)) === dir);
    return isKnown ? [] : [{ op: 'set', path: [...internalPath, 'load', 'extraDirs'], value: [...dirs, dir] }];
  });
  return record(pack, { source: 'path', sourcePath: dir, version: pack.version }, tools);
}

export interface InstallRecord {
  readonly id: string;
  readonly source: string;
  readonly spec?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly sourcePath?: string;
  readonly installPath?: string;
  readonly hooks: readonly string[];
}

export function listInstallRecords(config: HookConfig): readonly InstallRecord[] {
  const { installs } = getInternalBlock(config.config);
  if (!isPlainObject(installs)) return [];
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  return Object.entries(installs).map(([id, item]) => {
    const found = isPlainObject(item) ? item : {};
    return {
      id,
      source: text(found.source) ?? 'unknown',
      spec: text(found.spec),
      version: text(found.version),
      integrity: text(found.integrity),
      sourcePath: text(found.sourcePath),
      installPath: text(found.installPath),
      hooks: Array.isArray(found.hooks) ? found.hooks.map(String) : [],
    };
  });
}

export interface UpdateOptions {
  readonly dryRun?: boolean;
  /** Asked when the artefact is not the one that was installed; a refusal aborts. */
  readonly confirmDrift: (expected: string, actual: string) => Promise<boolean>;
  readonly warn: (line: string) => void;
}

/** Updates one npm pack and returns the line that tells what happened. */
export async function updatePack(item: InstallRecord, options: UpdateOptions, tools: PackTools): Promise<string> {
  if (item.source !== 'npm') return `Skipping "${item.id}" (source: ${item.source}).`;
  if (item.spec === undefined) return `Skipping "${item.id}" (missing npm spec).`;
  const { spec } = item;
  return withTempDir(async (temp) => {
    const parsed = parseNpmSpec(spec);
    let fetched: FetchedPackage;
    try {
      fetched = await getNpm(tools).fetch(parsed, temp);
      assertStableConsent(parsed, fetched.version);
    } catch (error) {
      throw new TackleError(
        'invalid_request',
        `Failed to check ${item.id}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const drifts =
      item.integrity !== undefined && fetched.integrity !== undefined && item.integrity !== fetched.integrity;
    const isSameVersion = item.version === fetched.version;
    if (isSameVersion && !drifts)
      return options.dryRun
        ? `${item.id} is up to date (${fetched.version}).`
        : `${item.id} already at ${fetched.version}.`;
    if (drifts && (isSameVersion || parsed.version !== undefined)) {
      options.warn(`Integrity of ${item.id} differs: expected ${item.integrity}, got ${fetched.integrity}.`);
      const goesOn = options.dryRun || (await options.confirmDrift(item.integrity ?? '', fetched.integrity ?? ''));
      if (!goesOn)
        throw new TackleError('conflict', `Failed to update ${item.id}: the integrity drift was not accepted.`);
    }
    if (options.dryRun) return `Would update ${item.id}: ${item.version ?? 'unknown'} → ${fetched.version}.`;
    try {
      const root = await extractArchive(fetched.file, path.join(temp, 'unpacked'));
      const pack = await readHookPack(root);
      if (pack.id !== item.id) throw new Error(`hook pack id mismatch: expected ${item.id}, got ${pack.id}`);
      const installPath = await place(pack, root, true, tools);
      await record(pack, { ...describeFetched(fetched, tools), spec, installPath }, tools);
    } catch (error) {
      throw new TackleError(
        'invalid_request',
        `Failed to update ${item.id}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return `Updated ${item.id}: ${item.version ?? 'unknown'} → ${fetched.version}.`;
  });
}

/** Removes a pack's directory, its record, its link and the enabled flags of its hooks. */
export async function uninstallPack(id: string, tools: PackTools): Promise<InstallRecord> {
  const item = listInstallRecords(tools.config).find((entry) => entry.id === id);
  if (item === undefined) throw new TackleError('not_found', `No install record for "${id}".`);
  const target = path.join(getHooksDir(tools.config), assertPackId(id));
  await editConfigFile(tools.config.hooksFile, (current) => {
    const edits: ConfigEdit[] = item.hooks.map((hook) => ({
      op: 'remove',
      path: [...internalPath, 'entries', hook, 'enabled'],
    }));
    edits.push({ op: 'remove', path: [...internalPath, 'installs', id] });
    const { load } = getInternalBlock(current);
    const dirs = isPlainObject(load) && Array.isArray(load.extraDirs) ? load.extraDirs.map(String) : [];
    const kept = dirs.filter((dir) => path.resolve(expandHome(dir, tools.config.places.homeDir)) !== item.sourcePath);
    const isLinked = item.installPath === undefined && kept.length < dirs.length;
    if (isLinked) edits.push({ op: 'set', path: [...internalPath, 'load', 'extraDirs'], value: kept });
    return edits;
  });
  if (item.installPath !== undefined) await rm(target, { recursive: true, force: true });
  return item;
}
