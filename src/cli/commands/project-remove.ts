import { type Command, Option } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command)
    .argument('<project>', 'unique name of the project')
    .addOption(new Option('--yes', 'really delete it, with all data, apps and settings'))
    .action(async (project: string, options: GatewayOptions & { readonly yes?: boolean }) => {
      if (!options.yes) {
        throw new TackleError(
          'invalid_request',
          `This deletes ${project} with all data. Repeat it with --yes to go on.`,
        );
      }
      await connect(options, cli).send({ method: 'DELETE', path: apiPath`/projects/${project}` });
      if (options.json) cli.output.json({ removed: project });
      else cli.output.line(`Deleted project ${project}.`);
    });
}
