/** Options of finds in every spelling that apps use, and the forms of calls. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFindCall, readUpdateManyCall, readUpdateOneCall } from './call-arguments.ts';
import { type FindOptions, parseFindOptions, rangeToFilter, resolveSort } from './find-options.ts';
import { matchFilter } from './match-filter.ts';
import { parseFilter } from './parse-filter.ts';
import { parseSort } from './sort.ts';

const nothing: FindOptions = {
  sort: [],
  limit: null,
  skip: 0,
  reverse: false,
  fields: null,
  count: false,
  range: null,
};

test('without options everything is read', () => {
  for (const input of [undefined, null, {}, { unknown: 1 }]) assert.deepEqual(parseFindOptions(input), nothing);
});

test('every spelling is understood, on top and in hints', () => {
  const sort = parseSort('a');
  for (const [options, expected] of [
    [
      { limit: 5, offset: 2 },
      { limit: 5, skip: 2 },
    ],
    [
      { limit: '5', skip: '2' },
      { limit: 5, skip: 2 },
    ],
    [{ hints: { $limit: 5, $offset: 2 } }, { limit: 5, skip: 2 }],
    [{ hints: { $max: 5, $skip: 2 } }, { limit: 5, skip: 2 }],
    [{ hints: { $max: -1 } }, {}],
    [{ limit: 0 }, {}],
    [{ sort: { a: 1 } }, { sort }],
    [{ hints: { $orderby: 'a' } }, { sort }],
    [{ hints: { $sort: { a: 1 } } }, { sort }],
    [{ reverse: true }, { reverse: true }],
    [{ fields: 'a' }, { fields: { a: 1 } }],
    [{ hints: { $fields: { a: 0 } } }, { fields: { a: 0 } }],
    [{ hints: { projection: { a: 1 } } }, { fields: { a: 1 } }],
    [{ hints: { count: true } }, { count: true }],
    [{ hints: { $onlycount: true } }, { count: true }],
    [{ useIndex: 'f', startIndex: 'a', endIndex: 'b' }, { range: { field: 'f', start: 'a', end: 'b' } }],
    [{ useIndex: 'f', start: new Date(0) }, { range: { field: 'f', start: '1970-01-01T00:00:00.000Z' } }],
  ] as const) {
    assert.deepEqual(parseFindOptions(options), { ...nothing, ...expected }, JSON.stringify(options));
  }
});

test('options on top win over hints, and earlier hints over later ones', () => {
  const options = { limit: 1, hints: { limit: 2, sort: 'a', skip: 3 }, sort: undefined };
  assert.deepEqual(parseFindOptions(options, { skip: 4, reverse: true }), {
    ...nothing,
    limit: 1,
    skip: 3,
    sort: parseSort('a'),
    reverse: true,
  });
});

test('options that make no sense are refused by name', () => {
  for (const [options, message] of [
    [{ limit: -5 }, /^limit: must be a number that is not negative, not -5/],
    [{ offset: -1 }, /^offset/],
    [{ limit: 'many' }, /^limit/],
    [{ limit: {} }, /^limit/],
    [{ limit: Number.NaN }, /^limit/],
    [{ hints: [] }, /^hints: takes an object/],
    [[], /^options: takes an object/],
    [{ useIndex: 5 }, /^useIndex/],
    [{ sort: 5 }, /^sort/],
    [{ fields: 5 }, /^projection/],
  ] as const) {
    assert.throws(() => parseFindOptions(options), { code: 'invalid_query', message });
  }
});

test('a range is a condition and an order', () => {
  const { range } = parseFindOptions({ useIndex: 'f', start: 2, end: 4 });
  const filter = rangeToFilter(range!);
  assert.deepEqual(
    [1, 2, 4, 5, '3'].map((f) => matchFilter(filter, { f })),
    [false, true, true, false, false],
  );
  assert.deepEqual(rangeToFilter({ field: 'f' }), parseFilter({}));
  assert.deepEqual(resolveSort({ sort: [], reverse: true, range: range! }), parseSort('-f'));
  assert.deepEqual(resolveSort({ sort: [], reverse: true, range: null }), parseSort('-_id'));
  assert.deepEqual(resolveSort({ sort: parseSort('a'), reverse: true, range }), parseSort('a'));
});

test('the older form of getMany is told from a filter', () => {
  assert.deepEqual(readFindCall({ filter: { a: 1 }, limit: 5 }, undefined), {
    filter: { a: 1 },
    options: { limit: 5 },
  });
  assert.deepEqual(readFindCall({ hints: { limit: 5 } }, undefined).options, { hints: { limit: 5 } });
  assert.deepEqual(readFindCall({ sort: { a: 1 }, limit: 5 }, undefined).filter, undefined);
  assert.deepEqual(readFindCall({ query: { a: 1 }, limit: 5 }, undefined), { filter: { a: 1 }, options: { limit: 5 } });
  assert.deepEqual(readFindCall({ query: {}, hints: { count: true } }, undefined), {
    filter: {},
    options: { hints: { count: true } },
  });
  for (const filter of [
    { a: 1 },
    { limit: '5' },
    { limit: 5, a: 1 },
    { sort: 'high' },
    { filter: 'x' },
    {},
    'id',
    undefined,
  ]) {
    assert.deepEqual(readFindCall(filter, undefined), { filter, options: undefined });
  }
  assert.deepEqual(
    readFindCall({ limit: 5 }, {}),
    { filter: { limit: 5 }, options: {} },
    'with options it is a filter',
  );
});

test('updateOne takes options and further operators in its last two arguments', () => {
  const update = { $set: { a: 1 } };
  assert.deepEqual(readUpdateOneCall(update), { updates: [update], upsert: false });
  assert.deepEqual(readUpdateOneCall(update, { upsert: true }), { updates: [update], upsert: true });
  assert.deepEqual(readUpdateOneCall(update, {}, { upsert: true }), { updates: [update], upsert: true });
  assert.deepEqual(readUpdateOneCall({ a: 1 }, { $inc: { n: 1 } }), {
    updates: [{ a: 1 }, { $inc: { n: 1 } }],
    upsert: false,
  });
});

test('the older form of updateMany is told from an update', () => {
  const update = { $set: { a: 1 } };
  assert.deepEqual(readUpdateManyCall(update, { filter: { b: 1 } }), { filter: { b: 1 }, update, options: {} });
  const whole = { filter: { b: 2 }, hints: { limit: 3 } };
  assert.deepEqual(readUpdateManyCall({ b: 1 }, update, whole), { filter: { b: 1 }, update, options: whole });
  assert.equal(readUpdateManyCall({ b: 1 }, { filter: { x: 1 }, name: 'y' }).update !== undefined, true);
  assert.deepEqual(readUpdateManyCall({ b: 1 }, { filter: { x: 1 }, name: 'y' }).filter, { b: 1 });
});
