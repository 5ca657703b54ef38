import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  connectToCollection,
  emptyList,
  noteIfMissing,
} from '../collection-target.ts';
import { explainFileError } from '../file-failure.ts';
import { addSynonyms } from '../options.ts';
import { formatBytes, Output } from '../output.ts';
import { writeRecordsTo } from '../records/write-records.ts';

interface ExportOptions extends CollectionOptions {
  readonly csv?: boolean;
  readonly jsonl?: boolean;
  readonly file?: string;
  readonly filepath?: string;
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .option('-f, --file <file>', 'write into this file instead of standard output')
    .addOption(new Option('--csv', 'as CSV; nested values become JSON text').conflicts('jsonl'))
    .option('--jsonl', 'one document per line')
    .action(async (argument: string | undefined, options: ExportOptions) => {
      const target = await connectToCollection(argument, options, cli);
      const { api, collection, collectionPath } = target;
      const format = options.csv ? 'csv' : options.jsonl ? 'jsonl' : 'json';
      const query = { format: format === 'jsonl' ? 'ndjson' : 'json' };
      const response = await api.open({ method: 'GET', path: `${collectionPath}/export`, query });
      let received = 0;
      const source = watch(response, (bytes) => {
        received = bytes;
        cli.output.progress(`${collection}: ${formatBytes(bytes)}`);
      });
      // What the gateway sends as NDJSON or as an array is passed on unchanged.
      const file = options.file ?? options.filepath;
      const write = (output: Output) => writeRecordsTo(source, format === 'csv' ? 'csv' : 'json', output);
      if (file === undefined) await write(cli.output);
      else await writeFile(resolve(cli.currentDirectory, file), write);
      cli.output.progress('');
      if (file !== undefined) cli.output.notice(`Wrote ${collection} to ${file}.`);
      if (received <= emptyList.length) await noteIfMissing(target, cli);
    });
  addSynonyms(command, '--filepath <file>');
}

/** The file appears under its name when it is complete. */
async function writeFile(path: string, write: (output: Output) => Promise<void>): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  const stream = createWriteStream(partial);
  const failed = new Promise<never>((_, reject) => stream.on('error', reject));
  try {
    await Promise.race([write(new Output(stream, new Writable())), failed]);
    await Promise.race([new Promise<void>((done) => stream.end(done)), failed]);
    await rename(partial, path);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw explainFileError(error, path, 'write');
  }
}

async function* watch(source: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    onBytes(bytes);
    yield chunk;
  }
}
