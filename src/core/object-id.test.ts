/** Real: the id source. The clock is the numbers given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ObjectIds } from './object-id.ts';

test('an id is 24 lower-case hex digits and begins with the seconds', () => {
  const id = new ObjectIds(0x2bcdef01).create(1_700_000_000_123);
  assert.match(id, /^[0-9a-f]{24}$/);
  assert.equal(Number.parseInt(id.slice(0, 8), 16), 1_700_000_000);
});

test('ids increase whatever the clock does', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 30 - 1 }),
      fc.array(fc.integer({ min: 1_600_000_000_000, max: 1_600_000_002_000 }), { minLength: 2, maxLength: 200 }),
      (processBits, times) => {
        const source = new ObjectIds(processBits);
        const ids = times.map((time) => source.create(time));
        for (const [index, id] of ids.entries()) if (index > 0) assert.ok(ids[index - 1]! < id);
      },
    ),
  );
});

test('two processes make different ids in the same millisecond', () => {
  assert.notEqual(new ObjectIds(1).create(1_000), new ObjectIds(2).create(1_000));
});

test('the counter goes over into the next millisecond', () => {
  const source = new ObjectIds(0);
  let last = source.create(5);
  for (let index = 0; index < 2 ** 24; index += 1) {
    const id = source.create(5);
    if (index > 2 ** 24 - 3) assert.ok(id > last);
    last = id;
  }
});
