/** Reading of filters: what is understood, and what is refused with which message. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TackleError } from '../errors.ts';
import { getFilterId, hasPattern } from './filter.ts';
import { compileMatcher, matchFilter } from './match-filter.ts';
import { parseFilter } from './parse-filter.ts';

const refuses = (input: unknown, message: RegExp): void => {
  assert.throws(() => parseFilter(input), { code: 'invalid_query', message });
};

function nest(levels: number, wrap: (inner: unknown) => unknown, core: unknown = 1): unknown {
  let input = core;
  for (let level = 0; level < levels; level += 1) input = wrap(input);
  return input;
}

test('operators with wrong operands are refused with path and operator', () => {
  refuses({ a: { $in: 1 } }, /^a\.\$in: takes an array/);
  refuses({ a: { $nin: {} } }, /^a\.\$nin: takes an array/);
  refuses({ a: { $all: 'x' } }, /^a\.\$all: takes an array/);
  refuses({ a: { $exists: 'yes' } }, /^a\.\$exists: takes true or false/);
  refuses({ a: { $size: -1 } }, /^a\.\$size: takes a whole number/);
  refuses({ a: { $size: 1.5 } }, /^a\.\$size/);
  refuses({ a: { $size: '1' } }, /^a\.\$size/);
  refuses({ a: { $mod: [0, 1] } }, /^a\.\$mod: .*divisor cannot be 0/);
  refuses({ a: { $mod: [2] } }, /^a\.\$mod/);
  refuses({ a: { $mod: [{ toString: 1 }, 1] } }, /^a\.\$mod/);
  refuses({ a: { $regex: { $regex: {} } } }, /^a\.\$regex/);
  refuses({ a: { $mod: 2 } }, /^a\.\$mod/);
  refuses({ a: { $mod: [2, 'x'] } }, /^a\.\$mod: the remainder/);
  refuses({ a: { $type: 'text' } }, /^a\.\$type: unknown type "text"/);
  refuses({ a: { $type: [] } }, /^a\.\$type/);
  refuses({ a: { $startsWith: 1 } }, /^a\.\$startsWith: takes a string/);
  refuses({ a: { $endsWith: null } }, /^a\.\$endsWith: takes a string/);
  refuses({ a: { $elemMatch: [1] } }, /^a\.\$elemMatch: takes an object/);
  refuses({ a: { $elemMatch: 1 } }, /^a\.\$elemMatch/);
  refuses({ a: { $regex: 1 } }, /^a\.\$regex: takes a string/);
  refuses({ a: { $regex: '(' } }, /^a\.\$regex: the regular expression is not valid/);
  refuses({ a: { $regex: 'a', $options: 'x' } }, /^a\.\$regex: regular expression flag "x"/);
  refuses({ a: { $regex: 'a', $options: 1 } }, /^a\.\$regex: \$options takes/);
  refuses({ a: /x/y }, /^a: regular expression flag "y"/);
  refuses({ a: { $options: 'i' } }, /^a\.\$options: stands only beside \$regex/);
  refuses({ a: { $ne: /x/ } }, /^a\.\$ne: cannot compare with a regular expression/);
  refuses({ a: { $regex: 'x'.repeat(5_000) } }, /longer than 4096/);
  refuses({ $and: [] }, /^\$and: takes a non-empty array of filters, not an empty array/);
  refuses({ $or: { a: 1 } }, /^\$or: takes a non-empty array/);
  refuses({ $or: [1] }, /^\$or\[0\]: a filter must be an object/);
  refuses({ $nor: [null] }, /^\$nor\[0\]: .*not null/);
  refuses({ a: { $elemMatch: { b: { $bad: 1 } } } }, /^a\.\$elemMatch\.b\.\$bad: unknown operator/);
});

test('unknown operators, mixtures and embedded operators are refused', () => {
  refuses({ a: { $near: 1 } }, /^a\.\$near: unknown operator; known are \$eq/);
  refuses({ $where: 'x' }, /^\$where: unknown logical operator/);
  refuses({ $not: { a: 1 } }, /^\$not: unknown logical/);
  refuses({ a: { $gt: 1, b: 2 } }, /^a\.b: a field cannot stand beside operators; write nested fields as "a\.b"/);
  refuses({ a: { b: { $gt: 1 } } }, /^a\.b: operator \$gt cannot stand inside a compared value/);
  refuses({ a: { $constructor: 1 } }, /unknown operator/);
  refuses(JSON.parse('{"a":{"$eq":1,"__proto__":{"$gt":1}}}'), /a field cannot stand beside operators/);
});

test('values that JSON would lose are refused, so that no condition vanishes', () => {
  refuses({ owner: undefined }, /^owner: a value of type undefined/);
  refuses({ a: { $in: [1, undefined] } }, /^a\.\$in: a value of type undefined/);
  refuses({ a: Number.NaN }, /^a: NaN/);
  refuses({ a: [Number.POSITIVE_INFINITY] }, /^a\[0\]: Infinity/);
  refuses({ a: () => 1 }, /^a: a value of type function/);
  refuses({ a: Symbol('x') }, /^a: a value of type symbol/);
  refuses({ a: 2n ** 60n }, /^a: a bigint/);
  refuses({ a: new Date(Number.NaN) }, /^a: the date is not valid/);
  refuses({ a: { $date: 'yesterday' } }, /^a: the date is not valid/);
  refuses({ a: { b: /x/ } }, /^a\.b: a regular expression cannot stand here/);
  assert.deepEqual(parseFilter({ a: 5n }), parseFilter({ a: 5 }));
});

test('what is no filter is refused', () => {
  for (const input of [1, true, [], [{ a: 1 }], /x/, new Date(), Symbol('x'), () => 1])
    refuses(input, /a filter must be/);
});

test('a thousand levels are refused in every place, and do not overflow the stack', () => {
  refuses(
    nest(1_000, (inner) => ({ $and: [inner] }), {}),
    /deeper than 100 levels/,
  );
  refuses(
    nest(1_000, (inner) => ({ $or: [{ a: 1 }, inner] }), {}),
    /deeper than 100 levels/,
  );
  refuses({ a: nest(1_000, (inner) => ({ $not: inner }), { $gt: 1 }) }, /deeper than 100 levels/);
  refuses({ a: nest(1_000, (inner) => ({ $elemMatch: inner }), { $gt: 1 }) }, /deeper than 100 levels/);
  refuses({ a: nest(1_000, (inner) => ({ $elemMatch: { b: inner } }), 1) }, /deeper than 100 levels/);
  refuses({ a: nest(1_000, (inner) => ({ b: inner })) }, /deeper than 100 levels/);
  refuses({ a: nest(1_000, (inner) => [inner]) }, /deeper than 100 levels/);
  refuses({ a: nest(100_000, (inner) => ({ $regex: inner }), 'x') }, /deeper than 100 levels/);
  refuses({ a: nest(100_000, (inner) => ({ $and: [inner] }), {}) }, /operator \$and|deeper|unknown operator/);
  refuses({ [Array.from({ length: 1_000 }, () => 'a').join('.')]: 1 }, /more than 100 path segments/);
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  refuses({ a: circle }, /deeper than 100 levels/);
});

test('filters of hostile size are refused, large ones of honest size are not', () => {
  refuses({ a: { $in: Array.from({ length: 200_001 }, (_, index) => index) } }, /more than 200000 values/);
  refuses({ $or: Array.from({ length: 3_000 }, (_, index) => ({ a: index })) }, /more than 2000 conditions/);
  assert.ok(
    matchFilter(parseFilter({ a: { $in: Array.from({ length: 10_000 }, (_, index) => index) } }), { a: 9_999 }),
  );
});

test('messages stay short when names are long', () => {
  try {
    parseFilter({ a: { [`$${'x'.repeat(100_000)}`]: 1 } });
    assert.fail('accepted');
  } catch (error) {
    assert.ok(error instanceof TackleError && error.message.length < 500, `${(error as Error).message.length}`);
  }
});

test('conditions on one field come together, also from $and', () => {
  const filter = parseFilter({ $and: [{ a: { $gte: 1 } }, { $and: [{ a: { $lt: 5 } }, { b: 1 }] }], a: { $ne: 3 } });
  assert.deepEqual(filter.kind === 'and' && filter.filters.map((inner) => inner.kind), ['field', 'field']);
  assert.ok(matchFilter(filter, { a: 4, b: 1 }));
  assert.ok(!matchFilter(filter, { a: 3, b: 1 }));
});

test('a parsed filter is plain data and survives structured cloning', () => {
  const filter = parseFilter({ a: /^x/i, b: { $in: [/y/, new Date(0)] }, $nor: [{ c: { $elemMatch: { d: 1 } } }] });
  assert.deepEqual(structuredClone(filter), filter);
  assert.deepEqual(JSON.parse(JSON.stringify(filter)), filter);
});

test('the JSON form of a filter means the same as the filter', () => {
  const date = new Date('2024-05-06T07:08:09.010Z');
  for (const [input, json] of [
    [{ a: /x/i }, { a: { $regex: 'x', $options: 'i' } }],
    [{ a: { $not: /x/g } }, { a: { $not: { $regex: 'x', $options: 'g' } } }],
    [{ a: { $in: [/x/, 1] } }, { a: { $in: [{ $regex: 'x' }, 1] } }],
    [{ a: { $regex: /x/i } }, { a: { $regex: { $regex: 'x', $options: 'i' } } }],
    [{ a: date }, { a: date.toISOString() }],
    [{ a: { $lt: date } }, { a: { $lt: { $date: date.toISOString() } } }],
  ]) {
    assert.deepEqual(parseFilter(input), parseFilter(json));
  }
});

test('the _id that a filter fixes is found, and patterns are told', () => {
  assert.equal(getFilterId(parseFilter('x')), 'x');
  assert.equal(getFilterId(parseFilter({ a: 1, _id: 'x' })), 'x');
  assert.equal(getFilterId(parseFilter({ $and: [{ _id: { $eq: 'x' } }, { a: 1 }] })), 'x');
  assert.equal(getFilterId(parseFilter({ $or: [{ _id: 'x' }] })), null);
  assert.equal(getFilterId(parseFilter({ _id: { $in: ['x'] } })), null);
  assert.ok(hasPattern(parseFilter({ $or: [{ a: { $not: { $elemMatch: { $in: [/x/] } } } }] })));
  assert.ok(!hasPattern(parseFilter({ a: { $startsWith: 'x' } })));
});

test('a regular expression that backtracks for ever ends a match with a clear error', () => {
  const matches = compileMatcher(parseFilter({ a: { $regex: '^(a+)+\\1b$' } }));
  assert.throws(() => matches({ a: 'a'.repeat(60) }), { code: 'invalid_query', message: /steps/ });
});

test('whatever is given, parsing answers or throws invalid_query', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true, withNullPrototype: true }),
      (input) => {
        try {
          compileMatcher(parseFilter(input))({ _id: 'x', a: 1 });
          compileMatcher(parseFilter({ a: input }))({ _id: 'x', a: 1 });
        } catch (error) {
          assert.ok(error instanceof TackleError && error.code === 'invalid_query', String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
