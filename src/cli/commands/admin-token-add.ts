import type { Command } from 'commander';
import type { AdminTokenInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, addSynonyms, type GatewayOptions } from '../options.ts';
import { parseExpiry } from '../parse-expiry.ts';

interface AddAdminTokenOptions extends GatewayOptions {
  readonly description?: string;
  readonly project?: string;
  readonly projectname?: string;
  readonly expires?: number;
}

export function configure(command: Command, cli: Cli): void {
  addSynonyms(addGatewayOptions(command), '--projectname <name>')
    .option('-p, --project <name>', 'valid for this project only; else for the whole gateway')
    .option('--description <text>', 'who or what it is for')
    .option('--expires <when>', 'a date (2027-01-31) or a time from now (30d, 12h)', parseExpiry)
    .action(async (options: AddAdminTokenOptions) => {
      const project = options.project ?? options.projectname;
      const body = { description: options.description, project, expiresAt: options.expires };
      const request = { method: 'POST', path: '/admin-tokens', body } as const;
      const token = await connect(options, cli).send<AdminTokenInfo & { readonly secret: string }>(request);
      if (options.json) return cli.output.json(token);
      cli.output.line(token.secret);
      cli.output.notice(
        `Token ${token.id}. It is shown this once: keep it. Elsewhere: TACKLE_ADMIN_TOKEN or --admintoken.`,
      );
    });
}
