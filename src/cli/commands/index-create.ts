import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  connectToCollection,
  shiftArguments,
} from '../collection-target.ts';
import { collectList } from '../options.ts';

interface IndexOptions extends CollectionOptions {
  readonly index?: readonly string[];
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .argument('[fields...]', 'fields to index, for example status address.city')
    .option('-i, --index <field>', 'the same as the argument; may be repeated', collectList)
    .action(async (first: string | undefined, more: readonly string[], options: IndexOptions) => {
      const { collection: name, rest } = shiftArguments(first, more, options);
      const fields = [...rest.flatMap((field) => collectList(field)), ...(options.index ?? [])];
      if (fields.length === 0) throw new TackleError('invalid_request', 'Which fields? Name at least one.');
      const { api, collection, collectionPath } = await connectToCollection(name, options, cli);
      const request = { method: 'POST', path: `${collectionPath}/indexes`, body: { fields } } as const;
      const { indexes } = await api.send<{ indexes: readonly string[] }>(request);
      if (options.json) cli.output.json({ collection, indexes });
      else cli.output.line(`Indexes of ${collection}: ${indexes.join(', ')}`);
    });
}
