import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command)
    .argument('<id>', "id of the token, as 'tackle admintokens' lists it")
    .action(async (id: string, options: GatewayOptions) => {
      await connect(options, cli).send({ method: 'DELETE', path: apiPath`/admin-tokens/${id}` });
      if (options.json) cli.output.json({ removed: id });
      else cli.output.line(`Revoked admin token ${id}.`);
    });
}
