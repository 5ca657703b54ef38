import type { Command } from 'commander';
import type { CollectionInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .option('--sys', "also those that the platform keeps (names that begin with '_')")
    .action(async (options: SpaceOptions & { readonly sys?: boolean }) => {
      const { api, path } = await connectToSpace(options, cli);
      const query = { system: options.sys };
      const { collections } = await api.get<{ collections: readonly CollectionInfo[] }>(`${path}/collections`, query);
      if (options.json) return cli.output.json(collections);
      if (collections.length === 0) cli.output.notice('No collections here yet. The first insert creates one.');
      const rows = collections.map(({ name, count, indexes, schema, cap }) => [
        name,
        String(count),
        indexes.join(', '),
        schema === null || schema === undefined ? '' : 'yes',
        cap === null || cap === undefined ? '' : String(cap),
      ]);
      cli.output.table(['Collection', 'Documents', 'Indexes', 'Schema', 'Cap'], rows);
    });
}
