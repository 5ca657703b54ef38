import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { SpaceInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { chooseProject, connect } from '../connection.ts';
import { addProjectOptions, type SpaceOptions } from '../options.ts';
import { writeProjectFile } from '../project-file.ts';

export function configure(command: Command, cli: Cli): void {
  addProjectOptions(command)
    .argument('<space>', 'space that commands in this directory work on from now on')
    .action(async (name: string, options: SpaceOptions) => {
      const api = connect(options, cli);
      const project = await chooseProject(api, options, cli);
      const space = await api.get<SpaceInfo>(apiPath`/projects/${project}/spaces/${name}`);
      writeProjectFile(cli.currentDirectory, { name: space.project, space: space.name });
      if (options.json) cli.output.json({ project: space.project, space: space.name });
      else cli.output.line(`Commands here now work on ${space.project}, space ${space.name} (config.json).`);
    });
}
