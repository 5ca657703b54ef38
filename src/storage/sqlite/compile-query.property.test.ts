/**
 * Generated documents and filters on a real SQLite (node:sqlite, in memory), with and without indexes: SQL and the matcher
 * must agree. Nothing is fake. TACKLE_LONG=1 runs 25,000 cases.
 */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../core/json.ts';
import { compileMatcher } from '../../core/query/match-filter.ts';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { compareBySort, parseSort } from '../../core/query/sort.ts';
import { decodeStoredDocument, encodeStoredBody, encodeStoredText } from '../../core/query/stored-text.ts';
import { odd, small } from '../../core/query/testing/arbitraries.ts';
import { compileFilter } from './compile-query.ts';
import { compileSeek, compileSort } from './compile-sort.ts';
import { createIndexStatements } from './document-index.ts';

const numRuns = process.env.TACKLE_LONG === '1' ? 25_000 : 1_500;
const indexes = ['a', 'b', 'a.b', 'b.c', 'é', "it's", 'a.b.c'];

function openTable({ indexed }: { indexed: boolean }) {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE documents (_id TEXT PRIMARY KEY, body TEXT NOT NULL)');
  if (indexed) {
    for (const [number, path] of indexes.entries()) {
      for (const sql of createIndexStatements({ table: 'documents', name: `index_${number}`, path }))
        database.exec(sql);
    }
  }
  const insert = database.prepare('INSERT INTO documents VALUES (?, ?)');
  const fill = (documents: readonly JsonObject[]): void => {
    database.exec('DELETE FROM documents');
    for (const document of documents) insert.run(encodeStoredText(String(document._id)), encodeStoredBody(document));
  };
  return { database, fill };
}

test('SQL finds every matching document, and no other when it says exact, with and without indexes', () => {
  const plain = openTable({ indexed: false });
  const indexed = openTable({ indexed: true });
  const arbitraryCase = fc.oneof(
    { weight: 2, arbitrary: fc.tuple(small.documents, small.filter) },
    { weight: 1, arbitrary: fc.tuple(odd.documents, odd.filter) },
  );
  let exactCases = 0;
  let tellingCases = 0;
  fc.assert(
    fc.property(arbitraryCase, ([documents, input]) => {
      const filter = parseFilter(input);
      const matches = compileMatcher(filter);
      const expected = documents
        .filter(matches)
        .map((document) => String(document._id))
        .sort();
      if (expected.length > 0 && expected.length < documents.length) tellingCases += 1;
      for (const [table, options] of [
        [plain, {}],
        [indexed, { indexes }],
      ] as const) {
        table.fill(documents);
        const { sql, params, exact } = compileFilter(filter, options);
        const rows = table.database.prepare(`SELECT _id AS id FROM documents WHERE ${sql}`).all(...params);
        const found = rows.map((row) => decodeStoredDocument(String(row.id), '{}')._id as string).sort();
        if (exact) assert.deepEqual(found, expected, sql);
        else
          assert.deepEqual(
            expected.filter((id) => !found.includes(id)),
            [],
            sql,
          );
        exactCases += exact ? 1 : 0;
      }
    }),
    { numRuns },
  );
  assert.ok(exactCases > numRuns / 2, `only ${exactCases} of ${numRuns * 2} were exact`);
  assert.ok(tellingCases > numRuns / 20, `only ${tellingCases} of ${numRuns} told documents apart`);
});

test('ORDER BY gives the order of compareBySort, and seeking continues it after any document', () => {
  const { database, fill } = openTable({ indexed: true });
  const arbitrarySort = fc.dictionary(fc.oneof(small.path, odd.path), fc.constantFrom(1, -1), { maxKeys: 3 });
  fc.assert(
    fc.property(fc.oneof(small.documents, odd.documents), arbitrarySort, (documents, input) => {
      const sort = parseSort(input);
      const orderBy = compileSort(sort);
      if (orderBy === null) return;
      fill(documents);
      const read = (where: string, params: readonly (string | number | bigint | Uint8Array)[]): string[] =>
        database
          .prepare(`SELECT _id AS id, body FROM documents WHERE ${where} ORDER BY ${orderBy}`)
          .all(...params)
          .map((row) => decodeStoredDocument(String(row.id), String(row.body))._id as string);
      const sorted = documents.toSorted(compareBySort(sort));
      const expected = sorted.map((document) => document._id);
      assert.deepEqual(read('1', []), expected);
      for (const [index, document] of sorted.entries()) {
        const { sql, params } = compileSeek(sort, document);
        assert.deepEqual(read(sql, params), expected.slice(index + 1));
      }
    }),
    { numRuns: numRuns / 5 },
  );
});
