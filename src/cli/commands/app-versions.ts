import type { Command } from 'commander';
import type { DeploymentInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';
import { formatBytes, formatTime, type Output } from '../output.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .option('-n, --limit <number>', 'how many', parseInteger(1))
    .action(async (options: SpaceOptions & { readonly limit?: number }) => {
      const { api, path } = await connectToSpace(options, cli);
      const query = { limit: options.limit };
      const { deployments } = await api.get<{ deployments: readonly DeploymentInfo[] }>(`${path}/deployments`, query);
      printVersions(cli.output, deployments, options.json ?? false);
    });
}

export function printVersions(output: Output, deployments: readonly DeploymentInfo[], json: boolean): void {
  if (json) {
    output.json(deployments);
    return;
  }
  if (deployments.length === 0) output.notice("Nothing is deployed yet. Try 'tackle deploy'.");
  const rows = deployments.map(({ version, status, createdAt, bytes, routes, meta }) => [
    String(version),
    status === 'live' ? output.style('green', status) : status,
    formatTime(createdAt),
    formatBytes(bytes),
    String(routes.length),
    [meta.gitbranch, meta.githash?.slice(0, 7)].filter(Boolean).join(' '),
  ]);
  output.table(['Version', 'Status', 'Deployed', 'Size', 'Routes', 'Git'], rows);
}
