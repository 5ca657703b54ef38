/** Sorts: their spellings and the order of values. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../json.ts';
import { compareBySort, parseSort } from './sort.ts';

const key = (name: string, direction: 1 | -1) => ({ path: name.split('.'), direction });

test('all spellings of a sort mean the same', () => {
  const expected = [key('a', 1), key('b.c', -1)];
  for (const input of [
    { a: 1, 'b.c': -1 },
    { a: 'asc', 'b.c': 'desc' },
    { a: '1', 'b.c': '-1' },
    [
      ['a', 1],
      ['b.c', -1],
    ],
    [{ a: 1 }, { 'b.c': -1 }],
    ['a', '-b.c'],
    'a,-b.c',
    'a -b.c',
    '+a, -b.c',
  ]) {
    assert.deepEqual(parseSort(input), expected, JSON.stringify(input));
  }
  assert.deepEqual(parseSort(['a', 'desc']), [key('a', -1)]);
  for (const nothing of [undefined, null, '', {}, []]) assert.deepEqual(parseSort(nothing), []);
  assert.deepEqual(parseSort('a,-a'), [key('a', 1)], 'the first mention counts');
});

test('what is no sort is refused', () => {
  for (const input of [5, true, { a: 0 }, { a: 'up' }, { a: { $meta: 'textScore' } }, [5], [['a', 2]], [[1, 1]]]) {
    assert.throws(() => parseSort(input), { code: 'invalid_query', message: /^sort: / }, JSON.stringify(input));
  }
  assert.throws(() => parseSort(Array.from({ length: 33 }, (_, index) => `f${index}`)), { code: 'invalid_query' });
});

test('values are ordered by type, then by value; missing and null come first', () => {
  const ordered: unknown[] = [
    null,
    -1,
    0,
    9,
    10,
    1e300,
    '',
    'A',
    'a',
    '\uffff',
    '\u{1f600}',
    { a: 1 },
    { b: 1 },
    [1],
    [2],
    false,
    true,
  ];
  const documents = ordered.map((a, index) => ({ a, _id: String.fromCharCode(97 + index) }) as JsonObject);
  const sort = parseSort('a');
  assert.deepEqual(documents.toReversed().toSorted(compareBySort(sort)), documents);
  assert.deepEqual(documents.toSorted(compareBySort(parseSort('-a'))), documents.toReversed());
});

test('ties go by _id in the direction of the last key; without keys _id ascends', () => {
  const documents = ['b', 'c', 'a'].map((_id) => ({ _id }));
  const ids = (sort: string): string =>
    documents
      .toSorted(compareBySort(parseSort(sort)))
      .map(({ _id }) => _id)
      .join('');
  assert.equal(ids(''), 'abc');
  assert.equal(ids('x'), 'abc');
  assert.equal(ids('-x'), 'cba');
  assert.equal(ids('-x,y'), 'abc');
  assert.equal(ids('-_id'), 'cba');
});

test('nested fields sort by path, and what lies behind an array counts as missing', () => {
  const documents: JsonObject[] = [
    { a: { b: 2 }, _id: '1' },
    { a: { b: 1 }, _id: '2' },
    { a: [{ b: 0 }], _id: '3' },
    { 'a.b': 0, _id: '4' },
  ];
  const found = documents.toSorted(compareBySort(parseSort('a.b'))).map(({ _id }) => _id);
  assert.deepEqual(found, ['3', '4', '2', '1']);
});
