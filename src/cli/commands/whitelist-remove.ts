import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('<address>', 'IPv4 address or CIDR as listed')
    .action(async (host: string, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const target = `${path}${apiPath`/allowed-hosts/${host}`}`;
      const { allowedHosts } = await api.send<{ allowedHosts: readonly string[] }>({ method: 'DELETE', path: target });
      if (options.json) return cli.output.json(allowedHosts);
      if (allowedHosts.length === 0) cli.output.notice('The list is empty: every address may call the app.');
      for (const allowed of allowedHosts) cli.output.line(allowed);
    });
}
