import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { resolveHome } from '../../server/config-home.ts';
import { restoreHome } from '../../server/restore-home.ts';
import type { Cli } from '../cli.ts';
import { getProgramName } from '../program-name.ts';

interface RestoreOptions {
  readonly home?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  command
    .argument('<file>', "archive that 'tackle backup' wrote")
    .option('--home <directory>', 'home to restore; one that exists is kept beside it under another name')
    .option('--resume', 'do not keep schedules and workers paused')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nThe gateway of the home must be stopped. Everything is verified before anything is replaced.',
    )
    .action(async (file: string, options: RestoreOptions) => {
      const { home } = resolveHome({ homeFlag: options.home, ...cli });
      const archivePath = resolve(cli.currentDirectory, file);
      const result = await restoreHome({ archivePath, homeDirectory: home, resume: options.resume ?? false });
      const { previousHome, manifest } = result;
      if (options.json) return cli.output.json({ home, previousHome, manifest });
      cli.output.line(`Restored ${home} (${manifest.files.length} files).`);
      if (previousHome !== null) cli.output.line(`What was there before is in ${previousHome}.`);
      if (!existsSync(join(home, 'secret.key')) && cli.env.TACKLE_SECRET_KEY === undefined) {
        const where = `put the one it was made with into ${home}, or set TACKLE_SECRET_KEY`;
        cli.output.notice(`The backup holds no key for its secrets: ${where}, before you start the gateway.`);
      }
      cli.output.notice(`Start it with: ${getProgramName(cli)} up --home ${home}`);
    });
}
