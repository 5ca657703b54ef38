/**
 * Generated documents and filters on a real SQLite (node:sqlite, in memory): SQL and the matcher
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
import { sortKeyParameter } from './sort-key.ts';

const numRuns = process.env.TACKLE_LONG === '1' ? 25_000 : 1_500;
function openTable() {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE documents (_id TEXT PRIMARY KEY, body TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO documents VALUES (?, ?)');
  const fill = (documents: readonly JsonObject[]): void => {
    database.exec('DELETE FROM documents');
    for (const document of documents) insert.run(encodeStoredText(String(document._id)), encodeStoredBody(document));
  };
  return { database, fill };
}

test('SQL finds every matching document, and no other when it says exact', () => {
  const { database, fill } = openTable();
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
      fill(documents);
      const { sql, params, exact } = compileFilter(filter);
      const rows = database.prepare(`SELECT _id AS id FROM documents WHERE ${sql}`).all(...params);
      const found = rows.map((row) => decodeStoredDocument(String(row.id), '{}')._id as string).sort();
      if (exact) assert.deepEqual(found, expected, sql);
      else
        assert.deepEqual(
          expected.filter((id) => !found.includes(id)),
          [],
          sql,
        );
      exactCases += exact ? 1 : 0;
    }),
    { numRuns },
  );
  assert.ok(exactCases > numRuns / 2, `only ${exactCases} of ${numRuns} were exact`);
  assert.ok(tellingCases > numRuns / 20, `only ${tellingCases} of ${numRuns} told documents apart`);
});

test('sort keys in SQLite order values as compareBySort does', () => {
  const database = new DatabaseSync(':memory:');
  database.exec(
    'CREATE TABLE keys (value ANY NOT NULL, _id TEXT NOT NULL, PRIMARY KEY (value, _id)) STRICT, WITHOUT ROWID',
  );
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?)');
  fc.assert(
    fc.property(fc.oneof(small.documents, odd.documents), (documents) => {
      database.exec('DELETE FROM keys');
      for (const { a, _id } of documents) insert.run(sortKeyParameter(a), encodeStoredText(String(_id)));
      const rows = database.prepare('SELECT _id AS id FROM keys ORDER BY value, _id').all();
      const found = rows.map((row) => decodeStoredDocument(String(row.id), '{}')._id);
      assert.deepEqual(
        found,
        documents.toSorted(compareBySort(parseSort('a'))).map(({ _id }) => _id),
      );
    }),
    { numRuns: numRuns / 5 },
  );
});
