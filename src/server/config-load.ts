import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type ConfigFileReader, resolveConfigText } from '../core/config-file.ts';
import { TackleError } from '../core/errors.ts';
import { isPlainObject } from '../core/json.ts';
import { findNearest } from '../core/nearest.ts';
import { type Config, type FieldEntry, listConfigFields, openBlocks, type Settings } from './config.ts';
import { type HomeInput, resolveHome, resolveStateDirectory } from './config-home.ts';

export interface ConfigInput extends HomeInput {
  /** Values of command-line options, by the path of their field: `{'server.port': '3012'}`. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** `tackle.json` when there is one. */
  readonly file: string | null;
  /** Where each value comes from, by path: `default`, a file, `TACKLE_PORT`, `--port`. */
  readonly sources: ReadonlyMap<string, string>;
}

interface FoundValue {
  readonly value: unknown;
  readonly source: string;
}

const maximumFileBytes = 2 * 1024 * 1024;

/**
 * Reads the configuration: flags win over environment, environment over `tackle.json`, that over defaults. Throws
 * `invalid_config` naming the field, its source and what is allowed; nothing is guessed.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const { home } = resolveHome(input);
  const path = join(home, 'tackle.json');
  const content = readConfigFile(path, input.env);
  const inFile = content ?? {};
  refuseUnknownKeys(inFile, path);
  const sources = new Map<string, string>();
  const settings: Record<string, Record<string, unknown>> = {};
  for (const entry of listConfigFields()) {
    const found = findValue(entry, inFile, path, input);
    const value = found === null ? entry.field.defaultValue : parseValue(entry, found);
    settings[entry.section] = { ...settings[entry.section], [entry.name]: value };
    sources.set(entry.path, found?.source ?? 'default');
  }
  const config: Config = {
    ...(settings as unknown as Settings),
    home,
    stateDirectory: resolveStateDirectory(input),
    blocks: { hooks: readBlock('hooks'), webhooks: readBlock('webhooks'), agents: readBlock('agents') },
  };
  checkTogether(config, sources);
  return { config, file: content === null ? null : path, sources };

  function readBlock(name: (typeof openBlocks)[number]): Record<string, unknown> | null {
    const block = inFile[name];
    if (block === undefined) return null;
    if (isPlainObject(block)) return block;
    throw new TackleError('invalid_config', `${name} in ${path} must be an object, not ${describe(block)}.`);
  }
}

function readConfigFile(path: string, env: ConfigInput['env']): Record<string, unknown> | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new TackleError('invalid_config', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return resolveConfigText({ path, text, reader: fileReader, env, onMissingEnv: 'error' }).config;
}

const fileReader: ConfigFileReader = {
  resolve,
  dirname,
  read: (path, root) => {
    const inside = relative(realpathSync(root), realpathSync(path));
    if (inside === '..' || inside.startsWith(`..${sep}`)) throw new Error(`it lies outside of ${root}`);
    const { size, nlink } = statSync(path);
    if (size > maximumFileBytes) throw new Error(`it is larger than ${maximumFileBytes} bytes`);
    if (nlink > 1) throw new Error('it is a hard link');
    return readFileSync(path, 'utf8');
  },
};

function refuseUnknownKeys(content: Record<string, unknown>, path: string): void {
  const fields = listConfigFields();
  const sections = new Set<string>(fields.map(({ section }) => section));
  const refuse = (key: string, known: readonly string[]): never => {
    const nearest = findNearest(key, known);
    const hint = nearest === null ? `Known: ${known.join(', ')}.` : `Did you mean ${nearest}?`;
    throw new TackleError('invalid_config', `${key} in ${path} is not a setting. ${hint}`);
  };
  for (const [key, value] of Object.entries(content)) {
    if ((openBlocks as readonly string[]).includes(key)) continue;
    if (!sections.has(key)) refuse(key, [...sections, ...openBlocks]);
    if (!isPlainObject(value)) {
      throw new TackleError('invalid_config', `${key} in ${path} must be an object, not ${describe(value)}.`);
    }
    const known = fields.filter(({ section }) => section === key).map((field) => field.path);
    for (const name of Object.keys(value)) if (!known.includes(`${key}.${name}`)) refuse(`${key}.${name}`, known);
  }
}

function findValue(
  { section, name, path, field }: FieldEntry,
  inFile: Record<string, unknown>,
  file: string,
  input: ConfigInput,
): FoundValue | null {
  const fromFlag = input.flags[path];
  if (fromFlag !== undefined && field.flag) return { value: fromFlag, source: field.flag.split(' ')[0] as string };
  const fromEnv = field.env === undefined ? undefined : input.env[field.env];
  if (fromEnv !== undefined && fromEnv !== '') return { value: fromEnv, source: field.env as string };
  const fromFile = (inFile[section] as Record<string, unknown> | undefined)?.[name];
  return fromFile === undefined ? null : { value: fromFile, source: file };
}

function parseValue({ path, field }: FieldEntry, { value, source }: FoundValue): unknown {
  const parsed = field.parse(value);
  if (parsed !== undefined) return parsed;
  const shown = field.secret ? 'the value' : describe(value);
  throw new TackleError('invalid_config', `${path}, set by ${source}, must be ${field.allowed}; ${shown} is not.`);
}

function checkTogether(config: Config, sources: ReadonlyMap<string, string>): void {
  const { tlsCert, tlsKey } = config.server;
  if ((tlsCert === null) === (tlsKey === null)) return;
  const [set, missing] = tlsCert === null ? ['tlsKey', 'tlsCert'] : ['tlsCert', 'tlsKey'];
  throw new TackleError(
    'invalid_config',
    `server.${set}, set by ${sources.get(`server.${set}`)}, needs server.${missing} too: TLS takes a certificate and its key.`,
  );
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** The settings as one may print them: secrets are replaced, each value carries its source. */
export function describeConfig({ config, sources }: LoadedConfig): {
  readonly path: string;
  readonly value: unknown;
  readonly source: string;
}[] {
  return listConfigFields().map(({ section, name, path, field }) => {
    const value = (config[section] as Readonly<Record<string, unknown>>)[name];
    return {
      path,
      value: field.secret && value !== null ? '(secret)' : value,
      source: sources.get(path) ?? 'default',
    };
  });
}
