import { type Command, Option } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { chooseProject, connect } from '../connection.ts';
import { addProjectOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addProjectOptions(command)
    .argument('<space>', 'name of the space')
    .addOption(new Option('--yes', 'really delete it, with its data, app and settings'))
    .action(async (space: string, options: SpaceOptions & { readonly yes?: boolean }) => {
      const api = connect(options, cli);
      const project = await chooseProject(api, options, cli);
      if (!options.yes) {
        const what = `space ${space} of ${project} with all data`;
        throw new TackleError('invalid_request', `This deletes ${what}. Repeat it with --yes to go on.`);
      }
      await api.send({ method: 'DELETE', path: apiPath`/projects/${project}/spaces/${space}` });
      if (options.json) cli.output.json({ removed: space, project });
      else cli.output.line(`Deleted space ${space} of ${project}.`);
    });
}
