import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asSystem, get, inSpace, insert, newDocument, ref, type StorageHarness, testSpace } from './harness.ts';

/** Commits: all or nothing, neighbours unaffected, preconditions, order, durability across a reopening. */
export function testCommits(harness: StorageHarness): void {
  describe(`${harness.name}: commits`, () => {
    test('the commands of a commit take effect together, and their results come in order', async () => {
      await using opened = await harness.open();
      const results = await opened.storage.commit(
        [
          { kind: 'record.put', type: 't', key: 'a', value: { n: 1 }, expect: 'absent' },
          { kind: 'document.insert', ...ref(), documents: [newDocument('1', { a: 1 })] },
          { kind: 'keyvalue.increment', space: testSpace, keyspace: '', key: 'k', by: 2 },
        ],
        inSpace,
      );
      assert.deepEqual(results, [{ revision: 1 }, { count: 1 }, { value: 2 }]);
    });

    test('when one command fails, none of its commit takes effect', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { taken: {} });
      const commit = opened.storage.commit(
        [
          { kind: 'keyvalue.set', space: testSpace, keyspace: '', key: 'k', value: '1', expiresAtMs: null },
          { kind: 'document.insert', ...ref('fresh'), documents: [newDocument('1', {})] },
          { kind: 'document.insert', ...ref(), documents: [newDocument('2', {}), newDocument('taken', {})] },
        ],
        inSpace,
      );
      await assert.rejects(commit, { code: 'duplicate_id', details: { _id: 'taken' } });
      assert.equal(await opened.storage.read({ kind: 'keyvalue.get', space: testSpace, keyspace: '', key: 'k' }), null);
      assert.equal(await opened.storage.read({ kind: 'collection.get', ...ref('fresh') }), null);
      assert.equal(await get(opened.storage, '2'), null);
      const info = await opened.storage.read({ kind: 'collection.get', ...ref() });
      assert.equal(info?.documents, 1);
    });

    test('commits that arrive together do not share the fate of one that fails', async () => {
      await using opened = await harness.open();
      const results = await Promise.allSettled(
        Array.from({ length: 40 }, (_, index) =>
          opened.storage.commit(
            [
              { kind: 'document.insert', ...ref(`c${index}`), documents: [newDocument('x', { index })] },
              {
                kind: 'document.expect',
                ...ref(`c${index}`),
                id: 'x',
                revision: index % 2 === 0 ? 1 : 99,
              },
            ],
            inSpace,
          ),
        ),
      );
      for (const [index, result] of results.entries()) {
        assert.equal(result.status, index % 2 === 0 ? 'fulfilled' : 'rejected');
        assert.deepEqual(await get(opened.storage, 'x', `c${index}`), index % 2 === 0 ? { index, _id: 'x' } : null);
      }
    });

    test('a precondition on a revision holds or rejects with conflict', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { a: { n: 1 } });
      const expect = (id: string, revision: number | null) =>
        opened.storage.commit([{ kind: 'document.expect', ...ref(), id, revision }], inSpace);
      await expect('a', 1);
      await expect('b', null);
      await assert.rejects(expect('a', 2), { code: 'conflict' });
      await assert.rejects(expect('a', null), { code: 'conflict' });
      await assert.rejects(expect('b', 1), { code: 'conflict' });
    });

    test('a revision never comes back, also when a document is removed and inserted again', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await insert(storage, { a: {} });
      const first = await storage.read({ kind: 'document.get', ...ref(), id: 'a' });
      await storage.commit([{ kind: 'document.remove', ...ref(), targets: [{ id: 'a' }], mode: 'first' }], inSpace);
      await insert(storage, { a: {} });
      const second = await storage.read({ kind: 'document.get', ...ref(), id: 'a' });
      assert.ok(second!.revision > first!.revision);
    });

    test('commits of one lane take effect in the order in which they were issued', async () => {
      await using opened = await harness.open();
      const commits = Array.from({ length: 200 }, (_, index) =>
        opened.storage.commit(
          [{ kind: 'keyvalue.set', space: testSpace, keyspace: '', key: 'k', value: `${index}`, expiresAtMs: null }],
          inSpace,
        ),
      );
      await Promise.all(commits);
      const value = await opened.storage.read({ kind: 'keyvalue.get', space: testSpace, keyspace: '', key: 'k' });
      assert.equal(value, '199');
    });

    test('what was acknowledged is there after closing and opening again', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { a: { n: 1 } });
      await opened.storage.commit(
        [{ kind: 'record.put', type: 't', key: 'k', value: [1, { a: null }], expect: 'any' }],
        asSystem,
      );
      const storage = await opened.reopen();
      assert.deepEqual(await get(storage, 'a'), { n: 1, _id: 'a' });
      assert.deepEqual(await storage.read({ kind: 'record.get', type: 't', key: 'k' }), {
        type: 't',
        key: 'k',
        value: [1, { a: null }],
        revision: 1,
      });
      const info = await storage.read({ kind: 'collection.get', ...ref() });
      assert.equal(info?.documents, 1);
    });
  });
}
