import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';

const guideFile = new URL('../../../docs/apps.md', import.meta.url);

/** Prints the guide for writing apps as it is: nothing is asked of a gateway, so it works before one runs. */
export function configure(command: Command, cli: Cli): void {
  command
    .addHelpText('after', '\nMarkdown on standard output: pipe it into a file, a pager or the context of an agent.')
    .action(async () => {
      const text = await readFile(guideFile, 'utf8').catch((error: unknown) => {
        throw new TackleError('not_found', 'The guide is not part of this installation. Install Tackle again.', {
          cause: error,
        });
      });
      cli.output.line(text.trimEnd());
    });
}
