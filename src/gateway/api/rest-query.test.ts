// Queries of the command line as a table; nothing is fake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TackleError } from '../../core/errors.ts';
import { parseRestQuery } from './rest-query.ts';

const verdicts: readonly (readonly [text: string, filter: unknown])[] = [
  ['', {}],
  ['a=1', { a: 1 }],
  ['a=x', { a: 'x' }],
  ['a=', { a: '' }],
  ['a="1"', { a: '1' }],
  ["a='x,y'", { a: 'x,y' }],
  ['a=\'say "hi"\'', { a: 'say "hi"' }],
  ['a=true&b=false', { a: true, b: false }],
  ['a.b.c=1', { 'a.b.c': 1 }],
  ['a=-1.5e3', { a: -1500 }],
  ['a=1,2,x', { a: { $in: [1, 2, 'x'] } }],
  ['a!=1', { a: { $ne: 1 } }],
  ['a=!1', { a: { $ne: 1 } }],
  ['a!=1,2', { a: { $nin: [1, 2] } }],
  ['a>1&a<=5', { a: { $gt: 1, $lte: 5 } }],
  ['a>=1', { a: { $gte: 1 } }],
  ['a<1', { a: { $lt: 1 } }],
  ['a>1&a>2', { $and: [{ a: { $gt: 1 } }, { a: { $gt: 2 } }] }],
  ['a', { a: { $exists: true } }],
  ['!a', { a: { $exists: false } }],
  ['a=!', { a: { $exists: false } }],
  ['a=/^po/', { a: { $regex: '^po' } }],
  ['a=/^po/i', { a: { $regex: '^po', $options: 'i' } }],
  ['a=/x,y/', { a: { $regex: 'x,y' } }],
  ['a=/x\\/y/', { a: { $regex: 'x\\/y' } }],
  ['a!=/po/', { a: { $not: { $regex: 'po' } } }],
  ['a:size=2', { a: { $size: 2 } }],
  ['a:in=1,2', { a: { $in: [1, 2] } }],
  ['a=2024', { a: 2024 }],
  ['a=2024-01-02', { a: new Date('2024-01-02') }],
  ['a>=2024-01-02T03:04:05Z', { a: { $gte: new Date('2024-01-02T03:04:05Z') } }],
  ['a=x%20y', { a: 'x y' }],
  ['a=100%', { a: '100%' }],
  ['a=a+b', { a: 'a+b' }],
  ['{"a":{"$gte":5}}', { a: { $gte: 5 } }],
];

for (const [text, filter] of verdicts) {
  test(`"${text}" is ${JSON.stringify(filter)}`, () => assert.deepEqual({ ...parseRestQuery(text).filter }, filter));
}

test('options stand beside conditions', () => {
  const { filter, options } = parseRestQuery('a=1&sort=-b,c&limit=5&offset=2&fields=a,b');
  assert.deepEqual(filter, { a: 1 });
  assert.deepEqual(options, { sort: { b: -1, c: 1 }, limit: 5, offset: 2, fields: { a: 1, b: 1 } });
  assert.deepEqual(parseRestQuery('omit=x,y&fields=a').options, { fields: { x: 0, y: 0 } });
});

test('what is not a query is refused by name', () => {
  for (const text of ['=1', '{"a":', 'limit=x', 'a=/(/', '{"a":1}x']) {
    assert.throws(
      () => parseRestQuery(text),
      (error) => error instanceof TackleError && error.code === 'invalid_query',
      text,
    );
  }
});

test('any text gives a filter or invalid_query, never another error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a!=<>:,"'/\\&%1.]{0,30}$/)), (text) => {
      try {
        parseRestQuery(text);
      } catch (error) {
        assert.ok(error instanceof TackleError && error.code === 'invalid_query', String(error));
      }
    }),
  );
});

test('a long hostile text is read in linear time', () => {
  const startedAt = performance.now();
  parseRestQuery(`a=${'"\\'.repeat(50_000)}`);
  parseRestQuery(`a=${'/x'.repeat(50_000)}`);
  parseRestQuery(`a=${','.repeat(50_000)}`);
  assert.ok(performance.now() - startedAt < 1000);
});
