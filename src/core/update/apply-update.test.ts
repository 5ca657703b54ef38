/** The update language: every operator, what is refused, and what holds for all updates. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TackleError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { parseFilter } from '../query/parse-filter.ts';
import { odd, small } from '../query/testing/arbitraries.ts';
import { applyUpdate } from './apply-update.ts';
import { buildUpsert } from './build-upsert.ts';
import { parseUpdate, type UpdateOptions } from './parse-update.ts';

const now = '2026-01-02T03:04:05.678Z';
const apply = (document: JsonObject, update: unknown, options?: UpdateOptions): JsonObject =>
  applyUpdate(document, parseUpdate(update, options), { now });

const refuses = (update: unknown, message: RegExp, document: JsonObject = { _id: 'x' }): void => {
  assert.throws(() => apply(document, update), { code: 'invalid_update', message });
};

test('each operator does what it says', () => {
  const cases: [before: unknown, update: unknown, after: unknown][] = [
    [{ a: 1 }, { $set: { a: 2, b: { c: 1 } } }, { a: 2, b: { c: 1 } }],
    [{ a: 1 }, { $set: {} }, { a: 1 }],
    [{ a: 1, b: 2 }, { $unset: { a: '' } }, { b: 2 }],
    [{ a: 1, b: 2 }, { $unset: ['a', 'zz'] }, { b: 2 }],
    [{ a: 1, b: 2 }, { $unset: 'a' }, { b: 2 }],
    [{ n: 1 }, { $inc: { n: 2, m: 0.5 } }, { n: 3, m: 0.5 }],
    [{ n: 1 }, { $inc: { n: '20' } }, { n: 21 }],
    [{ n: '5' }, { $inc: { n: -2 } }, { n: 3 }],
    [{ n: 3 }, { $mul: { n: 2, m: 5 } }, { n: 6, m: 0 }],
    [{ n: 3 }, { $min: { n: 2, m: 5 } }, { n: 2, m: 5 }],
    [{ n: 3 }, { $min: { n: 4 } }, { n: 3 }],
    [{ n: 3 }, { $max: { n: 4, t: 'b' } }, { n: 4, t: 'b' }],
    [{ n: 3 }, { $max: { n: 2 } }, { n: 3 }],
    [{}, { $currentDate: { at: true } }, { at: now }],
    [{ l: [1] }, { $push: { l: 2 } }, { l: [1, 2] }],
    [{ l: [1] }, { $push: { l: [2, 3] } }, { l: [1, [2, 3]] }],
    [{}, { $push: { l: { a: 1 } } }, { l: [{ a: 1 }] }],
    [{ l: [1] }, { $push: { l: { $each: [2, 3] } } }, { l: [1, 2, 3] }],
    [{ l: [1, 2] }, { $push: { l: { $each: [9], $position: 0 } } }, { l: [9, 1, 2] }],
    [{ l: [1, 2] }, { $push: { l: { $each: [9], $position: -1 } } }, { l: [1, 9, 2] }],
    [{ l: [1, 2] }, { $push: { l: { $each: [3], $slice: -2 } } }, { l: [2, 3] }],
    [{ l: [1, 2] }, { $push: { l: { $each: [3], $slice: 2 } } }, { l: [1, 2] }],
    [{ l: [3, 1] }, { $push: { l: { $each: [2], $sort: 1 } } }, { l: [1, 2, 3] }],
    [{ l: [3, 1] }, { $push: { l: { $each: [2], $sort: -1, $slice: 1 } } }, { l: [3] }],
    [{ l: [{ s: 2 }] }, { $push: { l: { $each: [{ s: 1 }], $sort: { s: 1 } } } }, { l: [{ s: 1 }, { s: 2 }] }],
    [{ l: [1, 2, 1] }, { $pull: { l: 1 } }, { l: [2] }],
    [{ l: [1, 2, 3] }, { $pull: { l: { $gte: 2 } } }, { l: [1] }],
    [{ l: ['a', 'b'] }, { $pull: { l: /^a/ } }, { l: ['b'] }],
    [{ l: ['a', 'b'] }, { $pull: { l: { $in: ['a', 'x'] } } }, { l: ['b'] }],
    [{ l: [{ k: 1, v: 2 }, { k: 2 }, 5] }, { $pull: { l: { k: 1 } } }, { l: [{ k: 2 }, 5] }],
    [{ l: [{ k: 1 }, { k: 2 }] }, { $pull: { l: { $or: [{ k: 1 }, { k: 3 }] } } }, { l: [{ k: 2 }] }],
    [{ l: [[1], 1] }, { $pull: { l: [1] } }, { l: [1] }],
    [{}, { $pull: { l: 1 } }, {}],
    [{ l: [1, 2, 3, 1] }, { $pullAll: { l: [1, 3] } }, { l: [2] }],
    [{ l: [1, 2, 3] }, { $pop: { l: 1 } }, { l: [1, 2] }],
    [{ l: [1, 2, 3] }, { $pop: { l: -1 } }, { l: [2, 3] }],
    [{ l: [1, 2, 3] }, { $pop: 'l' }, { l: [1, 2] }],
    [{ l: [] }, { $pop: { l: 1, m: 1 } }, { l: [] }],
    [{ l: [1] }, { $addToSet: { l: 1 } }, { l: [1] }],
    [{ l: [{ a: 1 }] }, { $addToSet: { l: { a: 1 } } }, { l: [{ a: 1 }] }],
    [{ l: [1] }, { $addToSet: { l: { $each: [1, 2, 2] }, m: 'x' } }, { l: [1, 2], m: ['x'] }],
    [{ a: 1, b: 2 }, { $rename: { a: 'c' } }, { b: 2, c: 1 }],
    [{ a: 1, b: 2 }, { $rename: { a: 'b' } }, { b: 1 }],
    [{ b: 2 }, { $rename: { a: 'c' } }, { b: 2 }],
    [{ l: [1, 2] }, { $dropall: { l: 1 } }, { l: [] }],
    [{ a: 1 }, { $setOnInsert: { b: 1 } }, { a: 1 }],
    [
      { n: 1, l: [] },
      { $inc: { n: 1 }, $push: { l: 'x' }, $set: { at: new Date(0) } },
      { n: 2, l: ['x'], at: '1970-01-01T00:00:00.000Z' },
    ],
  ];
  for (const [before, update, after] of cases) {
    assert.deepEqual(apply(before as JsonObject, update), after, JSON.stringify(update));
  }
});

test('an update without operators is merged, objects deeply, everything else replaced', () => {
  const document = { _id: 'x', a: { b: 1, c: [1, 2] }, d: 1 };
  assert.deepEqual(apply(document, { a: { c: [3], e: 1 }, d: null, _id: 'other', u: undefined }), {
    _id: 'x',
    a: { b: 1, c: [3], e: 1 },
    d: null,
  });
  assert.deepEqual(apply(document, {}), document);
  assert.deepEqual(apply({ a: [1] }, { a: { 0: 2 } }), { a: { 0: 2 } });
});

test('dotted keys are literal names, or paths on request', () => {
  assert.deepEqual(apply({ a: { b: 1 } }, { $inc: { 'a.b': 1 } }), { a: { b: 1 }, 'a.b': 1 });
  assert.deepEqual(apply({ a: { b: 1 } }, { 'a.b': 2 }), { a: { b: 1 }, 'a.b': 2 }, 'in patches always');
  const dotted = { dottedUpdates: true };
  assert.deepEqual(apply({ a: { b: 1 } }, { $inc: { 'a.b': 1, 'a.c': 5 } }, dotted), { a: { b: 2, c: 5 } });
  assert.deepEqual(apply({}, { $set: { 'a.b.c': 1 } }, dotted), { a: { b: { c: 1 } } });
  assert.deepEqual(apply({ l: [{ n: 1 }] }, { $inc: { 'l.0.n': 1 } }, dotted), { l: [{ n: 2 }] });
  assert.deepEqual(apply({ l: [1] }, { $set: { 'l.3': 4 } }, dotted), { l: [1, null, null, 4] });
  assert.deepEqual(apply({ a: { b: 1, c: 2 } }, { $unset: { 'a.b': '' } }, dotted), { a: { c: 2 } });
  assert.deepEqual(apply({ l: [1, 2] }, { $unset: { 'l.0': '' } }, dotted), { l: [null, 2] });
  assert.deepEqual(apply({ a: { b: 1 } }, { $rename: { 'a.b': 'c.d' } }, dotted), { a: {}, c: { d: 1 } });
  for (const [document, key] of [
    [{ a: 5 }, 'a.b'],
    [{ a: null }, 'a.b'],
    [{ a: [1] }, 'a.b'],
    [{ a: [1] }, 'a.99999'],
  ] as const) {
    assert.throws(() => apply(document, { $set: { [key]: 1 } }, dotted), { code: 'invalid_update' });
  }
});

test('what does not fit is refused with operator and field', () => {
  refuses({ $inc: { n: 'many' } }, /^\$inc\.n: The value must be an object where each property is a number/);
  refuses({ $inc: { stats: { total: 1 } } }, /^\$inc\.stats/);
  refuses({ $inc: { n: Number.NaN } }, /^\$inc\.n/);
  refuses({ $inc: 5 }, /^\$inc: The value of \$inc must be an object/);
  refuses({ $inc: { n: 1 } }, /^\$inc\.n: the field holds a string, which is not a number/, { n: 'abc' });
  refuses({ $inc: { n: 1 } }, /holds null/, { n: null });
  refuses({ $mul: { n: 1e300 } }, /too large/, { n: 1e300 });
  refuses({ $push: { l: 1 } }, /^\$push\.l: the field holds an object, which is not an array/, { l: {} });
  refuses({ $push: { l: { $each: 1 } } }, /^\$push\.l\.\$each|takes an array/);
  refuses({ $push: { l: { $each: [1], $slice: 1.5 } } }, /\$slice/);
  refuses({ $push: { l: { $each: [1], $bad: 1 } } }, /unknown modifier "\$bad"/);
  refuses({ $push: { l: { $slice: 1 } } }, /\$each/);
  refuses({ $addToSet: { l: { $each: [1], $slice: 1 } } }, /cannot stand beside \$each/);
  refuses({ $pop: { l: 1 } }, /not an array/, { l: 'x' });
  refuses({ $pullAll: { l: 1 } }, /takes an array/);
  refuses({ $rename: { a: 1 } }, /takes the new name/);
  refuses({ $rename: { a: '_id' } }, /takes the new name/);
  refuses({ $bad: { a: 1 } }, /^\$bad: unknown update operator; known are \$set/);
  refuses({ $set: { a: 1 }, b: 2 }, /^b: a field cannot stand beside operators/);
  refuses({ $set: [1] }, /^\$set: The value of \$set must be an object/);
  refuses({ $set: { a: undefined } }, /^\$set\.a: a value of type undefined/);
  refuses({ $set: { a: Number.POSITIVE_INFINITY } }, /Infinity/);
  refuses({ $set: { a: () => 1 } }, /type function/);
  for (const update of [null, 'x', 5, [], undefined, new Date(0)]) refuses(update, /an update must be an object/);
  let deep: unknown = 1;
  for (let level = 0; level < 1_000; level += 1) deep = { deep };
  refuses({ $set: { a: deep } }, /deeper than 100/);
  refuses({ a: deep }, /deeper than 100/);
});

test('regular expressions of $pull end soon, however many elements there are', () => {
  const document = { l: Array.from({ length: 1_000 }, () => 'a'.repeat(60)) };
  for (const source of ['^(a+)+\\1b$', '(a+)+b', '.*a.*a.*a.*b']) {
    const before = performance.now();
    assert.throws(() => apply(document, { $pull: { l: { $regex: source } } }), {
      code: 'invalid_query',
      message: /steps/,
    });
    assert.ok(performance.now() - before < 500);
  }
  assert.deepEqual(apply(document, { $pull: { l: /^a{60}$/ } }), { l: [] });
});

test('_id never changes', () => {
  assert.deepEqual(apply({ _id: 'x', a: 1 }, { $set: { _id: 'y', a: 2 } }), { _id: 'x', a: 2 });
  assert.deepEqual(apply({ _id: 'x' }, { $unset: { _id: '' } }), { _id: 'x' });
  assert.deepEqual(apply({ _id: 'x' }, { _id: 'y' }), { _id: 'x' });
});

test('names of prototypes are plain data', () => {
  const update = JSON.parse('{"$set":{"__proto__":{"admin":true},"constructor":1}}');
  const result = apply({ _id: 'x' }, update);
  assert.equal((result as { admin?: unknown }).admin, undefined);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.deepEqual(Object.keys(result), ['_id', '__proto__', 'constructor']);
  const merged = apply({ _id: 'x' }, JSON.parse('{"__proto__":{"admin":true}}'));
  assert.deepEqual(Object.keys(merged), ['_id', '__proto__']);
  const nested = apply({}, JSON.parse('{"$set":{"__proto__.admin":true,"constructor.prototype.admin":true}}'), {
    dottedUpdates: true,
  });
  assert.equal(({} as { admin?: unknown }).admin, undefined);
  assert.deepEqual(Object.keys(nested), ['__proto__', 'constructor']);
});

test('an upsert makes a document of what the filter fixes and the update adds', () => {
  const build = (filter: unknown, update: unknown): JsonObject =>
    buildUpsert(parseFilter(filter), parseUpdate(update), { now });
  assert.deepEqual(build('my-id', { $set: { a: 1 } }), { a: 1, _id: 'my-id' });
  assert.deepEqual(Object.keys(build({ _id: 'x', b: 1 }, { $inc: { n: 2 } })), ['b', 'n', '_id']);
  assert.deepEqual(build({ b: 1, 'c.d': 'x', e: { $gt: 5 }, f: { $eq: 2 } }, { $set: { a: 1 } }), {
    b: 1,
    c: { d: 'x' },
    f: 2,
    a: 1,
  });
  assert.deepEqual(build({ $and: [{ a: 1 }, { b: 2 }], $or: [{ c: 3 }] }, {}), { a: 1, b: 2 });
  assert.deepEqual(build({ a: 1 }, { $setOnInsert: { made: true }, $inc: { a: 1 } }), { a: 2, made: true });
  assert.deepEqual(build({ a: 1 }, { b: 2, _id: 'p' }), { a: 1, b: 2, _id: 'p' });
  assert.deepEqual(build({ name: /x/, _id: { $in: ['a'] } }, { $push: { l: 1 } }), { l: [1] });
  assert.deepEqual(Object.keys(build(JSON.parse('{"__proto__":1}'), {})), ['__proto__']);
});

const arbitraryFields = fc.dictionary(fc.constantFrom('a', 'b', 'a.b', '_id'), fc.oneof(small.value, odd.value), {
  maxKeys: 2,
});
const operators = [
  '$set',
  '$unset',
  '$inc',
  '$push',
  '$pull',
  '$pullAll',
  '$pop',
  '$addToSet',
  '$rename',
  '$min',
  '$max',
  '$mul',
  '$dropall',
];
const arbitraryUpdate = fc.oneof(
  arbitraryFields,
  fc.dictionary(fc.constantFrom(...operators), arbitraryFields, { maxKeys: 3 }),
);

test('whatever the update, the document is not changed, _id stays, and the result is JSON', () => {
  let applied = 0;
  fc.assert(
    fc.property(
      fc.oneof(small.document, odd.document),
      arbitraryUpdate,
      fc.boolean(),
      (generated, input, dottedUpdates) => {
        const before = JSON.stringify(generated);
        const document = JSON.parse(before) as JsonObject;
        const inputBefore = JSON.stringify(input);
        try {
          const update = parseUpdate(input, { dottedUpdates });
          const result = applyUpdate(document, update, { now });
          applied += 1;
          assert.equal(result._id, document._id);
          assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
          assert.deepEqual(
            applyUpdate(document, structuredClone(update), { now }),
            result,
            'the parsed form is plain data',
          );
        } catch (error) {
          assert.ok(error instanceof TackleError && /^invalid_(?:update|query)$/.test(error.code), String(error));
        }
        assert.equal(JSON.stringify(document), before);
        assert.equal(JSON.stringify(input), inputBefore);
      },
    ),
    { numRuns: process.env.TACKLE_LONG === '1' ? 25_000 : 2_000 },
  );
  assert.ok(applied > 500, `${applied}`);
});

test('what is set, added or unset is found so afterwards, and doing it again changes nothing', () => {
  fc.assert(
    fc.property(small.document, fc.constantFrom('a', 'b', 'c.d'), small.value, (document, field, value) => {
      const set = apply(document, { $set: { [field]: value } });
      assert.deepEqual(set[field], JSON.parse(JSON.stringify(value)));
      assert.deepEqual(apply(set, { $set: { [field]: value } }), set);
      const { [field]: _, ...others } = document;
      assert.deepEqual(apply(set, { $unset: { [field]: '' } }), others);
      const added = apply({ ...document, [field]: [] }, { $addToSet: { [field]: { $each: [value, value] } } });
      assert.equal((added[field] as unknown[]).length, 1);
    }),
    { numRuns: 500 },
  );
});
