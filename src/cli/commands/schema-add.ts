import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  connectToCollection,
  shiftArguments,
} from '../collection-target.ts';
import { explainFileError } from '../file-failure.ts';

interface SchemaOptions extends CollectionOptions {
  readonly schema?: string;
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .argument('[file]', 'JSON Schema file')
    .option('-j, --schema <file>', 'the same as the argument')
    .action(async (first: string | undefined, second: string | undefined, options: SchemaOptions) => {
      const { collection: name, rest } = shiftArguments(first, second === undefined ? [] : [second], options);
      const file = rest[0] ?? options.schema;
      if (file === undefined) throw new TackleError('invalid_request', 'Which schema? Name a JSON Schema file.');
      const schema = readSchema(resolve(cli.currentDirectory, file));
      const { api, collection, collectionPath } = await connectToCollection(name, options, cli);
      await api.send({ method: 'PUT', path: `${collectionPath}/schema`, body: { schema } });
      if (options.json) cli.output.json({ collection, schema });
      else cli.output.line(`Writes to ${collection} are checked with ${file} from now on.`);
    });
}

function readSchema(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw explainFileError(error, path, 'read');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TackleError('invalid_json', `${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}
