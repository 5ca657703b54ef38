/** Reading and writing files of documents: real files in a temporary directory, no gateway. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { formatCsvCell, parseCsv } from './parse-csv.ts';
import { detectFormat, type ReadRecordsOptions, readRecords } from './read-records.ts';
import { type SourceRecord, splitJson } from './split-json.ts';
import { splitLines } from './split-lines.ts';
import { type RecordFormat, writeRecordsTo } from './write-records.ts';

const directory = mkdtempSync(join(tmpdir(), 'tackle-records-'));
after(() => rmSync(directory, { recursive: true, force: true }));

async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let start = 0; start < text.length; start += size) yield text.slice(start, start + size);
}

function collect(text: string, size = text.length || 1): Promise<SourceRecord[]> {
  return Array.fromAsync(splitJson(inPieces(text, size)));
}

async function readFile(name: string, text: string | Uint8Array, change: Partial<ReadRecordsOptions> = {}) {
  const path = join(directory, name);
  writeFileSync(path, text);
  const options = {
    path,
    format: detectFormat(path),
    encoding: 'utf8',
    separator: ',',
    rowCount: false,
    onProgress() {},
  };
  return Array.fromAsync(readRecords({ ...options, ...change }));
}

describe('a JSON file', () => {
  it('is split into the items of its array, with their lines', async () => {
    assert.deepEqual(await collect('[\n  {"a": 1},\n  {"b": "]},"},\n\n  {"c":\n [1, 2]}\n]\n'), [
      { text: '{"a": 1}', line: 2 },
      { text: '{"b": "]},"}', line: 3 },
      { text: '{"c":\n [1, 2]}', line: 5 },
    ]);
  });

  it('may hold one object, or values that follow one another', async () => {
    assert.deepEqual(await collect('{"a": 1}'), [{ text: '{"a": 1}', line: 1 }]);
    assert.deepEqual(await collect('{"a":1}\n{"a":2}\n'), [
      { text: '{"a":1}', line: 1 },
      { text: '{"a":2}', line: 2 },
    ]);
    assert.deepEqual(await collect('[]'), []);
    assert.deepEqual(await collect(''), []);
  });

  it('is split the same however it arrives', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.nat(9), fc.nat(4), async (items, size, indent) => {
        const records = await collect(JSON.stringify(items, null, indent), size + 1);
        assert.deepEqual(
          records.map(({ text }) => JSON.parse(text)),
          JSON.parse(JSON.stringify(items)),
        );
      }),
    ));

  for (const [text, message] of [
    ['[{"a": 1}\n', /line 2: the array has no closing bracket/],
    ['[\n{"a": 1', /line 2: the value that begins here has no end/],
    ['[{"a": 1} {"b": 2}]', /a comma is missing/],
    ['[1,,2]', /a value is missing before the comma/],
    ['[1]\n2', /line 2: there is something behind the end/],
    ['{"a": 1}}', /closes nothing/],
  ] as const) {
    it(`names the line of what breaks it: ${JSON.stringify(text)}`, () => assert.rejects(collect(text), message));
  }
});

describe('a JSONL file', () => {
  it('is split into lines; empty ones count but are no records', async () => {
    assert.deepEqual(await Array.fromAsync(splitLines(inPieces('{"a":1}\r\n\n{"a":2}', 3))), [
      { text: '{"a":1}', line: 1 },
      { text: '{"a":2}', line: 3 },
    ]);
  });
});

describe('a CSV file', () => {
  it('has quoted cells with separators, quotes and line breaks', async () => {
    const rows = await Array.fromAsync(parseCsv(inPieces('a;b\r\n"1;\n2";"say ""hi"""\n\n;x\n""\n', 2), ';'));
    assert.deepEqual(rows, [
      { cells: ['a', 'b'], line: 1 },
      { cells: ['1;\n2', 'say "hi"'], line: 2 },
      { cells: ['', 'x'], line: 5 },
      { cells: [''], line: 6 },
    ]);
  });

  it('reads back what was written', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { minLength: 1 }), fc.nat(5), async (cells, size) => {
        fc.pre(cells.join('') !== '');
        const text = cells.map((cell) => formatCsvCell(cell)).join(',');
        const [row] = await Array.fromAsync(parseCsv(inPieces(text, size + 1)));
        assert.deepEqual(row?.cells, cells);
      }),
    ));

  it('becomes documents: numbers where nothing is lost, no fields that begin with _', async () => {
    const text = '_id,name,age,zip,ratio,phone\nx,Ann,42,007,-1.5,123456789012345678901\ny,"",,1,1e3,\n';
    const records = await readFile('people.csv', text, { rowCount: true });
    assert.deepEqual(
      records.map((record) => JSON.parse(record.text)),
      [
        { name: 'Ann', age: 42, zip: '007', ratio: -1.5, phone: '123456789012345678901', rowcount: 1 },
        { name: '', age: '', zip: 1, ratio: 1000, phone: '', rowcount: 2 },
      ],
    );
    assert.deepEqual(
      records.map(({ line }) => line),
      [2, 3],
    );
  });

  it('names the line of a row with too many cells or an open quote', async () => {
    await assert.rejects(readFile('wide.csv', 'a\n1\n1,2\n'), /line 3: 2 cells, but the first row names 1 fields/);
    await assert.rejects(readFile('open.csv', 'a\n"1\n'), /line 2: a quoted cell has no closing quote/);
  });

  it('may be in another encoding', async () => {
    const [record] = await readFile('latin.csv', Buffer.from('name\nJ\xf8rgen\n', 'latin1'), { encoding: 'latin1' });
    assert.equal(record?.text, '{"name":"Jørgen"}');
    await assert.rejects(readFile('x.csv', 'a\n1', { encoding: 'klingon' }), /encoding 'klingon' is not known/);
  });
});

describe('a result', () => {
  const documents = [
    { _id: '1', a: 'x,y' },
    { _id: '2', b: { c: [1] } },
  ];

  async function write(format: Exclude<RecordFormat, 'table'>): Promise<string> {
    let written = '';
    const sink = {
      chunk: async (data: string | Uint8Array) => {
        written += typeof data === 'string' ? data : Buffer.from(data).toString();
      },
    };
    const source = (async function* () {
      yield Buffer.from(JSON.stringify(documents));
    })();
    await writeRecordsTo(source, format, sink);
    return written;
  }

  it('is written in every format', async () => {
    assert.deepEqual(JSON.parse(await write('json')), documents);
    assert.deepEqual(JSON.parse(await write('pretty')), documents);
    assert.equal(await write('jsonl'), documents.map((document) => `${JSON.stringify(document)}\n`).join(''));
    assert.equal(await write('csv'), '_id,a,b\n1,"x,y",\n2,,"{""c"":[1]}"\n');
  });
});
