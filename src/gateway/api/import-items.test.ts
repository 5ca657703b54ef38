// Cutting uploads into documents; nothing is fake, chunks are cut at random places.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TackleError } from '../../core/errors.ts';
import { type ImportFormat, readImportItems } from './import-items.ts';

async function read(text: string | Uint8Array, format: ImportFormat, chunkBytes = 1e6, maxItemBytes = 1e6) {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  async function* cut() {
    for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
  }
  const items = [];
  for await (const item of readImportItems(cut(), { format, maxItemBytes })) items.push(item);
  return items;
}

const fails = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(
    promise,
    (error) => error instanceof TackleError && error.code === code && message.test(error.message),
  );

describe('arrays', () => {
  test('any array comes out as its items, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0, 2),
        async (array, size, indent) => {
          const items = await read(JSON.stringify(array, null, indent), 'json', size);
          assert.deepEqual(
            items.map(({ text }) => JSON.parse(text)),
            JSON.parse(JSON.stringify(array)),
          );
          assert.deepEqual(
            items.map(({ line }) => line),
            array.map((_, index) => index + 1),
          );
        },
      ),
    );
  });

  test('what is not an array, cut off, or followed by more is refused', async () => {
    await fails(read('', 'json'), 'invalid_json', /empty/);
    await fails(read(' \n', 'json'), 'invalid_json', /empty/);
    await fails(read('{"a":1}', 'json'), 'invalid_json', /not a JSON array/);
    await fails(read('[{"a":1}', 'json'), 'invalid_json', /cut off in item 1/);
    await fails(read('[{"a":1},', 'json'), 'invalid_json', /cut off in item 2/);
    await fails(read('[1] x', 'json'), 'invalid_json', /behind the JSON array/);
    await fails(read('[1]\n[2]', 'json', 1), 'invalid_json', /behind the JSON array/);
    await fails(read(Buffer.from([0x5b, 0xff, 0x5d]), 'json'), 'invalid_json', /UTF-8/);
  });

  test('a gap between commas is an item that is not JSON', async () => {
    assert.deepEqual(
      (await read('[1,,2]', 'json')).map(({ text }) => text),
      ['1', '', '2'],
    );
    assert.deepEqual(
      (await read('[1,]', 'json')).map(({ text }) => text),
      ['1', ''],
    );
    assert.deepEqual(await read('[ ]', 'json'), []);
  });

  test('an item that is too long is refused before all of it was read', async () => {
    await fails(read(`["${'x'.repeat(200)}"]`, 'json', 10, 100), 'payload_too_large', /line 1/);
  });
});

describe('lines', () => {
  test('documents come out with their line numbers, blank lines are skipped', async () => {
    const items = await read('{"a":1}\r\n\n{"b":2}\n  \n{"c":"é"}', 'ndjson', 3);
    assert.deepEqual(
      items.map(({ line, text }) => [line, JSON.parse(text)]),
      [
        [1, { a: 1 }],
        [3, { b: 2 }],
        [5, { c: 'é' }],
      ],
    );
    assert.deepEqual(await read('', 'ndjson'), []);
  });

  test('a line that is too long is refused with its number', async () => {
    await fails(read(`{}\n"${'x'.repeat(200)}"`, 'ndjson', 10, 100), 'payload_too_large', /line 2/);
  });
});
