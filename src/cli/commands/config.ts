import type { Command } from 'commander';
import { describeConfig } from '../../server/config-load.ts';
import type { Cli } from '../cli.ts';
import { addConfigOptions, loadConfigFromOptions } from '../config-options.ts';

interface ConfigOptions {
  readonly json?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  const show = command
    .command('show', { isDefault: true })
    .description('print every setting, its value and its source');
  addConfigOptions(show.option('--json', 'print the result as JSON')).action((options: ConfigOptions) => {
    const loaded = loadConfigFromOptions({ ...options }, cli);
    const settings = describeConfig(loaded);
    const { home, stateDirectory } = loaded.config;
    if (options.json) return cli.output.json({ home, stateDirectory, file: loaded.file, settings });
    cli.output.line(`home ${home}, state directory ${stateDirectory}, file ${loaded.file ?? 'none'}`);
    const rows = settings.map(({ path, value, source }) => [path, JSON.stringify(value), source]);
    cli.output.table(['Setting', 'Value', 'Source'], rows);
  });
  const validate = command.command('validate').description('check the configuration without starting anything');
  addConfigOptions(validate.option('--json', 'print the result as JSON')).action((options: ConfigOptions) => {
    const { file, config } = loadConfigFromOptions({ ...options }, cli);
    if (options.json) cli.output.json({ valid: true, file, home: config.home });
    else cli.output.line(`The configuration is valid (${file ?? 'no tackle.json; defaults and environment'}).`);
  });
}
