import type { Command } from 'commander';
import type { FileInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, addSynonyms, type SpaceOptions } from '../options.ts';
import { formatBytes } from '../output.ts';

interface ListOptions extends SpaceOptions {
  readonly path?: string;
  readonly recursive?: boolean;
  readonly reverse?: boolean;
}

interface Listing {
  readonly files: readonly FileInfo[];
  readonly truncated: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[path]', 'directory of the space', '/')
    .option('-f, --path <path>', 'the same as the argument')
    .option('-r, --recursive', 'also what lies in directories below')
    .option('--reverse', 'last name first')
    .action(async (argument: string, options: ListOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const query = { path: options.path ?? argument, recursive: options.recursive };
      // Two stores: what was put into the space, and what came with the app that is live.
      const [stored, source] = await Promise.all([
        api.get<Listing>(`${path}/files`, { ...query, store: 'stored' }),
        api.get<Listing>(`${path}/files`, { ...query, store: 'source' }),
      ]);
      const files = merge(stored.files, source.files);
      if (options.reverse) files.reverse();
      if (options.json) return cli.output.json(files);
      if (files.length === 0) cli.output.notice('No files there.');
      const rows = files.map(({ path: name, isDirectory, size, lastModified, origin }) => [
        isDirectory ? `${name}/` : name,
        isDirectory ? '' : formatBytes(size),
        isDirectory ? '' : lastModified.replace('T', ' ').slice(0, 19),
        origin ?? '',
      ]);
      cli.output.table(['Path', 'Size', 'Modified', 'From'], rows);
      if (stored.truncated || source.truncated) cli.output.notice('There are more; list a directory below.');
    });
  // Of the original command line, which prints a table only on request.
  addSynonyms(command, '--table');
}

function merge(stored: readonly FileInfo[], source: readonly FileInfo[]): FileInfo[] {
  const byKey = new Map<string, FileInfo>();
  for (const file of [...stored, ...source]) byKey.set(`${file.path}\n${file.origin}`, file);
  return [...byKey.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}
