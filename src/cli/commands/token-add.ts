import type { Command } from 'commander';
import type { TokenInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { parseExpiry } from '../parse-expiry.ts';

interface AddTokenOptions extends SpaceOptions {
  readonly readonly?: boolean;
  readonly description?: string;
  readonly expires?: number;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .option('--readonly', 'may read, not write')
    .option('--description <text>', 'what it is for')
    .option('--expires <when>', 'a date (2027-01-31) or a time from now (30d, 12h)', parseExpiry)
    .action(async (options: AddTokenOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const access = options.readonly ? 'READ' : 'READWRITE';
      const body = { access, description: options.description, expiresAt: options.expires };
      const token = await api.send<TokenInfo>({ method: 'POST', path: `${path}/tokens`, body });
      if (options.json) cli.output.json(token);
      else cli.output.line(`${token.key} (${token.access})`);
    });
}
