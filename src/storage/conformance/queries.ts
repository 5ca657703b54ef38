import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../core/json.ts';
import { compileMatcher } from '../../core/query/match-filter.ts';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { compareBySort, parseSort } from '../../core/query/sort.ts';
import { encodeStoredBody } from '../../core/query/stored-text.ts';
import { parseUpdate } from '../../core/update/parse-update.ts';
import type { Storage } from '../../ports/storage.ts';
import { buildIndex, findAll, findIds, findPages, inSpace, insert, ref, type StorageHarness } from './harness.ts';

/** Queries: the same answers with every kind of index, sort and page; pages without gaps or repeats. */
export function testQueries(harness: StorageHarness): void {
  describe(`${harness.name}: queries`, () => {
    test('without a sort documents come by _id, in pages of at most 500', async () => {
      await using opened = await harness.open();
      await fill(opened.storage, 1_234);
      const { pages } = await findPages(opened.storage, {});
      assert.deepEqual(
        pages.map((page) => page.length),
        [500, 500, 234],
      );
      const ids = pages.flat().map(({ _id }) => _id);
      assert.deepEqual(ids, [...ids].sort());
    });

    test('a page holds about 1 MB', async () => {
      await using opened = await harness.open();
      const text = 'x'.repeat(300_000);
      await insert(opened.storage, Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((id) => [id, { text }])));
      const { pages } = await findPages(opened.storage, {});
      assert.deepEqual(
        pages.map((page) => page.length),
        [4, 1],
      );
    });

    test('limit and skip count over all pages', async () => {
      await using opened = await harness.open();
      await fill(opened.storage, 1_300);
      for (const sort of [undefined, '-n', 'group,-n']) {
        const all = await findIds(opened.storage, { sort });
        assert.deepEqual(await findIds(opened.storage, { sort, skip: 3, limit: 1_100 }), all.slice(3, 1_103));
        assert.deepEqual(await findIds(opened.storage, { sort, skip: 1_290 }), all.slice(1_290));
        assert.deepEqual(await findIds(opened.storage, { sort, skip: 5_000 }), []);
        assert.deepEqual(await findIds(opened.storage, { sort, limit: 0 }), []);
      }
    });

    test('a sort without index goes through pages in order, each document once, also while others are written', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await fill(storage, 1_600);
      const seen: string[] = [];
      let after: string | undefined;
      for (let pageNumber = 0; ; pageNumber += 1) {
        const page = await storage.read({
          kind: 'document.find',
          ...ref(),
          filter: parseFilter({}),
          sort: parseSort('group,-n'),
          limit: Number.MAX_SAFE_INTEGER,
          ...(after === undefined ? {} : { after }),
        });
        seen.push(...(JSON.parse(page.json) as JsonObject[]).map(({ _id }) => _id as string));
        if (page.next === null) break;
        after = page.next;
        await insert(storage, { [`new${pageNumber}`]: { n: pageNumber, group: pageNumber } });
        await storage.commit(
          [
            {
              kind: 'document.write',
              ...ref(),
              targets: [{ id: seen[0]! }],
              mode: 'first',
              change: { type: 'update', updates: [parseUpdate({ $set: { group: 99 } })] },
            },
          ],
          inSpace,
        );
      }
      const old = seen.filter((id) => !id.startsWith('new'));
      assert.equal(new Set(old).size, old.length);
      assert.equal(old.length, 1_600);
    });

    test('a page token works after the engine was opened again', async () => {
      await using opened = await harness.open();
      await fill(opened.storage, 1_200);
      const request = {
        kind: 'document.find',
        ...ref(),
        filter: parseFilter({}),
        sort: parseSort('group,-n'),
        limit: Number.MAX_SAFE_INTEGER,
      } as const;
      const expected = await findIds(opened.storage, { sort: 'group,-n' });
      const first = await opened.storage.read(request);
      const storage = await opened.reopen();
      const second = await storage.read({ ...request, after: first.next! });
      const ids = (JSON.parse(second.json) as JsonObject[]).map(({ _id }) => _id);
      assert.deepEqual(ids, expected.slice(500, 1_000));
      for (const after of ['', 'x', 'r0_', 'r9_!!', `r1_${Buffer.from('[1]').toString('base64url')}`]) {
        await assert.rejects(storage.read({ ...request, after }), { code: 'invalid_query' });
      }
    });

    test('a projection is applied', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { a: { x: 1, y: { p: 1, q: 2 }, z: 3 } });
      assert.deepEqual(await findAll(opened.storage, { fields: { x: 1, 'y.q': 1 } }), [
        { x: 1, y: { q: 2 }, _id: 'a' },
      ]);
      assert.deepEqual(await findAll(opened.storage, { fields: { z: 0 } }), [{ x: 1, y: { p: 1, q: 2 }, _id: 'a' }]);
    });

    test('an index is used, and its answers are those of a scan', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await fill(storage, 3_000);
      const queries = [
        { filter: { n: 17 } },
        { filter: { n: { $in: [5, 1, 9, 'x'] } } },
        { filter: { n: { $gt: 100, $lte: 140 }, group: 3 } },
        { filter: { tags: 't3' } },
        { filter: { tags: { $in: ['t1', 't2'] }, n: { $lt: 100 } } },
        { filter: { name: { $startsWith: 'name-10' } } },
        { filter: { name: /^name-20/ } },
        { filter: { 'nested.items.v': 4 } },
        { filter: { n: { $gte: 2_990 } }, sort: '-n' },
        { filter: {}, sort: '-n', limit: 10 },
        { filter: { group: 2 }, sort: 'n', limit: 20 },
        { filter: { missing: null, n: { $lt: 5 } } },
      ];
      const expected = await Promise.all(queries.map((query) => findIds(storage, query)));
      for (const field of ['n', 'tags', 'name', 'nested.items.v', 'missing']) await buildIndex(storage, field);
      for (const [index, query] of queries.entries()) {
        assert.deepEqual(await findIds(storage, query), expected[index], JSON.stringify(query));
        const explained = await storage.read({
          kind: 'document.explain',
          ...ref(),
          filter: parseFilter(query.filter),
          sort: parseSort('sort' in query ? query.sort : undefined),
        });
        assert.notEqual(explained.index, null, JSON.stringify(query));
      }
    });

    test('_id conditions need no index', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await fill(storage, 300);
      assert.deepEqual(await findIds(storage, { filter: { _id: { $in: ['id0005', 'none', 'id0001'] } } }), [
        'id0001',
        'id0005',
      ]);
      assert.deepEqual(await findIds(storage, { filter: { _id: { $gte: 'id0298' } } }), ['id0298', 'id0299']);
      assert.deepEqual(await findIds(storage, { filter: { _id: /^id000[12]/ } }), ['id0001', 'id0002']);
      assert.deepEqual(await findIds(storage, { filter: { _id: 'id0007', n: 8 } }), []);
      assert.deepEqual(await findIds(storage, { sort: { _id: -1 }, limit: 2 }), ['id0299', 'id0298']);
    });

    test('an index is kept up to date by writes while it is being built and afterwards', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await fill(storage, 1_000);
      await storage.commit([{ kind: 'index.create', ...ref(), field: 'n' }], inSpace);
      await storage.commit([{ kind: 'index.build', ...ref(), field: 'n', budgetMs: 0 }], inSpace);
      await update(storage, 'id0999', { $set: { n: -1 } });
      await update(storage, 'id0000', { $set: { n: -2 } });
      await insert(storage, { zzz: { n: -3 } });
      await storage.commit(
        [{ kind: 'document.remove', ...ref(), targets: [{ id: 'id0500' }], mode: 'first' }],
        inSpace,
      );
      await buildIndex(storage, 'n');
      await update(storage, 'id0001', { $set: { n: -4 } });
      assert.deepEqual(await findIds(storage, { filter: { n: { $lt: 0 } }, sort: 'n' }), [
        'id0001',
        'zzz',
        'id0000',
        'id0999',
      ]);
      assert.deepEqual(await findIds(storage, { filter: { n: { $in: [0, 1, 500, 999] } } }), []);
      assert.deepEqual(await storage.commit([{ kind: 'index.remove', ...ref(), field: 'n' }], inSpace), [
        { removed: true },
      ]);
      assert.deepEqual(await findIds(storage, { filter: { n: -3 } }), ['zzz']);
    });

    test('whatever the documents are, an index changes no answer and no order', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ f: value(), g: value() }, { requiredKeys: [] }), { minLength: 1, maxLength: 25 }),
          fc.array(condition(), { minLength: 1, maxLength: 4 }),
          fc.constantFrom('f', '-f', 'g', 'f,-g', '_id'),
          async (documents, conditions, sort) => {
            round += 1;
            const collection = `c${round % 40}`;
            await storage.commit([{ kind: 'collection.drop', ...ref(collection) }], inSpace);
            const rows = documents.map((fields, index) => ({ ...fields, _id: `d${index}` }) as unknown as JsonObject);
            await storage.commit([{ kind: 'index.create', ...ref(collection), field: 'f' }], inSpace);
            await storage.commit(
              [
                {
                  kind: 'document.insert',
                  ...ref(collection),
                  documents: rows.map((row) => ({ id: row._id as string, body: encodeStoredBody(row) })),
                },
              ],
              inSpace,
            );
            const stored = await findAll(storage, { collection });
            for (const filter of conditions) {
              const matches = compileMatcher(parseFilter(filter));
              const expected = stored
                .filter(matches)
                .sort(compareBySort(parseSort(sort)))
                .map(({ _id }) => _id);
              assert.deepEqual(await findIds(storage, { filter, sort, collection }), expected);
              const { count } = await storage.read({
                kind: 'document.count',
                ...ref(collection),
                filter: parseFilter(filter),
              });
              assert.equal(count, expected.length);
            }
          },
        ),
        { numRuns: process.env.TACKLE_LONG === '1' ? 2_000 : 60 },
      );
    });
  });
}

function value(): fc.Arbitrary<unknown> {
  const scalar = fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    2,
    -1.5,
    2 ** 60,
    '',
    'a',
    'ab',
    'b',
    '\ue000',
    '😀',
    'a\0',
  );
  return fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(scalar, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.record({ x: scalar }) },
    { weight: 1, arbitrary: fc.array(fc.record({ x: scalar }), { maxLength: 2 }) },
  );
}

function condition(): fc.Arbitrary<JsonObject> {
  const operand = value() as fc.Arbitrary<JsonObject>;
  const range = fc.constantFrom<string>('$gt', '$gte', '$lt', '$lte', '$eq', '$ne');
  const bound = fc.constantFrom<number | string>(0, 1, 2, '', 'a', 'ab');
  return fc.oneof(
    fc.record({ f: operand }),
    fc.tuple(range, bound).map(([operator, operandValue]) => ({ f: { [operator]: operandValue } })),
    fc.tuple(bound, bound).map(([from, to]) => ({ f: { $gte: from, $lt: to } })),
    fc.array(operand, { maxLength: 3 }).map((values) => ({ f: { $in: values } })),
    fc.constantFrom<JsonObject>({ f: { $startsWith: 'a' } }, { 'f.x': 'a' }, { f: { $exists: false } }, { f: null }),
    fc.record({ f: operand, g: operand }),
  );
}

async function fill(storage: Storage, total: number): Promise<void> {
  for (let start = 0; start < total; start += 500) {
    const documents: Record<string, JsonObject> = {};
    for (let n = start; n < Math.min(start + 500, total); n += 1) {
      documents[`id${String(n).padStart(4, '0')}`] = {
        n,
        group: n % 7,
        name: `name-${n}`,
        tags: [`t${n % 11}`, `u${n % 3}`],
        nested: { items: [{ v: n % 5 }, { v: 7 }] },
      };
    }
    await insert(storage, documents);
  }
}

async function update(storage: Storage, id: string, change: JsonObject): Promise<void> {
  await storage.commit(
    [
      {
        kind: 'document.write',
        ...ref(),
        targets: [{ id }],
        mode: 'first',
        change: { type: 'update', updates: [parseUpdate(change)] },
      },
    ],
    inSpace,
  );
}
