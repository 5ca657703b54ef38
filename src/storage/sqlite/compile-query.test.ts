/**
 * The table of hand-checked verdicts on a real SQLite (node:sqlite, in memory), and filters built to break the compiler.
 * Nothing is fake.
 */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { compileMatcher } from '../../core/query/match-filter.ts';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { decodeStoredDocument, encodeStoredBody, encodeStoredText } from '../../core/query/stored-text.ts';
import { expectedIds, verdictGroups } from '../../core/query/testing/verdicts.ts';
import { compileFilter } from './compile-query.ts';

function openTable(documents: readonly JsonObject[]): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE documents (_id TEXT PRIMARY KEY, body TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO documents VALUES (?, ?)');
  for (const document of documents) insert.run(encodeStoredText(String(document._id)), encodeStoredBody(document));
  return database;
}

/** As the engine does it: SQL, and the matcher on its rows unless it is exact. */
function findIds(database: DatabaseSync, input: unknown): { ids: string[]; exact: boolean } {
  const filter = parseFilter(input);
  const { sql, params, exact } = compileFilter(filter, { bodyColumn: 'd.body', idColumn: 'd._id' });
  const rows = database.prepare(`SELECT _id AS id, body FROM documents AS d WHERE ${sql}`).all(...params);
  const found = rows.map((row) => decodeStoredDocument(String(row.id), String(row.body)));
  const matching = exact ? found : found.filter(compileMatcher(filter));
  return { ids: matching.map(({ _id }) => String(_id)).toSorted(), exact };
}

for (const group of verdictGroups) {
  test(`SQLite gives the listed verdicts: ${group.name}`, () => {
    const documents = Object.entries(group.documents).map(([id, fields]) => ({ ...fields, _id: id }) as JsonObject);
    const database = openTable(documents);
    for (const [filter, answer, reason] of group.verdicts) {
      assert.deepEqual(
        findIds(database, filter).ids,
        expectedIds(group, answer),
        `${JSON.stringify(filter)} ${reason ?? ''}`,
      );
    }
  });
}

test('most of the table needs no second look by the matcher', () => {
  const database = openTable([]);
  const filters = verdictGroups.flatMap((group) => group.verdicts.map(([filter]) => filter));
  const exact = filters.filter((filter) => findIds(database, filter).exact).length;
  assert.ok(exact > filters.length * 0.75, `${exact} of ${filters.length}`);
});

test('no value of a filter ever becomes part of the SQL text', () => {
  const hostile = `x' OR 1=1; DROP TABLE documents; --`;
  const database = openTable([
    { a: 'harmless', _id: '1' },
    { [hostile]: 1, _id: '2' },
  ]);
  for (const operator of ['$eq', '$gt', '$startsWith', '$endsWith', '$regex']) {
    const { sql } = compileFilter(parseFilter({ a: { [operator]: hostile.replace('(', '') } }));
    assert.ok(!sql.includes('DROP'), sql);
  }
  assert.deepEqual(findIds(database, { a: hostile }).ids, []);
  assert.deepEqual(findIds(database, { [hostile]: 1 }).ids, ['2'], 'a name is quoted');
  assert.deepEqual(findIds(database, { _id: hostile }).ids, []);
});

test('filters at the limits of the language stay within those of SQLite', () => {
  const database = openTable([
    { a: 7, b: { c: [1] }, _id: 'x' },
    { a: 'text', _id: 'y' },
  ]);
  const list = Array.from({ length: 10_000 }, (_, index) => index);
  assert.deepEqual(findIds(database, { a: { $in: list } }).ids, ['x']);
  assert.deepEqual(findIds(database, { a: { $nin: list } }).ids, ['y']);
  assert.deepEqual(findIds(database, { $or: list.slice(0, 900).map((a) => ({ a })) }).ids, ['x']);
  assert.deepEqual(findIds(database, { $and: list.slice(10, 900).map((a) => ({ a: { $ne: a } })) }).ids, ['x', 'y']);
  let nested: unknown = { a: 7 };
  for (let level = 0; level < 95; level += 1)
    nested = level % 2 === 0 ? { $nor: [nested, { a: 1 }] } : { $and: [nested, {}] };
  assert.equal(findIds(database, nested).ids.length > 0, true);
  let inner: unknown = { c: 1 };
  for (let level = 0; level < 45; level += 1) inner = { c: { $elemMatch: inner } };
  assert.deepEqual(findIds(database, { b: { $not: { $elemMatch: inner } } }).ids, ['x', 'y']);
  assert.deepEqual(findIds(database, { [Array.from({ length: 100 }, () => 'a').join('.')]: null }).ids, ['x', 'y']);
});

test('prefixes at the edges of the code points become the right ranges', () => {
  const texts = [
    '\ud7ff',
    '\ud7ffx',
    '\ud7ff\u{10ffff}',
    '\ue000',
    '\ue000x',
    '\ue001',
    '\u{10ffff}',
    '\u{10ffff}x',
    '\uffff',
    '\u{10000}',
  ];
  const database = openTable(texts.map((s, index) => ({ s, _id: String(index) })));
  for (const prefix of ['\ud7ff', '\ue000', '\u{10ffff}', '\ud7ff\u{10ffff}', '\u{10ffff}\u{10ffff}', '\uffff']) {
    const expected = texts.flatMap((text, index) => (text.startsWith(prefix) ? [String(index)] : []));
    assert.deepEqual(
      findIds(database, { s: { $startsWith: prefix } }),
      { ids: expected, exact: true },
      JSON.stringify(prefix),
    );
  }
});
