import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { type CsvRow, parseCsv } from './parse-csv.ts';
import { type SourceRecord, splitJson } from './split-json.ts';
import { splitLines } from './split-lines.ts';

export type FileFormat = 'json' | 'jsonl' | 'csv';

export interface ReadRecordsOptions {
  readonly path: string;
  readonly format: FileFormat;
  /** A label that TextDecoder knows: utf8, latin1, utf-16le. */
  readonly encoding: string;
  readonly separator: string;
  /** Adds `rowcount`, counted from 1. */
  readonly rowCount: boolean;
  onProgress(bytesRead: number): void;
}

/** By the extension; anything unknown is refused rather than guessed. */
export function detectFormat(path: string): FileFormat {
  const extension = extname(path).toLowerCase();
  if (extension === '.json') return 'json';
  if (extension === '.jsonl' || extension === '.ndjson') return 'jsonl';
  if (extension === '.csv' || extension === '.tsv') return 'csv';
  throw new TackleError(
    'invalid_request',
    `${path} is none of .json, .jsonl, .ndjson, .csv, .tsv: say which with --format.`,
  );
}

/**
 * The documents of a file as JSON texts, each with its line. The text of a JSON or JSONL record is passed on as it
 * stands, valid or not: the gateway judges each, and the line tells where to look.
 */
export async function* readRecords(options: ReadRecordsOptions): AsyncGenerator<SourceRecord> {
  let count = 0;
  for await (const record of chooseReader(options)) {
    count++;
    yield options.rowCount ? addRowCount(record, count) : record;
  }
}

function chooseReader(options: ReadRecordsOptions): AsyncIterable<SourceRecord> {
  const text = readText(options);
  if (options.format === 'csv') return readCsvRecords(parseCsv(text, options.separator));
  return options.format === 'json' ? splitJson(text) : splitLines(text);
}

async function* readText({ path, encoding, onProgress }: ReadRecordsOptions): AsyncGenerator<string> {
  const decoder = createDecoder(encoding);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    bytes += (chunk as Uint8Array).byteLength;
    yield decoder.decode(chunk as Uint8Array, { stream: true });
    onProgress(bytes);
  }
  yield decoder.decode();
}

function createDecoder(encoding: string) {
  try {
    return new TextDecoder(encoding);
  } catch (error) {
    const message = `The encoding '${encoding}' is not known. Try utf8 or latin1.`;
    throw new TackleError('invalid_request', message, { cause: error });
  }
}

/** The first row names the fields. Names that begin with _ are the platform's own and left out. */
async function* readCsvRecords(rows: AsyncIterable<CsvRow>): AsyncGenerator<SourceRecord> {
  let names: readonly string[] | null = null;
  for await (const { cells, line } of rows) {
    if (names === null) {
      names = cells.map((name) => name.trim());
      continue;
    }
    if (cells.length > names.length) {
      throw new SyntaxError(`line ${line}: ${cells.length} cells, but the first row names ${names.length} fields`);
    }
    const fields = names.flatMap((name, column) =>
      name === '' || name.startsWith('_') ? [] : [[name, parseCell(cells[column] ?? '')] as const],
    );
    yield { text: JSON.stringify(Object.fromEntries(fields)), line };
  }
}

/** Numbers become numbers where that loses nothing: `007` and telephone numbers stay text. */
function parseCell(text: string): string | number {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return text;
  const value = Number(text);
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : text;
}

function addRowCount({ text, line }: SourceRecord, count: number): SourceRecord {
  const end = text.lastIndexOf('}');
  if (end < 0) return { text, line };
  const isEmpty = text.slice(0, end).trim() === '{';
  return { text: `${text.slice(0, end)}${isEmpty ? '' : ','}"rowcount":${count}}`, line };
}
