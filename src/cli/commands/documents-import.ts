import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import {
  addCollectionOptions,
  type CollectionOptions,
  connectToCollection,
  requireCollection,
  shiftArguments,
} from '../collection-target.ts';
import { explainFileError } from '../file-failure.ts';
import { addSynonyms } from '../options.ts';
import { formatBytes, formatCount } from '../output.ts';
import { detectFormat, type FileFormat, type ReadRecordsOptions, readRecords } from '../records/read-records.ts';
import type { SourceRecord } from '../records/split-json.ts';

interface ImportOptions extends CollectionOptions {
  readonly file?: string;
  readonly filepath?: string;
  readonly format?: FileFormat;
  readonly separator?: string;
  readonly encoding: string;
  readonly continue?: boolean;
  readonly upsert?: boolean;
  readonly dryrun?: boolean;
  readonly rowcount?: boolean;
}

interface BadRecord {
  /** Of the file. */
  readonly line: number;
  readonly message: string;
  readonly code?: string;
}

interface ImportResult {
  readonly imported: number;
  readonly failed: number;
  readonly errors: readonly BadRecord[];
}

export function configure(command: Command, cli: Cli): void {
  addCollectionOptions(command)
    .argument('[file]', 'file to read')
    .option('-f, --file <file>', 'the same as the argument')
    .addOption(new Option('--format <format>', 'instead of going by the extension').choices(['json', 'jsonl', 'csv']))
    .option('--separator <character>', 'between the cells of a CSV file (, or a tab in .tsv)')
    .option('--encoding <name>', 'of the file', 'utf8')
    .option('--rowcount', 'add a field rowcount: 1, 2, 3, …')
    .option('--continue', 'leave out bad documents instead of refusing the file')
    .option('--upsert', 'replace documents whose _id exists')
    .option('--dryrun', 'read and check the file, import nothing')
    .action(async (first: string | undefined, second: string | undefined, options: ImportOptions) => {
      const { collection, rest } = shiftArguments(first, second === undefined ? [] : [second], options);
      const file = rest[0] ?? options.file ?? options.filepath;
      if (file === undefined) throw new TackleError('invalid_request', 'Which file? Name it with --file.');
      const records = openFile(resolve(cli.currentDirectory, file), options, cli);
      const name = requireCollection(collection, options);
      const result = options.dryrun ? await checkRecords(records) : await upload(records, { name, options, cli });
      cli.output.progress('');
      report(result, { cli, options, collection: name });
    });
  addSynonyms(command, '--filepath <file>');
}

function openFile(path: string, options: ImportOptions, cli: Cli): AsyncIterable<SourceRecord> {
  let size: number;
  try {
    size = statSync(path).size;
  } catch (error) {
    throw explainFileError(error, path, 'read');
  }
  const settings: ReadRecordsOptions = {
    path,
    format: options.format ?? detectFormat(path),
    encoding: options.encoding,
    separator: options.separator?.replace('\\t', '\t') ?? (path.endsWith('.tsv') ? '\t' : ','),
    rowCount: options.rowcount ?? false,
    onProgress: (bytes) => cli.output.progress(`${formatBytes(bytes)} of ${formatBytes(size)}`),
  };
  return explainStructure(readRecords(settings), path, options.continue ?? false);
}

/**
 * A file that is broken as a whole ends the request before its end: the gateway publishes nothing of it then, unless it
 * was told to go on past bad documents.
 */
async function* explainStructure(
  records: AsyncIterable<SourceRecord>,
  path: string,
  goesOn: boolean,
): AsyncGenerator<SourceRecord> {
  try {
    yield* records;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const outcome = goesOn ? 'Documents before that line may have been imported.' : 'Nothing was imported.';
    throw new TackleError('invalid_json', `${path}, ${error.message}. ${outcome}`, { cause: error });
  }
}

async function checkRecords(records: AsyncIterable<SourceRecord>): Promise<ImportResult> {
  const errors: BadRecord[] = [];
  let good = 0;
  for await (const { text, line } of records) {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) good++;
      else errors.push({ line, message: 'A document must be an object' });
    } catch (error) {
      errors.push({ line, message: (error as Error).message });
    }
  }
  return { imported: good, failed: errors.length, errors };
}

interface UploadOptions {
  readonly name: string;
  readonly options: ImportOptions;
  readonly cli: Cli;
}

async function upload(
  records: AsyncIterable<SourceRecord>,
  { name, options, cli }: UploadOptions,
): Promise<ImportResult> {
  const { api, collectionPath } = await connectToCollection(name, options, cli);
  const lines: number[] = [];
  // The gateway counts the lines of what it is sent; people want those of their file.
  const toFileLine = (error: BadRecord): BadRecord => ({ ...error, line: lines[error.line - 1] ?? error.line });
  try {
    const result = await api.send<ImportResult>({
      method: 'POST',
      path: `${collectionPath}/import`,
      query: { continue: options.continue, upsert: options.upsert },
      stream: { contentType: 'application/x-ndjson', chunks: batch(records, lines) },
    });
    return { ...result, errors: result.errors.map(toFileLine) };
  } catch (error) {
    const { errors, imported = 0 } = ((error as TackleError).details ?? {}) as Partial<ImportResult>;
    if (!(error instanceof TackleError) || !Array.isArray(errors)) throw error;
    const details = { imported, errors: errors.map(toFileLine) };
    throw new TackleError(error.code, describeRefusal(details), { details, cause: error });
  }
}

function describeRefusal({ imported, errors }: Pick<ImportResult, 'imported' | 'errors'>): string {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const reason = first === undefined ? 'a document is not valid' : `line ${first.line}: ${first.message}`;
  const outcome = imported === 0 ? 'Nothing was imported' : `Stopped after ${imported} documents`;
  return `${outcome}: ${reason}${more}. With --continue the others are imported.`;
}

/** Joins records to chunks of a size that is worth sending, and notes the line of each. */
async function* batch(records: AsyncIterable<SourceRecord>, lines: number[]): AsyncGenerator<string> {
  let chunk = '';
  for await (const { text, line } of records) {
    lines.push(line);
    // A record of a JSON array may span lines; in NDJSON a line break would end it. Inside strings JSON has none.
    chunk += `${text.includes('\n') ? text.replace(/[\r\n]+/g, ' ') : text}\n`;
    if (chunk.length < 64 * 1024) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

function report(
  { imported, failed, errors }: ImportResult,
  { cli, options, collection }: { readonly cli: Cli; readonly options: ImportOptions; readonly collection: string },
): void {
  const { output } = cli;
  for (const { line, message } of errors) output.notice(`line ${line}: ${message}`);
  if (options.dryrun && failed > 0) process.exitCode = 1;
  if (options.json) {
    output.json({ collection, imported: options.dryrun ? 0 : imported, checked: imported + failed, failed, errors });
    return;
  }
  const what = options.dryrun ? 'would be imported into' : 'imported into';
  output.line(`${formatCount(imported, 'document')} ${what} ${collection}${failed > 0 ? `, ${failed} left out` : ''}.`);
}
