/**
 * What apps and the administration get from documents: spec/codehooks.md section 4 over the real SQLite engine. Real:
 * service, engine, files. Fake: nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { createDocuments, type Documents, type SpaceDocuments, WriteOrder } from '../../src/documents/index.ts';
import { openTemporaryStorage, type TemporaryStorage } from '../../src/storage/sqlite/testing/temporary-storage.ts';

let opened: TemporaryStorage;
let documents: Documents;
let spaces = 0;

before(async () => {
  opened = await openTemporaryStorage();
  documents = createDocuments(opened.storage);
});
after(() => opened[Symbol.asyncDispose]());

/** A space of its own for each test. */
function openSpace(): SpaceDocuments {
  spaces += 1;
  return documents.forSpace(`space${spaces}`);
}

async function all(
  space: SpaceDocuments,
  collection: string,
  query?: unknown,
  options?: unknown,
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for await (const page of space.pages(collection, query, options))
    found.push(...(JSON.parse(page.json) as JsonObject[]));
  return found;
}

describe('documents of a space', () => {
  test('an insert answers the stored document with a new _id at its end', async () => {
    const space = openSpace();
    const json = await space.insertOne('c', { b: 1, a: new Date(0), c: undefined });
    assert.match(json, /^\{"b":1,"a":"1970-01-01T00:00:00\.000Z","_id":"[0-9a-f]{24}"\}$/);
    assert.equal(await space.getOne('c', JSON.parse(json)._id), json);
  });

  test('an array is inserted whole or not at all, and answered as an array', async () => {
    const space = openSpace();
    const stored = JSON.parse(await space.insertOne('c', [{ _id: 'x', n: 1 }, { n: 2 }])) as JsonObject[];
    assert.equal(stored.length, 2);
    assert.equal(stored[0]?._id, 'x');
    await assert.rejects(space.insertOne('c', [{ n: 3 }, { _id: 'x' }]), { code: 'duplicate_id' });
    assert.deepEqual(await space.count('c'), { count: 2 });
    assert.equal(await space.insertOne('c', []), '[]');
  });

  test('a large array is inserted whole or not at all too', async () => {
    const space = openSpace();
    await space.insertOne('c', { _id: 'x' });
    const rows = Array.from({ length: 2_500 }, (_, n) => ({ n }));
    await assert.rejects(space.insertOne('c', [...rows, { _id: 'x' }]), { code: 'duplicate_id' });
    assert.deepEqual(await space.count('c'), { count: 1 });
    assert.equal((JSON.parse(await space.insertOne('c', rows)) as JsonObject[]).length, 2_500);
    assert.deepEqual(await space.count('c'), { count: 2_501 });
    assert.equal((await all(space, 'c', { n: { $gte: 0 } })).length, 2_500);
  });

  test('ids increase in the order of the calls', async () => {
    const space = openSpace();
    await Promise.all(Array.from({ length: 100 }, (_, n) => space.insertOne('c', { n })));
    assert.deepEqual(
      (await all(space, 'c')).map(({ n }) => n),
      Array.from({ length: 100 }, (_, n) => n),
    );
  });

  test('what is no document, no _id, no _ttl or no collection is refused', async () => {
    const space = openSpace();
    for (const document of [null, 5, 'x', [[]], [null]]) {
      await assert.rejects(space.insertOne('c', document), { code: 'invalid_request' });
    }
    for (const _id of [5, '', {}, 'a\0b', '\ud800', 'x'.repeat(2_000)]) {
      await assert.rejects(space.insertOne('c', { _id }), { code: 'invalid_request' });
    }
    for (const _ttl of [-1, 0, 'x', Number.NaN]) {
      await assert.rejects(space.insertOne('c', { _ttl }), { code: 'invalid_request' });
    }
    for (const name of ['', '$c', 'a\nb', 'x'.repeat(200)]) {
      await assert.rejects(space.insertOne(name, {}), { code: 'invalid_name' });
      await assert.rejects(space.find(name), { code: 'invalid_name' });
    }
    let deep: JsonObject = {};
    for (let level = 0; level < 150; level += 1) deep = { deep };
    await assert.rejects(space.insertOne('c', deep), { code: 'invalid_request', message: /100 levels/ });
    assert.deepEqual(await space.count('c'), { count: 0 });
  });

  test('getOne rejects with "Not found" where findOneOrNull answers null', async () => {
    const space = openSpace();
    await space.insertOne('c', { _id: 'a', n: 1 });
    await assert.rejects(space.getOne('c', 'nope'), { code: 'not_found', message: /Not found/ });
    await assert.rejects(space.getOne('unknown', { n: 1 }), { code: 'not_found' });
    assert.equal(await space.findOneOrNull('c', { n: 2 }), null);
    assert.equal(await space.findOneOrNull('c', { _id: 'a', n: 2 }), null);
    assert.equal(await space.findOneOrNull('c', { n: 1 }), '{"n":1,"_id":"a"}');
  });

  test('a find takes options and hints, also in their old forms', async () => {
    const space = openSpace();
    await space.insertOne(
      'c',
      Array.from({ length: 20 }, (_, n) => ({ _id: `d${10 + n}`, n, odd: n % 2 === 1 })),
    );
    const ns = async (query?: unknown, options?: unknown) => (await all(space, 'c', query, options)).map(({ n }) => n);
    assert.deepEqual(await ns({ odd: true }, { sort: '-n', limit: 2, offset: 1 }), [17, 15]);
    assert.deepEqual(await ns({}, { hints: { $sort: { n: -1 }, $limit: 1 } }), [19]);
    assert.deepEqual(await ns({ filter: { odd: false }, hints: { limit: 1 } }), [0]);
    assert.deepEqual(await ns({}, { reverse: true, limit: 2 }), [19, 18]);
    assert.deepEqual(await ns({}, { useIndex: 'n', startIndex: 3, endIndex: 5 }), [3, 4, 5]);
    assert.deepEqual(await ns({}, { useIndex: 'n', start: 17, reverse: true }), [19, 18, 17]);
    assert.deepEqual(await all(space, 'c', { odd: true }, { hints: { count: true } }), [{ count: 10 }]);
    assert.deepEqual(await all(space, 'c', 'd11', { fields: { n: 1, _id: 0 } }), [{ n: 1 }]);
    await assert.rejects(space.find('c', { $bad: 1 }), { code: 'invalid_query' });
    await assert.rejects(space.find('c', {}, {}, 'no token'), { code: 'invalid_query' });
  });

  test('a limit counts over pages, and tokens are plain text', async () => {
    const space = openSpace();
    await space.importDocuments(
      'c',
      Array.from({ length: 1_500 }, (_, n) => ({ n })),
    );
    const first = await space.find('c', {}, { sort: 'n', limit: 1_200 });
    assert.match(first.next!, /^[A-Za-z0-9_-]+$/);
    assert.equal((await all(space, 'c', {}, { sort: 'n', limit: 1_200 })).length, 1_200);
    assert.equal((await all(space, 'c', {}, { limit: 500 })).length, 500);
    assert.equal((await all(space, 'c', {})).length, 1_500);
  });

  test('an update answers the whole document, takes operators in its fourth argument, and rejects without a match', async () => {
    const space = openSpace();
    await space.insertOne('c', { _id: 'a', n: 1, o: { x: 1 } });
    assert.equal((await space.updateOne('c', 'a', { o: { y: 2 } })).json, '{"n":1,"o":{"x":1,"y":2},"_id":"a"}');
    const both = await space.updateOne('c', { n: 1 }, { $set: { z: 3 } }, { $inc: { n: 4, 'a.b': 1 } });
    assert.deepEqual(JSON.parse(both.json), { n: 5, o: { x: 1, y: 2 }, z: 3, 'a.b': 1, _id: 'a' });
    assert.equal((await space.updateOne('c', 'a', { _id: 'other', n: 6 })).id, 'a');
    await assert.rejects(space.updateOne('c', { x: 1 }, { $set: { y: 1 } }), { code: 'not_found' });
    await assert.rejects(space.updateOne('c', 'a', { $inc: { n: 'x' } }), { code: 'invalid_update' });
    await assert.rejects(space.updateOne('c', 'a', 5), { code: 'invalid_update' });
  });

  test('an upsert keeps the _id that it was given, and is done once however often it is called', async () => {
    const space = openSpace();
    const upsert = () => space.updateOne('c', 'my-id', { $set: { a: 1 }, $inc: { n: 1 } }, {}, { upsert: true });
    const results = await Promise.all(Array.from({ length: 20 }, upsert));
    assert.equal(results.filter(({ upserted }) => upserted).length, 1);
    assert.deepEqual(await all(space, 'c'), [{ a: 1, n: 20, _id: 'my-id' }]);
    const byFilter = () => space.updateOne('f', { mail: 'x', age: { $gt: 3 } }, { $inc: { n: 1 } }, { upsert: true });
    await Promise.all(Array.from({ length: 20 }, byFilter));
    const [only, ...others] = await all(space, 'f', {}, { fields: { _id: 0 } });
    assert.deepEqual([only, others.length], [{ mail: 'x', n: 1 }, 19]);
  });

  test('upserts by a filter that their document satisfies make one document', async () => {
    const space = openSpace();
    const upsert = () => space.updateOne('c', { mail: 'x' }, { $inc: { n: 1 } }, { upsert: true });
    await Promise.all(Array.from({ length: 30 }, upsert));
    assert.deepEqual(await all(space, 'c', {}, { fields: { _id: 0 } }), [{ mail: 'x', n: 30 }]);
    const replaced = await space.replaceOne('r', { _id: 'k' }, { fresh: 1 }, { upsert: true });
    assert.deepEqual([replaced.json, replaced.upserted], ['{"fresh":1,"_id":"k"}', true]);
  });

  test('50 workers that claim 50 documents by a condition get one each', async () => {
    const space = openSpace();
    await space.insertOne(
      'jobs',
      Array.from({ length: 50 }, (_, n) => ({ n, state: 'new' })),
    );
    const claim = (by: number) => space.updateOne('jobs', { state: 'new' }, { $set: { state: 'taken', by } });
    const claims = await Promise.all(Array.from({ length: 50 }, (_, by) => claim(by)));
    assert.equal(new Set(claims.map(({ id }) => id)).size, 50);
    await assert.rejects(claim(51), { code: 'not_found' });
    const byPattern = { state: { $regex: '^tak' } };
    const again = await Promise.all(
      Array.from({ length: 20 }, () => space.updateOne('jobs', byPattern, { $set: { state: 'done' } })),
    );
    assert.equal(new Set(again.map(({ id }) => id)).size, 20);
  });

  test('set operations take every match, their limit, and patterns', async () => {
    const space = openSpace();
    await space.importDocuments(
      'c',
      Array.from({ length: 2_500 }, (_, n) => ({ n, name: `n${n}` })),
    );
    assert.deepEqual(await space.updateMany('c', {}, { $set: { seen: true } }), { count: 2_500 });
    assert.deepEqual(await space.count('c', { seen: true }), { count: 2_500 });
    assert.deepEqual(await space.updateMany('c', { name: /^n1\d$/ }, { $set: { seen: false } }), { count: 10 });
    assert.deepEqual(await space.updateMany('c', { n: { $lt: 100 } }, { $inc: { n: 1_000_000 } }), { count: 100 });
    assert.deepEqual(await space.replaceMany('c', { seen: false }, { bare: 1 }), { count: 10 });
    assert.deepEqual(await space.removeMany('c', { n: { $gte: 500, $lt: 1_000_000 } }, { hints: { limit: 7 } }), {
      count: 7,
    });
    assert.deepEqual(await space.removeMany('c', { bare: 1 }), { count: 10 });
    assert.deepEqual(await space.removeMany('c', {}), { count: 2_483 });
    assert.deepEqual(await space.removeMany('unknown', {}), { count: 0 });
    assert.deepEqual(await space.updateMany('u', { a: 1 }, { $set: { b: 2 } }, { upsert: true }), { count: 1 });
    assert.deepEqual(await all(space, 'u', {}, { fields: { _id: 0 } }), [{ a: 1, b: 2 }]);
  });

  test('removeOne answers the _id, and rejects without a match', async () => {
    const space = openSpace();
    await space.insertOne('c', [
      { _id: 'a', n: 1 },
      { _id: 'b', n: 1 },
    ]);
    assert.deepEqual(await space.removeOne('c', { n: 1 }), { _id: 'a' });
    assert.deepEqual(await space.removeOne('c', 'b'), { _id: 'b' });
    await assert.rejects(space.removeOne('c', 'b'), { code: 'not_found' });
    await assert.rejects(space.removeOne('c', { n: 1 }), { code: 'not_found' });
  });

  test('creating a collection again changes its cap and schema, and schemas come back', async () => {
    const space = openSpace();
    const schema = { type: 'object', required: ['a'] };
    assert.equal((await space.createCollection('c')).cap, null);
    const changed = await space.createCollection('c', { cap: 5, capdelay: 10, schema });
    assert.deepEqual([changed.cap, changed.capDelayMs, changed.schema], [5, 10, schema]);
    assert.deepEqual(await space.getSchema('c'), schema);
    await assert.rejects(space.insertOne('c', {}), { code: 'schema_violation' });
    assert.equal((await space.removeSchema('c')).schema, null);
    assert.equal(await space.getSchema('unknown'), null);
    assert.equal((await space.uncapCollection('c')).cap, null);
    await assert.rejects(space.setSchema('c', { type: 'nonsense' }), { code: 'invalid_request' });
    await assert.rejects(space.createCollection('c', { cap: -1 }), { code: 'invalid_request' });
    assert.deepEqual(
      (await space.listCollections()).map(({ name }) => name),
      ['c'],
    );
    assert.deepEqual(await space.dropCollection('c'), { dropped: true });
    assert.equal(await space.getCollection('c'), null);
  });

  test('indexes are made and removed by name or list, again and again', async () => {
    const space = openSpace();
    await space.importDocuments(
      'c',
      Array.from({ length: 1_200 }, (_, n) => ({ n })),
    );
    const progress: number[] = [];
    const made = await space.createIndex('c', ['n', 'x.y'], (_field, processed) => progress.push(processed));
    assert.deepEqual(made.indexes, [
      { field: 'n', state: 'ready' },
      { field: 'x.y', state: 'ready' },
    ]);
    assert.ok(progress.includes(1_200));
    assert.deepEqual((await space.createIndex('c', 'n')).indexes.length, 2);
    assert.deepEqual((await space.removeIndex('c', ['n', 'none']))?.indexes.length, 1);
    for (const field of ['', '$a', 'a..b', '_id']) {
      await assert.rejects(space.createIndex('c', field), { code: 'invalid_name' });
    }
  });

  test('an import is all or nothing and names what is wrong', async () => {
    const space = openSpace();
    await space.insertOne('c', { _id: 'taken' });
    const rows = Array.from({ length: 900 }, (_, n) => ({ _id: n === 777 ? 'taken' : `r${n}` }));
    await assert.rejects(space.importDocuments('c', rows), { code: 'duplicate_id', message: /^Document 778: / });
    assert.deepEqual(await space.count('c'), { count: 1 });
    await assert.rejects(space.importDocuments('c', [{}, 5]), { code: 'invalid_request', message: /^Document 2: / });
    await space.setSchema('c', { required: ['n'] });
    await assert.rejects(space.importDocuments('c', [{ n: 1 }, {}]), { code: 'schema_violation' });
    const wrong: number[] = [];
    const result = await space.importDocuments('c', [{ n: 1 }, {}, { n: 2, _id: 'taken' }, null, { n: 3 }], {
      continueOnError: true,
      onError: (position) => wrong.push(position),
    });
    assert.deepEqual([result.count, wrong.sort()], [2, [1, 2, 3]]);
    assert.deepEqual(await space.count('c'), { count: 3 });
  });

  test('operations of one order are committed as called, and reads see the writes before them', async () => {
    spaces += 1;
    const space = documents.forSpace(`space${spaces}`, { order: new WriteOrder() });
    const writes = [
      space.insertOne(
        'c',
        Array.from({ length: 600 }, (_, n) => ({ n })),
      ),
      space.updateMany('c', {}, { $set: { first: true } }),
      space.insertOne('c', { n: 'late' }),
      space.updateMany('c', { first: { $exists: false } }, { $set: { second: true } }),
      space.removeOne('c', { n: 0 }),
    ];
    const count = space.count('c', { second: true });
    const remaining = space.count('c');
    assert.deepEqual(await count, { count: 1 });
    assert.deepEqual(await remaining, { count: 600 });
    await Promise.all(writes);
  });

  test('a guard in front of a commit rejects it when it does not hold', async () => {
    spaces += 1;
    const name = `space${spaces}`;
    const expect = { kind: 'document.expect', space: name, collection: 'fence', id: 'f', revision: 1 } as const;
    const guarded = documents.forSpace(name, { guards: [expect] });
    await assert.rejects(guarded.insertOne('c', {}), { code: 'conflict' });
    await documents.forSpace(name).insertOne('fence', { _id: 'f' });
    await guarded.insertOne('c', {});
    await documents.forSpace(name).updateOne('fence', 'f', { $set: { moved: true } });
    await assert.rejects(guarded.insertOne('c', {}), { code: 'conflict' });
    assert.deepEqual(await guarded.count('c'), { count: 1 });
  });

  test('spaces do not see each other, and a removed space is empty', async () => {
    const one = openSpace();
    const name = `space${spaces}`;
    const two = openSpace();
    await one.insertOne('c', { _id: 'a' });
    assert.deepEqual(await two.count('c'), { count: 0 });
    await documents.removeSpace(name);
    assert.deepEqual(await one.listCollections(), []);
  });
});
