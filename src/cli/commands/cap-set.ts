import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import { addCollectionOptions, type CollectionOptions, connectToCollection } from '../collection-target.ts';
import { parseInteger } from '../options.ts';

interface CapOptions extends CollectionOptions {
  readonly cap?: number;
  readonly capdelay?: number;
}

interface CapAnswer {
  readonly cap: number;
  readonly capDelayMs: number;
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .option('-k, --cap <number>', 'how many documents to keep', parseInteger(1))
    .option('-d, --capdelay <ms>', 'how often to remove the others', parseInteger(0))
    .action(async (argument: string | undefined, options: CapOptions) => {
      if (options.cap === undefined) throw new TackleError('invalid_request', 'How many documents? Say it with --cap.');
      const { api, collection, collectionPath } = await connectToCollection(argument, options, cli);
      const body = { cap: options.cap, capDelayMs: options.capdelay };
      const answer = await api.send<CapAnswer>({ method: 'PUT', path: `${collectionPath}/cap`, body });
      if (options.json) cli.output.json({ collection, ...answer });
      else cli.output.line(`${collection} keeps its newest ${answer.cap} documents.`);
    });
}
