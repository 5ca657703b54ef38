import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';

interface SignInLink {
  readonly url: string;
  readonly expiresAt: number;
}

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command)
    .addHelpText('after', '\nThe link opens once, within ten minutes; whoever has it is administrator.')
    .action(async (options: GatewayOptions) => {
      const link = await connect(options, cli).send<SignInLink>({ method: 'POST', path: '/sign-in-links' });
      if (options.json) return cli.output.json(link);
      cli.output.line(link.url);
      cli.output.notice('Open it in a browser: once, within ten minutes.');
    });
}
