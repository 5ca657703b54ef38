/** Strings on their way into and out of databases, and the order of strings. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../json.ts';
import { compareCodePoints } from './code-points.ts';
import { decodeStoredDocument, decodeStoredText, encodeStoredBody, encodeStoredText } from './stored-text.ts';
import { odd } from './testing/arbitraries.ts';

const numRuns = process.env.TACKLE_LONG === '1' ? 100_000 : 5_000;
const arbitraryText = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', '\0', '\u0001', '\u0002', '\ud83d', '\ude00', '\ue000', '\ue001', '\ue801', '\uffff'),
  }),
  fc.string({ unit: 'binary' }),
);

test('every string comes back as it was, and its stored form is UTF-8 without U+0000', () => {
  fc.assert(
    fc.property(arbitraryText, (text) => {
      const stored = encodeStoredText(text);
      assert.equal(decodeStoredText(stored), text);
      assert.ok(!stored.includes('\0'));
      assert.equal(Buffer.from(stored, 'utf8').toString('utf8'), stored);
    }),
    { numRuns },
  );
});

test('stored strings have the byte order that compareCodePoints gives the originals, and keep prefixes', () => {
  fc.assert(
    fc.property(arbitraryText, arbitraryText, (a, b) => {
      const bytes = Buffer.compare(Buffer.from(encodeStoredText(a)), Buffer.from(encodeStoredText(b)));
      assert.equal(Math.sign(compareCodePoints(a, b)), bytes);
      assert.equal(Math.sign(compareCodePoints(b, a)), -bytes || 0);
      const isWhole = !/[\ud800-\udbff]$/.test(a);
      if (isWhole) assert.ok(encodeStoredText(a + b).startsWith(encodeStoredText(a)));
    }),
    { numRuns },
  );
});

test('documents come back equal, keys in order, _id last, whatever their keys and strings are', () => {
  fc.assert(
    fc.property(odd.document, (document) => {
      const body = encodeStoredBody(document);
      const back = decodeStoredDocument(encodeStoredText(String(document._id)), body);
      assert.deepEqual(back, JSON.parse(JSON.stringify(document)));
      assert.deepEqual(Object.keys(back), [...Object.keys(document).filter((key) => key !== '_id'), '_id']);
    }),
    { numRuns: numRuns / 5 },
  );
  const hostile = JSON.parse('{"__proto__":{"admin":true},"a":"\\u0000"}') as JsonObject;
  const back = decodeStoredDocument('x', encodeStoredBody(hostile));
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.ok(Object.hasOwn(back, '__proto__'));
});
