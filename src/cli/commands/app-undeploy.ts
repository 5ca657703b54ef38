import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command).action(async (options: SpaceOptions) => {
    const { api, path, project, space } = await connectToSpace(options, cli);
    const request = { method: 'DELETE', path: `${path}/deployments` } as const;
    const { undeployed } = await api.send<{ undeployed: number | null }>(request);
    if (options.json) return cli.output.json({ project, space, undeployed });
    if (undeployed === null) cli.output.line(`No app was live in ${project}, space ${space}.`);
    else cli.output.line(`Took version ${undeployed} offline. 'tackle rollback' puts a version live again.`);
  });
}
