import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { apiPath, readText } from '../api-client.ts';
import type { EnvInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

interface SetEnvOptions extends SpaceOptions {
  readonly key?: string;
  readonly value?: string;
  readonly encrypted?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[key]', 'name of the variable; or NAME=value')
    .argument('[value]', 'its value; - reads it from standard input')
    .option('-k, --key <name>', 'the same as the argument')
    .option('--value <text>', 'the same as the argument')
    .option('--encrypted', 'encrypt it at rest, and show it to nobody but the app')
    .action(async (keyArgument: string | undefined, valueArgument: string | undefined, options: SetEnvOptions) => {
      const { key, value } = splitAssignment(keyArgument ?? options.key, valueArgument ?? options.value);
      if (key === undefined || value === undefined) {
        throw new TackleError('invalid_request', "Name and value are needed: 'tackle set-env NAME value'.");
      }
      const { api, path } = await connectToSpace(options, cli);
      const text = value === '-' ? (await readText(process.stdin)).replace(/\r?\n$/, '') : value;
      const body = { value: text, encrypted: options.encrypted ?? false };
      const set = await api.send<EnvInfo>({ method: 'PUT', path: `${path}${apiPath`/env/${key}`}`, body });
      if (options.json) cli.output.json(set);
      else cli.output.line(`${set.key}=${set.encrypted ? '********' : set.value}`);
    });
}

function splitAssignment(key: string | undefined, value: string | undefined): { key?: string; value?: string } {
  const [, name, text] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(key ?? '') ?? [];
  if (value === undefined && name !== undefined) return { key: name, value: text ?? '' };
  return { ...(key === undefined ? {} : { key }), ...(value === undefined ? {} : { value }) };
}
