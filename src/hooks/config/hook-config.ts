/** Reads the configuration that hooks need from `<state>/openclaw.json` and `tackle.json`. */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ConfigFileReader, resolveConfigText } from '../../core/config-file.ts';
import { TackleError } from '../../core/errors.ts';
import type { HookProfile } from '../../core/hook-selection.ts';
import { isPlainObject } from '../../core/json.ts';
import { type AgentPlace, listAgentPlaces } from './agents.ts';
import { checkHooksShape } from './check-shape.ts';
import { expandHome, resolveStatePlaces, type StatePlaces } from './state-dir.ts';

const maxConfigBytes = 2 * 1024 * 1024;

export interface HookConfig {
  readonly places: StatePlaces;
  /** The whole configuration, included and substituted: what handlers see as `context.cfg`. */
  readonly config: Record<string, unknown>;
  readonly warnings: readonly string[];
  /** Every file that was read or would be if it existed, included ones too. */
  readonly files: readonly string[];
  /** The file that the `hooks` block was read from, so the one to write it to. */
  readonly hooksFile: string;
  readonly agents: readonly AgentPlace[];
  readonly profile: HookProfile;
  readonly settings: HookSettings;
}

/** Switches of ours, under `hooks.internal.tackle`. */
export interface HookSettings {
  /** `event.config` and `context.body` as read-only conveniences. */
  readonly aliases: boolean;
  /** Lets `event.cancel = true` count. */
  readonly cancel: boolean;
  /** Whether `session:start` and friends reach listeners of the whole family. */
  readonly futureEventsToFamilies: boolean;
  readonly lenientExports: boolean;
  readonly lenientMetadata: boolean;
  /** Follow directory links out of a scan root, below these directories. */
  readonly trustedSymlinkRoots: readonly string[];
}

export interface LoadHookConfigOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly homeDir?: string;
  readonly stateDir?: string;
  readonly configPath?: string;
  readonly osHomeDir?: string;
  readonly profile?: HookProfile;
  /** `warn` for commands that only look. */
  readonly onMissingEnv?: 'error' | 'warn';
}

/** Reads one file safely: a regular file below `root`, not hard-linked, at most 2 MiB. */
function readConfigFile(file: string, root: string | undefined): string {
  const real = realpathSync(file);
  if (root !== undefined) {
    const relative = path.relative(realpathSync(root), real);
    if (relative.startsWith('..') || path.isAbsolute(relative))
      throw new Error('it lies outside the configuration directory');
  }
  const fd = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (root !== undefined && stat.nlink > 1) throw new Error('it is hard-linked');
    if (stat.size > maxConfigBytes) throw new Error('it is larger than 2 MiB');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Notes every file that it reads. */
function createReader(files: Set<string>): ConfigFileReader {
  return {
    read: (file, root) => {
      files.add(file);
      return readConfigFile(file, root);
    },
    resolve: (base, relative) => path.resolve(base, relative),
    dirname: (file) => path.dirname(file),
  };
}

function readBlock(
  file: string,
  files: Set<string>,
  env: NonNullable<LoadHookConfigOptions['env']>,
  onMissingEnv: 'error' | 'warn',
) {
  files.add(file);
  if (!existsSync(file)) return { config: {} as Record<string, unknown>, warnings: [] as readonly string[] };
  let text: string;
  try {
    text = readConfigFile(file, undefined);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new TackleError('invalid_config', `${file} cannot be read: ${message}`, { cause: error });
  }
  return resolveConfigText({ path: file, text, reader: createReader(files), env, onMissingEnv });
}

/** Throws `invalid_config`; a missing file is an empty configuration. */
export function loadHookConfig(options: LoadHookConfigOptions = {}): HookConfig {
  const env = options.env ?? process.env;
  const places = resolveStatePlaces({
    env,
    osHomeDir: options.osHomeDir ?? env.HOME ?? os.homedir(),
    exists: existsSync,
    explicitHome: options.homeDir,
    stateDir: options.stateDir,
    configPath: options.configPath,
  });
  const onMissingEnv = options.onMissingEnv ?? 'error';
  const files = new Set<string>();
  const main = readBlock(places.configPath, files, env, onMissingEnv);
  const ownFile = path.join(places.tackleHome, 'tackle.json');
  const own = readBlock(ownFile, files, env, onMissingEnv);
  const config = { ...main.config };
  for (const block of ['hooks', 'webhooks', 'agents', 'plugins']) {
    if (config[block] === undefined && own.config[block] !== undefined) config[block] = own.config[block];
  }
  mergeOwnSettings(config, own.config, options.profile);
  const settings = readSettings(config, places);
  return {
    places,
    config,
    warnings: [...main.warnings, ...own.warnings, ...checkHooksShape(config)],
    files: [...files],
    hooksFile: main.config.hooks === undefined && hasHooks(own.config) ? ownFile : places.configPath,
    agents: listAgentPlaces(config, places, env),
    profile: options.profile ?? readProfile(config),
    settings,
  };
}

/** True when the block says more than which switches of ours are set: those are read from both files. */
function hasHooks(own: Record<string, unknown>): boolean {
  const others = Object.keys(getInternalBlock(own)).filter((key) => key !== 'tackle');
  return others.length > 0;
}

/**
 * OpenClaw refuses keys that it does not know, so a home that it shares keeps our switches in `tackle.json`, at the
 * same place. They end up in the one configuration that everybody reads, bundled hooks included.
 */
function mergeOwnSettings(
  config: Record<string, unknown>,
  own: Record<string, unknown>,
  profile: HookProfile | undefined,
): void {
  const switches = { ...readOwnBlock(config), ...readOwnBlock(own), ...(profile !== undefined && { profile }) };
  if (Object.keys(switches).length === 0) return;
  const hooks = isPlainObject(config.hooks) ? config.hooks : {};
  config.hooks = { ...hooks, internal: { ...getInternalBlock(config), tackle: switches } };
}

/** `hooks.internal`, or an empty object. */
export function getInternalBlock(config: unknown): Record<string, unknown> {
  const hooks = isPlainObject(config) && isPlainObject(config.hooks) ? config.hooks : {};
  return isPlainObject(hooks.internal) ? hooks.internal : {};
}

/** `hooks.internal.entries[key]`, when it is an object. */
export function getHookEntry(config: unknown, key: string): Record<string, unknown> | undefined {
  const { entries } = getInternalBlock(config);
  const entry = isPlainObject(entries) && Object.hasOwn(entries, key) ? entries[key] : undefined;
  return isPlainObject(entry) ? entry : undefined;
}

function readOwnBlock(config: unknown): Record<string, unknown> {
  const { tackle } = getInternalBlock(config);
  return isPlainObject(tackle) ? tackle : {};
}

function readProfile(config: unknown): HookProfile {
  const { profile = 'seed' } = readOwnBlock(config);
  if (profile === 'seed' || profile === 'current') return profile;
  throw new TackleError('invalid_config', 'hooks.internal.tackle.profile must be "seed" or "current".');
}

function readSettings(config: unknown, places: StatePlaces): HookSettings {
  const own = readOwnBlock(config);
  const compat = isPlainObject(own.compat) ? own.compat : {};
  const { load } = getInternalBlock(config);
  const roots = isPlainObject(load) && Array.isArray(load.trustedSymlinkRoots) ? load.trustedSymlinkRoots : [];
  return {
    aliases: compat.aliases !== false,
    cancel: compat.cancel === true,
    futureEventsToFamilies: compat.futureEventsToFamilies !== false,
    lenientExports: own.lenientExports === true,
    lenientMetadata: own.lenientMetadata === true,
    trustedSymlinkRoots: roots.map((root) => path.resolve(expandHome(String(root), places.homeDir))),
  };
}
