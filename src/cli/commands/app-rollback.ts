import type { Command } from 'commander';
import type { DeploymentInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace, type SpaceConnection } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';

interface RollbackOptions extends SpaceOptions {
  readonly force?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[version]', 'version to put live; else the one before the live one', parseInteger(1))
    .option('--force', 'park workflow instances that cannot go on with that version, instead of refusing it')
    .action(async (version: number | undefined, options: RollbackOptions) => {
      await rollBack(await connectToSpace(options, cli), cli, options, version);
    });
}

export async function rollBack(
  { api, path, project, space }: SpaceConnection,
  cli: Cli,
  { json, force = false }: RollbackOptions,
  version?: number,
): Promise<void> {
  const body = { force, ...(version === undefined ? {} : { version }) };
  const request = { method: 'POST', path: `${path}/deployments/rollback`, body } as const;
  const { deployment } = await api.send<{ deployment: DeploymentInfo }>(request);
  if (json) cli.output.json(deployment);
  else cli.output.line(`Version ${deployment.version} is live in ${project}, space ${space}.`);
}
