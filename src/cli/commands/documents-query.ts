import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { readText } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  type CollectionTarget,
  connectToCollection,
  emptyList,
  noteIfMissing,
  shiftArguments,
} from '../collection-target.ts';
import { addSynonyms, parseInteger } from '../options.ts';
import { type RecordFormat, writeRecords } from '../records/write-records.ts';

interface QueryOptions extends CollectionOptions {
  readonly query?: string;
  readonly count?: boolean;
  readonly delete?: boolean;
  readonly update?: string;
  readonly replace?: string;
  readonly useindex?: string;
  readonly start?: string;
  readonly end?: string;
  readonly limit?: number;
  readonly offset?: number;
  readonly fields?: string;
  readonly sort?: string;
  readonly reverse?: boolean;
  readonly pretty?: boolean;
  readonly table?: boolean;
  readonly csv?: boolean;
  readonly jsonl?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .argument('[query]', `'status=open&age>3', 'name=/^po/i' or MongoDB JSON`)
    .option('-q, --query <query>', 'the same as the argument')
    .option('-n, --count', 'only how many there are')
    .option('--fields <a,b>', 'only these fields')
    .option('--sort <a,-b>', 'order by a, then by b from the end')
    .option('--limit <number>', 'at most so many', parseInteger(0))
    .option('--offset <number>', 'leave out the first', parseInteger(0))
    .option('--reverse', 'from the end')
    .option('--useindex <field>', 'walk this index')
    .option('--start <value>', 'first value of the index')
    .option('--end <value>', 'last value of the index')
    .option('--delete', 'delete what matches')
    .option('--update <json>', 'change what matches: update operators or fields to set')
    .option('--replace <json>', 'put this document in the place of each that matches')
    .option('--pretty', 'indent the JSON, in colour on a terminal')
    .option('--table', 'as a table')
    .option('--csv', 'as CSV')
    .option('--jsonl', 'one document per line')
    .addHelpText('after', helpText)
    .action(async (first: string | undefined, second: string | undefined, options: QueryOptions) => {
      const { collection, rest } = shiftArguments(first, second === undefined ? [] : [second], options);
      const target = await connectToCollection(collection, options, cli);
      await runQuery(target, cli, { ...options, query: rest[0] ?? options.query });
    });
  addSynonyms(command, '--useIndex <field>');
}

const helpText = `
Examples
  tackle query users 'age>30&name=/^po/i' --sort name,-age --limit 10
  tackle query users '{"age": {"$gt": 30}}' --fields name,age --table
  tackle query users 'status=old' --update '{"$set": {"status": "archived"}}'
  tackle query users 'status=archived' --delete`;

async function runQuery(target: CollectionTarget, cli: Cli, options: QueryOptions): Promise<void> {
  const body = buildQuery(options);
  const request = { method: 'POST', path: `${target.collectionPath}/query`, body } as const;
  const response = await target.api.open(request);
  if (body.count || body.delete || body.update || body.replace) {
    const answer = JSON.parse(await readText(response)) as { readonly count: number };
    cli.output.json(answer);
    if (answer.count === 0) await noteIfMissing(target, cli);
    return;
  }
  let bytes = 0;
  const counted = response.map((chunk: Uint8Array) => {
    bytes += chunk.byteLength;
    return chunk;
  });
  await writeRecords(counted, chooseFormat(options), cli.output);
  if (bytes <= emptyList.length) await noteIfMissing(target, cli);
}

function buildQuery(options: QueryOptions): Record<string, unknown> {
  const changes = ['delete', 'update', 'replace'].filter((name) => options[name as 'delete'] !== undefined);
  if (changes.length > 1) {
    throw new TackleError('invalid_request', `--${changes.join(' and --')} exclude one another.`);
  }
  if (changes.length === 1 && options.query === undefined) {
    throw new TackleError('invalid_request', `--${changes[0]} needs a query; '{}' stands for all documents.`);
  }
  return {
    query: options.query,
    count: options.count,
    fields: options.fields,
    sort: options.sort,
    limit: options.limit,
    offset: options.offset,
    reverse: options.reverse,
    useIndex: options.useindex ?? (options as { readonly useIndex?: string }).useIndex,
    start: readBound(options.start),
    end: readBound(options.end),
    delete: options.delete,
    update: parseObject('--update', options.update),
    replace: parseObject('--replace', options.replace),
  };
}

/** Numbers are numbers unless they stand in quotes, as in conditions. */
function readBound(text: string | undefined): string | number | undefined {
  if (text === undefined || text.trim() === '') return text;
  const quoted = /^"(.*)"$|^'(.*)'$/s.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function parseObject(option: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TackleError('invalid_json', `${option} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

function chooseFormat({ table, csv, jsonl, pretty }: QueryOptions): RecordFormat {
  if (table) return 'table';
  if (csv) return 'csv';
  if (jsonl) return 'jsonl';
  return pretty ? 'pretty' : 'json';
}
