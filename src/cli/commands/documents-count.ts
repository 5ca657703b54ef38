import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  connectToCollection,
  noteIfMissing,
  shiftArguments,
} from '../collection-target.ts';

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .argument('[query]', 'only what matches')
    .option('-q, --query <query>', 'the same as the argument')
    .action(
      async (
        first: string | undefined,
        second: string | undefined,
        options: CollectionOptions & { readonly query?: string },
      ) => {
        const { collection: name, rest } = shiftArguments(first, second === undefined ? [] : [second], options);
        const target = await connectToCollection(name, options, cli);
        const { api, collection, collectionPath } = target;
        const body = { query: rest[0] ?? options.query, count: true };
        const request = { method: 'POST', path: `${collectionPath}/query`, body } as const;
        const { count } = await api.send<{ count: number }>(request);
        if (options.json) cli.output.json({ collection, count });
        else cli.output.line(String(count));
        if (count === 0) await noteIfMissing(target, cli);
      },
    );
}
