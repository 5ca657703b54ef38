import { type Command, Option } from 'commander';
import { listConfigFields } from '../server/config.ts';
import { type LoadedConfig, loadConfig } from '../server/config-load.ts';
import type { Cli } from './cli.ts';
import { collectList } from './options.ts';

/** The options of the configuration schema, and `--home`. */
export function addConfigOptions(command: Command): Command {
  command.option('--home <directory>', 'where the gateway keeps its data (TACKLE_HOME, ~/.tackle)');
  for (const { field } of listConfigFields()) {
    if (field.flag === undefined) continue;
    const option = new Option(field.flag, `${field.description} (${field.env})`);
    command.addOption(field.isList ? option.argParser(collectList) : option);
  }
  return command;
}

export function loadConfigFromOptions(options: Readonly<Record<string, unknown>>, cli: Cli): LoadedConfig {
  const flags: Record<string, unknown> = {};
  for (const { path, field } of listConfigFields()) {
    if (field.flag === undefined) continue;
    const value = options[new Option(field.flag).attributeName()];
    if (value !== undefined) flags[path] = value;
  }
  const { home } = options as { readonly home?: string };
  return loadConfig({ ...cli, homeFlag: home, flags });
}
