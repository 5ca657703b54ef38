/** Where hooks, configuration and logs live. Pure apart from the `exists` that the caller passes in. */
import path from 'node:path';

export interface StatePlaces {
  /** What `~` stands for. */
  readonly homeDir: string;
  readonly stateDir: string;
  readonly configPath: string;
  /** Tackle's own home, when it differs from the state directory. */
  readonly tackleHome: string;
}

export interface StatePlacesInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly osHomeDir: string;
  readonly exists: (path: string) => boolean;
  /** `--home` of the command line. */
  readonly explicitHome?: string;
  /** Set by library callers; wins over everything. */
  readonly stateDir?: string;
  readonly configPath?: string;
}

const legacyStateDirs = ['.clawdbot', '.moldbot', '.moltbot'];
const legacyConfigNames = ['clawdbot.json', 'moldbot.json', 'moltbot.json'];

/** Replaces a leading `~`; other paths stay as they are. */
export function expandHome(value: string, homeDir: string): string {
  if (value === '~') return homeDir;
  return /^~[\\/]/.test(value) ? path.join(homeDir, value.slice(2)) : value;
}

function readEnv(input: StatePlacesInput, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = input.env[name]?.trim();
    if (value) return value;
  }
  return undefined;
}

/**
 * Variable, then a home given explicitly, then an existing OpenClaw directory, then our own home: an OpenClaw that is
 * already there is used in place.
 */
export function resolveStatePlaces(input: StatePlacesInput): StatePlaces {
  const openclawHome = readEnv(input, 'OPENCLAW_HOME');
  const homeDir = path.resolve(expandHome(openclawHome ?? input.osHomeDir, input.osHomeDir));
  const givenHome = input.explicitHome ?? readEnv(input, 'TACKLE_HOME');
  const tackleHome = path.resolve(expandHome(givenHome ?? '~/.tackle', homeDir));
  const stateDir = path.resolve(expandHome(pickStateDir(input, homeDir, givenHome, tackleHome), homeDir));
  return { homeDir, stateDir, configPath: pickConfigPath(input, stateDir, homeDir), tackleHome };
}

function pickStateDir(
  input: StatePlacesInput,
  homeDir: string,
  givenHome: string | undefined,
  tackleHome: string,
): string {
  const named = input.stateDir ?? readEnv(input, 'OPENCLAW_STATE_DIR', 'CLAWDBOT_STATE_DIR');
  if (named !== undefined) return named;
  if (givenHome !== undefined) return tackleHome;
  const candidates = ['.openclaw', ...legacyStateDirs].map((name) => path.join(homeDir, name));
  return candidates.find((candidate) => input.exists(candidate)) ?? tackleHome;
}

function pickConfigPath(input: StatePlacesInput, stateDir: string, homeDir: string): string {
  const named = input.configPath ?? readEnv(input, 'OPENCLAW_CONFIG_PATH', 'CLAWDBOT_CONFIG_PATH');
  if (named !== undefined) return path.resolve(expandHome(named, homeDir));
  const usual = path.join(stateDir, 'openclaw.json');
  if (input.exists(usual)) return usual;
  const legacy = legacyConfigNames.map((name) => path.join(stateDir, name));
  return legacy.find((candidate) => input.exists(candidate)) ?? usual;
}
