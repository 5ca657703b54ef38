import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Output } from '../output.ts';
import { formatCsvCell } from './parse-csv.ts';
import { splitJson } from './split-json.ts';

export type RecordFormat = 'json' | 'pretty' | 'jsonl' | 'csv' | 'table';

/** Where records are written to: the terminal's output or a file. */
export interface RecordSink {
  chunk(data: string | Uint8Array): Promise<void>;
}

/** Longest cell of a table. */
const maximumCellWidth = 40;

/** Passes a JSON array from the gateway on in the format that was asked for, while it arrives. */
export async function writeRecords(
  source: AsyncIterable<Uint8Array>,
  format: RecordFormat,
  output: Output,
): Promise<void> {
  if (format === 'table') return writeTable(source, output);
  await writeRecordsTo(source, format, output);
}

export async function writeRecordsTo(
  source: AsyncIterable<Uint8Array>,
  format: Exclude<RecordFormat, 'table'>,
  sink: RecordSink,
): Promise<void> {
  if (format === 'json') for await (const chunk of source) await sink.chunk(chunk);
  else if (format === 'csv') await writeCsv(source, sink);
  else await writeEach(source, format, sink);
}

async function writeEach(
  source: AsyncIterable<Uint8Array>,
  format: 'pretty' | 'jsonl',
  sink: RecordSink,
): Promise<void> {
  let separator = '[\n';
  for await (const { text } of splitJson(decode(source))) {
    const value = JSON.parse(text);
    if (format === 'jsonl') await sink.chunk(`${JSON.stringify(value)}\n`);
    else await sink.chunk(separator + JSON.stringify(value, null, 2).replace(/^/gm, '  '));
    separator = ',\n';
  }
  if (format === 'pretty') await sink.chunk(separator === '[\n' ? '[]\n' : '\n]\n');
}

/**
 * The head of a CSV file names every field that occurs in any document, so the documents are laid down in a temporary
 * file first: dropping fields that appear late would lose data without a word.
 */
async function writeCsv(source: AsyncIterable<Uint8Array>, sink: RecordSink): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-csv-'));
  try {
    const spool = join(directory, 'records.jsonl');
    const fields = new Set<string>();
    await pipeline(Readable.from(spoolRecords(source, fields)), createWriteStream(spool));
    const names = orderFields(fields);
    if (names.length > 0) await sink.chunk(`${names.map((name) => formatCsvCell(name)).join(',')}\n`);
    for await (const { text } of splitJson(decode(createReadStream(spool)))) {
      const record = JSON.parse(text) as Record<string, unknown>;
      await sink.chunk(`${names.map((name) => formatCsvCell(record[name])).join(',')}\n`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As they first occur, behind the id. */
function orderFields(fields: ReadonlySet<string>): readonly string[] {
  return fields.has('_id') ? ['_id', ...[...fields].filter((name) => name !== '_id')] : [...fields];
}

async function* spoolRecords(source: AsyncIterable<Uint8Array>, fields: Set<string>): AsyncGenerator<string> {
  for await (const { text } of splitJson(decode(source))) {
    const record = JSON.parse(text) as Record<string, unknown>;
    for (const name of Object.keys(record)) fields.add(name);
    yield `${JSON.stringify(record)}\n`;
  }
}

async function writeTable(source: AsyncIterable<Uint8Array>, output: Output): Promise<void> {
  const records: Record<string, unknown>[] = [];
  for await (const { text } of splitJson(decode(source))) records.push(JSON.parse(text) as Record<string, unknown>);
  const names = orderFields(new Set(records.flatMap((record) => Object.keys(record))));
  const rows = records.map((record) => names.map((name) => formatTableCell(record[name])));
  if (rows.length === 0) output.notice('No documents match.');
  output.table(names, rows);
}

function formatTableCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const plain = stripVTControlCharacters(text).replace(/\s+/g, ' ');
  return plain.length > maximumCellWidth ? `${plain.slice(0, maximumCellWidth - 1)}…` : plain;
}

async function* decode(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of source) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}
