import type { Command } from 'commander';
import type { DeploymentInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace, type SpaceConnection } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[version]', 'version to put live; else the one before the live one', parseInteger(1))
    .action(async (version: number | undefined, options: SpaceOptions) => {
      await rollBack(await connectToSpace(options, cli), cli, { version, json: options.json ?? false });
    });
}

export async function rollBack(
  { api, path, project, space }: SpaceConnection,
  cli: Cli,
  { version, json }: { readonly version: number | undefined; readonly json: boolean },
): Promise<void> {
  const body = version === undefined ? {} : { version };
  const request = { method: 'POST', path: `${path}/deployments/rollback`, body } as const;
  const { deployment } = await api.send<{ deployment: DeploymentInfo }>(request);
  if (json) cli.output.json(deployment);
  else cli.output.line(`Version ${deployment.version} is live in ${project}, space ${space}.`);
}
