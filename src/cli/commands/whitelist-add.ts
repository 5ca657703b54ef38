import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[address]', 'IPv4 address or CIDR; without it the list is printed')
    .action(async (host: string | undefined, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const target = `${path}/allowed-hosts`;
      const add = { method: 'POST', path: target, body: { host } } as const;
      const { allowedHosts } = await (host === undefined ? api.get<AllowedHosts>(target) : api.send<AllowedHosts>(add));
      if (options.json) return cli.output.json(allowedHosts);
      if (allowedHosts.length === 0) cli.output.notice('No list: every address may call the app.');
      for (const allowed of allowedHosts) cli.output.line(allowed);
    });
}

interface AllowedHosts {
  readonly allowedHosts: readonly string[];
}
