/** The query language of CRUD URLs (spec/codehooks.md 9.3). Real: the parser. Fake: nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRestQuery } from './rest-query.ts';

const date = new Date('2024-01-02T03:04:05Z');

/** Query string as the gateway decodes it, and the filter that it means. */
const conditions: readonly (readonly [Record<string, string | string[]>, Record<string, unknown>])[] = [
  [{ a: '1' }, { a: 1 }],
  [{ a: 'x' }, { a: 'x' }],
  [{ a: '"1"' }, { a: '1' }],
  [{ a: "'true'" }, { a: 'true' }],
  [
    { a: 'true', b: 'false' },
    { a: true, b: false },
  ],
  [{ a: '2024' }, { a: 2024 }],
  [{ a: '2024-01-02T03:04:05Z' }, { a: date }],
  [{ a: '-1.5e3' }, { a: -1500 }],
  [{ a: '1,x,"b,c"' }, { a: { $in: [1, 'x', 'b,c'] } }],
  [{ a: ['1', '2'] }, { a: { $in: [1, 2] } }],
  [{ 'a!': '1' }, { a: { $ne: 1 } }],
  [{ 'a!': '1,2' }, { a: { $nin: [1, 2] } }],
  [{ a: '!1' }, { a: { $ne: 1 } }],
  [{ a: '!1,2' }, { a: { $nin: [1, 2] } }],
  [{ a: '!' }, { a: { $exists: false } }],
  [{ '!a': '' }, { a: { $exists: false } }],
  [{ a: '' }, { a: { $exists: true } }],
  [{ 'a>': '1' }, { a: { $gte: 1 } }],
  [{ 'a>1': '' }, { a: { $gt: 1 } }],
  [{ 'a<': '2' }, { a: { $lte: 2 } }],
  [{ 'a<2': '' }, { a: { $lt: 2 } }],
  [{ 'a>1': '', 'a<': '5' }, { a: { $gt: 1, $lte: 5 } }],
  [{ 'n.m': '1' }, { 'n.m': 1 }],
  [{ 'a:size': '2' }, { a: { $size: 2 } }],
  [{ 'a:all': '1,2' }, { a: { $all: [1, 2] } }],
  [{ 'a:in': '1' }, { a: { $in: [1] } }],
  [{ a: '1', fields: 'a', omit: 'b', sort: 'a', limit: '1', offset: '2' }, { a: 1 }],
];

describe('conditions', () => {
  for (const [query, expected] of conditions) {
    it(`of ${JSON.stringify(query)} mean ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(parseRestQuery(query).filter, expected);
    });
  }

  it('with expressions match by them', () => {
    const { filter } = parseRestQuery({ a: '/^po/i', 'b!': '/x,y/', c: '/1/,2' });
    assert.deepEqual(filter, { a: /^po/i, b: { $not: /x,y/ }, c: { $in: [/1/, 2] } });
  });

  it('that clash are all kept', () => {
    assert.deepEqual(parseRestQuery({ 'a>1': '', 'a>2': '' }).filter, { $and: [{ a: { $gt: 1 } }, { a: { $gt: 2 } }] });
  });

  it('that cannot be read are named', () => {
    assert.throws(() => parseRestQuery({ '=': '1' }), /not a condition/);
    assert.throws(() => parseRestQuery({ a: '/(/' }), /not a regular expression/);
    assert.throws(() => parseRestQuery({ limit: 'many' }), /limit must be a whole number/);
  });
});

describe('options', () => {
  it('are read from their own parameters', () => {
    const query = { fields: 'a, b', sort: 'a,-b', limit: '2', offset: '4' };
    const expected = { fields: { a: 1, b: 1 }, sort: { a: 1, b: -1 }, limit: 2, offset: 4 };
    assert.deepEqual(parseRestQuery(query), { filter: {}, options: expected });
  });

  it('prefer what to leave out', () => {
    assert.deepEqual(parseRestQuery({ fields: 'a', omit: 'b' }).options, { fields: { b: 0 } });
  });

  it('stand beside q, unless there are hints', () => {
    const withSort = parseRestQuery({ q: '{"a":1}', sort: '-a', limit: '3' });
    assert.deepEqual(withSort, { filter: { a: 1 }, options: { sort: { a: -1 }, limit: 3 } });
    const withHints = parseRestQuery({ q: '{}', h: '{"limit":5,"$sort":{"a":1}}', limit: '3' });
    assert.deepEqual(withHints.options, { limit: 5, hints: { limit: 5, $sort: { a: 1 } } });
  });

  it('that are not JSON are named', () => {
    assert.throws(() => parseRestQuery({ q: '{' }), /q is not valid JSON/);
    assert.throws(() => parseRestQuery({ h: '[]' }), /h must be a JSON object/);
  });
});
