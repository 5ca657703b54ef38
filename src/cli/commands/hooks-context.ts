import { stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { HookCatalog } from '../../hooks/catalog.ts';
import type { HookConfig } from '../../hooks/config/hook-config.ts';

/** What the verbs of `hooks` know of the world around them. */
export interface HooksCliContext {
  /** Home given before the command; `--home` behind it wins. */
  readonly homeDir?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** How to call this program, for messages that suggest a command. */
  readonly programName: string;
  /** One line of the result. */
  readonly write: (text: string) => void;
  /** One line for the person. */
  readonly writeError: (text: string) => void;
  readonly setExitCode: (code: number) => void;
  /** Asks the person; absent where nobody can answer. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** Runs a verb; a failure becomes one line on stderr and exit code 1. */
export function runVerb(context: HooksCliContext, work: () => Promise<void>): Promise<void> {
  return work().catch((error: unknown) => {
    context.writeError(`Error: ${error instanceof Error ? error.message : String(error)}`);
    context.setExitCode(1);
  });
}

export function printJson(context: HooksCliContext, value: unknown): void {
  context.write(JSON.stringify(value, null, 2));
}

export function getHome(command: Command, context: HooksCliContext): string | undefined {
  const { home } = command.optsWithGlobals() as { home?: string };
  return home ?? context.homeDir;
}

/** Reads the configuration. Commands that only look turn a missing variable into a warning on stderr. */
export async function readConfig(command: Command, context: HooksCliContext): Promise<HookConfig> {
  const { loadHookConfig } = await import('../../hooks/config/hook-config.ts');
  const config = loadHookConfig({ env: context.env, homeDir: getHome(command, context), onMissingEnv: 'warn' });
  for (const warning of config.warnings) context.writeError(`Warning: ${warning}`);
  return config;
}

export async function readCatalog(command: Command, context: HooksCliContext): Promise<HookCatalog> {
  const config = await readConfig(command, context);
  const [{ buildHookCatalog }, { discoverPlugins }] = await Promise.all([
    import('../../hooks/catalog.ts'),
    import('../../hooks/plugins/discover-plugins.ts'),
  ]);
  const plugins = await discoverPlugins(config);
  const catalog = await buildHookCatalog(config, { env: context.env, pluginRoots: plugins.hookRoots });
  if (plugins.plugins.length === 0 && plugins.problems.length === 0) return catalog;
  const { listPluginHooks } = await import('../../hooks/plugins/list-plugin-hooks.ts');
  const registered = await listPluginHooks(plugins.plugins, config, context.env);
  return {
    ...catalog,
    hooks: [...catalog.hooks, ...registered.hooks],
    problems: [...catalog.problems, ...plugins.problems, ...registered.problems],
  };
}

/** The agent that `--agent` names; throws when the configuration has none of that id. */
export function checkAgent(catalog: HookCatalog, agentId: string | undefined): void {
  const ids = catalog.config.agents.map((agent) => agent.agentId);
  if (agentId === undefined || ids.includes(agentId)) return;
  throw new TackleError('not_found', `There is no agent "${agentId}"; there is ${ids.join(', ')}.`);
}

/** Hook id to why the last engine that tried could not load it. */
export async function readKnownLoadErrors(catalog: HookCatalog): Promise<ReadonlyMap<string, string>> {
  const { readLoadErrors } = await import('../../hooks/load-errors.ts');
  return readLoadErrors(catalog.config.places.tackleHome, catalog.hooks);
}

/** Asks on the terminal, or answers no where there is none. */
export async function confirm(context: HooksCliContext, question: string): Promise<boolean> {
  if (context.confirm !== undefined) return context.confirm(question);
  if (!stdin.isTTY || !stdout.isTTY) return false;
  const terminal = createInterface({ input: stdin, output: stdout });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** A path below the home directory as people write it. */
export function shortenHome(file: string, homeDir: string): string {
  return file === homeDir || file.startsWith(`${homeDir}/`) ? `~${file.slice(homeDir.length)}` : file;
}
