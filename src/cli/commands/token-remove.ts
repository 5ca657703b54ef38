import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[token]', 'the token')
    .option('-t, --token <token>', 'the same as the argument')
    .action(async (argument: string | undefined, options: SpaceOptions & { readonly token?: string }) => {
      const token = argument ?? options.token;
      if (token === undefined) throw new TackleError('invalid_request', "Which token? 'tackle info' lists them.");
      const { api, path } = await connectToSpace(options, cli);
      await api.send({ method: 'DELETE', path: `${path}${apiPath`/tokens/${token}`}` });
      if (options.json) cli.output.json({ removed: token });
      else cli.output.line(`Removed token ${token}.`);
    });
}
