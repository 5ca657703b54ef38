import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, addSynonyms, type SpaceOptions } from '../options.ts';

interface DeleteOptions extends SpaceOptions {
  readonly filename?: string;
  readonly match?: string;
  readonly dryrun?: boolean;
  readonly dryRun?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[path]', 'the file')
    .option('-f, --filename <path>', 'the same as the argument')
    .option('-r, --match <regex>', 'all files whose path matches this regular expression instead')
    .option('--dryrun', 'only say what would be deleted')
    .action(async (argument: string | undefined, options: DeleteOptions) => {
      const file = options.filename ?? argument;
      if ((file === undefined) === (options.match === undefined)) {
        throw new TackleError('invalid_request', 'Name a file, or give a regular expression with --match.');
      }
      const { api, path } = await connectToSpace(options, cli);
      const dryRun = options.dryrun ?? options.dryRun ?? false;
      const query = { path: file, match: options.match, dryRun };
      const request = { method: 'DELETE', path: `${path}/files`, query } as const;
      const { deleted } = await api.send<{ deleted: readonly string[] }>(request);
      if (options.json) return cli.output.json({ deleted, dryRun });
      for (const name of deleted) cli.output.line(name);
      const what = `${deleted.length} ${deleted.length === 1 ? 'file' : 'files'}`;
      cli.output.notice(dryRun ? `${what} would be deleted.` : `Deleted ${what}.`);
    });
  addSynonyms(command, '--dry-run');
}
