import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { SpaceInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { chooseProject, connect } from '../connection.ts';
import { addProjectOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addProjectOptions(command)
    .argument('<space>', 'name of the space: the first segment of its URLs')
    .argument('[project]', 'project; else --project, ./config.json or the only one')
    .action(async (name: string, projectName: string | undefined, options: SpaceOptions) => {
      const api = connect(options, cli);
      const project = projectName ?? (await chooseProject(api, options, cli));
      const path = apiPath`/projects/${project}/spaces`;
      const space = await api.send<SpaceInfo>({ method: 'POST', path, body: { name } });
      if (options.json) return cli.output.json(space);
      cli.output.line(`Space ${space.name} of ${space.project}: ${space.urls.path}`);
      if (space.tokens[0] !== undefined) cli.output.line(`API token: ${space.tokens[0].key}`);
      cli.output.notice(`Work on it with 'tackle use ${space.name}' or --space ${space.name}.`);
    });
}
