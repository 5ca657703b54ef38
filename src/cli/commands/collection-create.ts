import type { Command } from 'commander';
import type { CollectionInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { addCollectionOptions, type CollectionOptions, requireCollection } from '../collection-target.ts';
import { connectToSpace } from '../connection.ts';
import { parseInteger } from '../options.ts';

interface CreateCollectionOptions extends CollectionOptions {
  readonly cap?: number;
  readonly capdelay?: number;
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .option('-k, --cap <number>', 'keep only this many of the newest documents', parseInteger(1))
    .option('-d, --capdelay <ms>', 'how often to remove the others', parseInteger(0))
    .action(async (argument: string | undefined, options: CreateCollectionOptions) => {
      const name = requireCollection(argument, options);
      const { api, path } = await connectToSpace(options, cli);
      const body = { name, cap: options.cap, capDelayMs: options.capdelay };
      const created = await api.send<CollectionInfo>({ method: 'POST', path: `${path}/collections`, body });
      if (options.json) cli.output.json(created);
      else cli.output.line(`Created collection ${created.name}.`);
    });
}
