import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addCollectionOptions, type CollectionOptions, connectToCollection } from '../collection-target.ts';

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command).action(async (argument: string | undefined, options: CollectionOptions) => {
    const { api, collection, collectionPath } = await connectToCollection(argument, options, cli);
    await api.send({ method: 'DELETE', path: collectionPath });
    if (options.json) cli.output.json({ removed: collection });
    else cli.output.line(`Deleted collection ${collection}.`);
  });
}
