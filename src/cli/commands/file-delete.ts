import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace, type SpaceConnection } from '../connection.ts';
import { addSpaceOptions, addSynonyms, type SpaceOptions } from '../options.ts';
import { formatCount } from '../output.ts';

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
      const connection = await connectToSpace(options, cli);
      const dryRun = options.dryrun ?? options.dryRun ?? false;
      const deleted: string[] = [];
      for await (const page of deleteInPages(connection, { path: file, match: options.match, dryRun })) {
        deleted.push(...page);
        if (!options.json) for (const name of page) cli.output.line(name);
      }
      if (options.json) return cli.output.json({ deleted, dryRun });
      const what = formatCount(deleted.length, 'file');
      cli.output.notice(dryRun ? `${what} would be deleted.` : `Deleted ${what}.`);
    });
  addSynonyms(command, '--dry-run');
}

/** One request deletes a bounded number of files. */
async function* deleteInPages(
  { api, path }: SpaceConnection,
  query: { readonly path: string | undefined; readonly match: string | undefined; readonly dryRun: boolean },
): AsyncGenerator<readonly string[]> {
  let after: string | undefined;
  do {
    const request = { method: 'DELETE', path: `${path}/files`, query: { ...query, after } } as const;
    const { deleted, next } = await api.send<{ deleted: readonly string[]; next: string | null }>(request);
    yield deleted;
    after = next ?? undefined;
  } while (after !== undefined);
}
