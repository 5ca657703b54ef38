import { resolve } from 'node:path';
import type { Command } from 'commander';
import { buildApp } from '../../apps/build/index.ts';
import type { Cli } from '../cli.ts';
import { formatBytes } from '../output.ts';

interface VerifyOptions {
  readonly dir: string;
  readonly main?: string;
  readonly json?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  command
    .argument('[dir]', 'directory of the app')
    .option('--dir <directory>', 'the same as the argument', '.')
    .option('-e, --main <file>', 'entry file; else main of package.json, index.js or index.ts')
    .option('--json', 'print the result as JSON')
    .action(async (argument: string | undefined, options: VerifyOptions) => {
      const { output } = cli;
      const dir = resolve(cli.currentDirectory, argument ?? options.dir);
      const app = await buildApp({
        dir,
        ...(options.main === undefined ? {} : { main: options.main }),
        onProgress: (message) => output.notice(message),
      });
      for (const warning of app.warnings) output.notice(`warning: ${warning}`);
      const { main, language, warnings, installed } = app;
      const bytes = Buffer.byteLength(app.code);
      if (options.json) output.json({ main, language, bytes, warnings, installed });
      else output.line(`${main} (${language}) builds: ${formatBytes(bytes)}.`);
    });
}
