import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[key]', 'name of the variable')
    .option('-k, --key <name>', 'the same as the argument')
    .action(async (argument: string | undefined, options: SpaceOptions & { readonly key?: string }) => {
      const key = argument ?? options.key;
      if (key === undefined) throw new TackleError('invalid_request', "Which variable? 'tackle info' lists them.");
      const { api, path } = await connectToSpace(options, cli);
      await api.send({ method: 'DELETE', path: `${path}${apiPath`/env/${key}`}` });
      if (options.json) cli.output.json({ removed: key });
      else cli.output.line(`Removed ${key}.`);
    });
}
