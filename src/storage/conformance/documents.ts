import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../core/json.ts';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { encodeStoredBody } from '../../core/query/stored-text.ts';
import { parseUpdate } from '../../core/update/parse-update.ts';
import type { Storage } from '../../ports/storage.ts';
import { findAll, get, inSpace, insert, newDocument, ref, type StorageHarness } from './harness.ts';

/** Inserting, changing and removing; values that are hard to keep; expiry, caps, staged batches, schemas. */
export function testDocuments(harness: StorageHarness): void {
  describe(`${harness.name}: documents`, () => {
    test('a document comes back with its keys in order and _id last', async () => {
      await using opened = await harness.open();
      const fields = { z: 1, a: { y: 2, b: [] }, 'a.b': 3, $c: 4, __proto__x: 5 };
      await insert(opened.storage, { '1': fields });
      const found = await opened.storage.read({ kind: 'document.get', ...ref(), id: '1' });
      assert.equal(found?.json, '{"z":1,"a":{"y":2,"b":[]},"a.b":3,"$c":4,"__proto__x":5,"_id":"1"}');
    });

    test('values that are hard to keep come back as they went in', async () => {
      await using opened = await harness.open();
      const values = {
        nul: 'a\0b',
        control: '\u0001\u0002\u001f',
        lone: ['\ud800', '\udfff', 'x\ud83d'],
        private: '\ue000\ue001\ue801',
        emoji: '😀',
        large: 2 ** 53 + 2,
        huge: 1.7976931348623157e308,
        tiny: 5e-324,
        negative: -1e21,
        empty: { o: {}, a: [], s: '' },
        'key\0with\ud800': 1,
      };
      await insert(opened.storage, { '1': values });
      assert.deepEqual(await get(opened.storage, '1'), { ...values, _id: '1' });
      assert.deepEqual(await findAll(opened.storage, { filter: { nul: 'a\0b' } }), [{ ...values, _id: '1' }]);
      assert.deepEqual(await findAll(opened.storage, { filter: { nul: 'a' } }), []);
      const inserted = JSON.parse('{"over":1e400,"zero":-0}') as JsonObject;
      await insert(opened.storage, { '2': inserted });
      assert.deepEqual(await get(opened.storage, '2'), { over: null, zero: 0, _id: '2' });
    });

    test('a second document with the same _id is refused', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { a: {} });
      await assert.rejects(insert(opened.storage, { a: { b: 1 } }), { code: 'duplicate_id' });
      assert.deepEqual(await get(opened.storage, 'a'), { _id: 'a' });
    });

    test('reading what does not exist yields nothing', async () => {
      await using opened = await harness.open();
      assert.equal(await get(opened.storage, 'x'), null);
      assert.deepEqual(await findAll(opened.storage), []);
      const count = await opened.storage.read({ kind: 'document.count', ...ref(), filter: parseFilter({}) });
      assert.deepEqual(count, { count: 0 });
      assert.deepEqual(await write(opened.storage, ['x'], { $set: { a: 1 } }), {
        count: 0,
        processed: 1,
        stale: [],
        document: null,
        upserted: false,
      });
    });

    test('the first target that exists and matches is updated, and only that one', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { n: 1 }, b: { n: 2 }, c: { n: 2 } });
      const result = await write(storage, ['none', 'a', 'b', 'c'], { $inc: { n: 10 } }, { filter: { n: 2 } });
      assert.equal(result.count, 1);
      assert.equal(result.processed, 3);
      assert.deepEqual(JSON.parse(result.document!.json), { n: 12, _id: 'b' });
      assert.deepEqual(
        (await findAll(storage)).map(({ n }) => n),
        [1, 12, 2],
      );
    });

    test('each target is updated, several updates one after the other', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { n: 1 }, b: { n: 2 } });
      const [result] = await storage.commit(
        [
          {
            kind: 'document.write',
            ...ref(),
            targets: [{ id: 'a' }, { id: 'b' }],
            mode: 'each',
            change: { type: 'update', updates: [parseUpdate({ $inc: { n: 1 } }), parseUpdate({ $mul: { n: 10 } })] },
          },
        ],
        inSpace,
      );
      assert.equal(result.count, 2);
      assert.deepEqual(
        (await findAll(storage)).map(({ n }) => n),
        [20, 30],
      );
    });

    test('a target whose revision no longer holds is reported and left alone', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { n: 1 } });
      await write(storage, ['a'], { $inc: { n: 1 } });
      const [result] = await storage.commit(
        [
          {
            kind: 'document.remove',
            ...ref(),
            targets: [
              { id: 'a', revision: 1 },
              { id: 'gone', revision: 1 },
            ],
            mode: 'each',
          },
        ],
        inSpace,
      );
      assert.deepEqual(result, { count: 0, processed: 2, stale: ['a', 'gone'], id: null });
      assert.deepEqual(await get(storage, 'a'), { n: 2, _id: 'a' });
    });

    test('with a budget a set operation may stop early and says how far it came', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const documents = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`d${index}`, { n: index }]));
      await insert(storage, documents);
      const [result] = await storage.commit(
        [
          {
            kind: 'document.remove',
            ...ref(),
            targets: Object.keys(documents).map((id) => ({ id })),
            mode: 'each',
            budgetMs: 0,
          },
        ],
        inSpace,
      );
      assert.ok(result.processed >= 1);
      assert.equal((await findAll(storage)).length, 400 - result.count);
    });

    test('50 conditional updates at once: exactly one succeeds', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { done: [] } });
      const results = await Promise.all(
        Array.from({ length: 50 }, () =>
          write(storage, ['a'], { $push: { done: 1 } }, { filter: { _id: 'a', done: { $nin: [1] } } }),
        ),
      );
      assert.equal(results.filter(({ count }) => count === 1).length, 1);
      assert.deepEqual(await get(storage, 'a'), { done: [1], _id: 'a' });
    });

    test('an upsert inserts what the filter fixes with the update applied, and only once', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const upsert = () =>
        storage.commit(
          [
            {
              kind: 'document.write',
              ...ref(),
              targets: [{ id: 'k' }],
              mode: 'first',
              change: { type: 'update', updates: [parseUpdate({ $inc: { n: 1 }, $setOnInsert: { born: true } })] },
              upsert: { id: 'k', filter: parseFilter({ _id: 'k', kind: 'x' }) },
            },
          ],
          inSpace,
        );
      const results = await Promise.all([upsert(), upsert(), upsert()]);
      assert.deepEqual(
        results.map(([{ upserted }]) => upserted),
        [true, false, false],
      );
      assert.deepEqual(await findAll(storage), [{ kind: 'x', n: 3, born: true, _id: 'k' }]);
    });

    test('a replacement keeps the _id', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { old: 1 } });
      const [result] = await storage.commit(
        [
          {
            kind: 'document.write',
            ...ref(),
            targets: [{ id: 'a' }],
            mode: 'first',
            change: { type: 'replace', body: encodeStoredBody({ fresh: 2 }) },
          },
        ],
        inSpace,
      );
      assert.equal(result.document?.json, '{"fresh":2,"_id":"a"}');
    });

    test('an update that cannot be applied rejects and changes nothing', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: { n: 'text' }, b: { n: 1 } });
      await assert.rejects(write(storage, ['b', 'a'], { $inc: { n: 1 } }, { mode: 'each' }), {
        code: 'invalid_update',
      });
      assert.deepEqual(
        (await findAll(storage)).map(({ n }) => n),
        ['text', 1],
      );
    });

    test('an expired document is invisible at once, is not counted, and its _id can be used again', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const expiresAtMs = Date.now() + 700;
      await storage.commit(
        [{ kind: 'document.insert', ...ref(), documents: [{ ...newDocument('a', { n: 1 }), expiresAtMs }] }],
        inSpace,
      );
      assert.equal((await findAll(storage)).length, 1);
      await sleep(expiresAtMs - Date.now() + 5);
      assert.deepEqual(await findAll(storage), []);
      assert.equal(await get(storage, 'a'), null);
      assert.equal(await count(storage, {}), 0);
      assert.equal((await write(storage, ['a'], { $set: { n: 2 } })).count, 0);
      await insert(storage, { a: { n: 3 } });
      assert.deepEqual(await findAll(storage), [{ n: 3, _id: 'a' }]);
      assert.equal(await count(storage, {}), 1);
    });

    test('a staged batch is invisible until it is published, and then visible at once and for good', async () => {
      await using opened = await harness.open();
      let { storage } = opened;
      const stage = (id: string) =>
        storage.commit(
          [{ kind: 'document.insert', ...ref(), documents: [newDocument(id, { id })], stage: 7 }],
          inSpace,
        );
      await insert(storage, { x: {} });
      await stage('a');
      await stage('b');
      assert.equal((await findAll(storage)).length, 1);
      assert.equal(await count(storage, {}), 1);
      assert.equal(await get(storage, 'a'), null);
      await assert.rejects(stage('x'), { code: 'duplicate_id' });
      const published = await storage.commit([{ kind: 'document.publish', ...ref(), stage: 7 }], inSpace);
      assert.deepEqual(published, [{ count: 2 }]);
      assert.equal((await findAll(storage)).length, 3);
      assert.equal(await count(storage, {}), 3);
      assert.deepEqual(await get(storage, 'a'), { id: 'a', _id: 'a' });
      storage = await opened.reopen();
      assert.equal((await findAll(storage)).length, 3);
    });

    test('a staged batch that was discarded, or left open at the end, leaves nothing', async () => {
      await using opened = await harness.open();
      let { storage } = opened;
      const stage = (number: number, id: string) =>
        storage.commit(
          [{ kind: 'document.insert', ...ref(), documents: [newDocument(id, { id })], stage: number }],
          inSpace,
        );
      await stage(8, 'a');
      await stage(9, 'b');
      await storage.commit([{ kind: 'document.publish', ...ref(), stage: 8, discard: true }], inSpace);
      await eventually(() => insert(storage, { a: {} }));
      storage = await opened.reopen();
      await eventually(() => insert(storage, { b: {} }));
      assert.equal(await count(storage, {}), 2);
    });

    test('a cap keeps the newest documents', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await storage.commit([{ kind: 'collection.put', ...ref(), cap: 3, capDelayMs: 1 }], inSpace);
      for (const id of ['e', 'd', 'c', 'b', 'a']) await insert(storage, { [id]: {} });
      await eventually(async () =>
        assert.deepEqual(
          (await findAll(storage)).map(({ _id }) => _id),
          ['a', 'b', 'c'],
        ),
      );
      await storage.commit([{ kind: 'collection.put', ...ref(), cap: null }], inSpace);
      await insert(storage, { z: {} });
      await sleep(20);
      assert.equal(await count(storage, {}), 4);
    });

    test('a schema refuses documents with all of its errors, in inserts, updates and replacements', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const schema = {
        type: 'object',
        properties: { email: { type: 'string', format: 'email' }, age: { type: 'integer' } },
        required: ['email'],
        additionalProperties: false,
      };
      await storage.commit([{ kind: 'collection.put', ...ref(), schema }], inSpace);
      const error = await insert(storage, { a: { age: 'x', other: 1 } }).catch((cause: unknown) => cause);
      assert.equal((error as { code: string }).code, 'schema_violation');
      const { schemaError } = (error as { details: { schemaError: { keyword: string }[] } }).details;
      assert.deepEqual(schemaError.map(({ keyword }) => keyword).sort(), ['additionalProperties', 'required', 'type']);
      await insert(storage, { a: { email: 'a@b.co' } });
      await assert.rejects(write(storage, ['a'], { $set: { age: 1.5 } }), { code: 'schema_violation' });
      await assert.rejects(write(storage, ['a'], { $unset: { email: 1 } }), { code: 'schema_violation' });
      assert.equal((await write(storage, ['a'], { $set: { age: 1 } })).count, 1);
      await storage.commit([{ kind: 'collection.put', ...ref(), schema: null }], inSpace);
      await insert(storage, { b: { age: 'x' } });
    });

    test('a schema that is none is refused, and one that takes too long does not hold the writer', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const put = (schema: JsonObject) => storage.commit([{ kind: 'collection.put', ...ref(), schema }], inSpace);
      await assert.rejects(put({ type: 'nonsense' }), { code: 'invalid_request' });
      await put({ properties: { s: { type: 'string', pattern: '^(a+)+$' } } });
      const started = performance.now();
      await assert.rejects(insert(storage, { a: { s: `${'a'.repeat(40)}b` } }));
      assert.ok(performance.now() - started < 2_000);
      await insert(storage, { b: { s: 'aaa' } });
    });

    test('collections are listed with what they hold, and system collections only on request', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: {}, b: {} }, 'two');
      await insert(storage, { a: {} }, '_system');
      await storage.commit([{ kind: 'index.create', ...ref('two'), field: 'f' }], inSpace);
      const list = async (includeSystem: boolean) =>
        (await storage.read({ kind: 'collection.list', space: ref().space, includeSystem })).map(
          ({ name, documents, indexes }) => [name, documents, indexes.map(({ field }) => field)],
        );
      assert.deepEqual(await list(false), [['two', 2, ['f']]]);
      assert.deepEqual(await list(true), [
        ['_system', 1, []],
        ['two', 2, ['f']],
      ]);
      const usage = await storage.read({ kind: 'space.usage', space: ref().space });
      assert.deepEqual({ ...usage, bytes: 0 }, { collections: 2, documents: 3, bytes: 0 });
    });

    test('a dropped collection is gone at once, its name is free, and a whole space can be dropped', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`${n}`, { n }])));
      const drop = () => storage.commit([{ kind: 'collection.drop', ...ref() }], inSpace);
      assert.deepEqual(await drop(), [{ dropped: true }]);
      assert.deepEqual(await drop(), [{ dropped: false }]);
      assert.deepEqual(await findAll(storage), []);
      await insert(storage, { '1': { fresh: true } });
      assert.deepEqual(await findAll(storage), [{ fresh: true, _id: '1' }]);
      await insert(storage, { '1': {} }, 'other');
      assert.deepEqual(await storage.commit([{ kind: 'space.drop', space: ref().space }], inSpace), [
        { collections: 2 },
      ]);
      assert.deepEqual(await storage.read({ kind: 'collection.list', space: ref().space, includeSystem: true }), []);
    });
  });
}

async function write(
  storage: Storage,
  ids: readonly string[],
  update: JsonObject,
  options: { filter?: unknown; mode?: 'first' | 'each' } = {},
) {
  const [result] = await storage.commit(
    [
      {
        kind: 'document.write',
        ...ref(),
        targets: ids.map((id) => ({ id })),
        mode: options.mode ?? 'first',
        change: { type: 'update', updates: [parseUpdate(update)] },
        ...(options.filter === undefined ? {} : { filter: parseFilter(options.filter) }),
      },
    ],
    inSpace,
  );
  return result;
}

async function count(storage: Storage, filter: unknown): Promise<number> {
  return (await storage.read({ kind: 'document.count', ...ref(), filter: parseFilter(filter) })).count;
}

/** For what the engine does on its own a little later. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await check();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await sleep(10);
    }
  }
}
