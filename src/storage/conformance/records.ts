import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Storage } from '../../ports/storage.ts';
import { asSystem, type StorageHarness } from './harness.ts';

export function testRecords(harness: StorageHarness): void {
  const put = (storage: Storage, key: string, value: number, expect: 'any' | 'absent' | number = 'any') =>
    storage.commit([{ kind: 'record.put', type: 't', key, value, expect }], asSystem);

  describe(`${harness.name}: records`, () => {
    test('a put can ask for the revision that it replaces', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      assert.deepEqual(await put(storage, 'a', 1, 'absent'), [{ revision: 1 }]);
      assert.deepEqual(await put(storage, 'a', 2, 1), [{ revision: 2 }]);
      await assert.rejects(put(storage, 'a', 3, 1), { code: 'conflict' });
      await assert.rejects(put(storage, 'a', 3, 'absent'), { code: 'conflict' });
      await assert.rejects(put(storage, 'b', 3, 7), { code: 'conflict' });
      assert.deepEqual(await put(storage, 'a', 4), [{ revision: 3 }]);
    });

    test('records are listed by prefix in binary order of their keys, in both directions and in pages', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const keys = ['p', 'p/', 'p/a', 'p/a/1', 'p/b', 'p/é', 'p/\u{10ffff}', 'p/\u{10ffff}z', 'p0', 'q'];
      for (const [index, key] of keys.entries()) await put(storage, key, index);
      const inPrefix = keys.slice(1, 8);
      const list = async (options: { after?: string; reverse?: boolean; limit?: number }) =>
        (await storage.read({ kind: 'record.list', type: 't', prefix: 'p/', limit: 100, ...options })).map(
          ({ key }) => key,
        );
      assert.deepEqual(await list({}), inPrefix);
      assert.deepEqual(await list({ reverse: true }), inPrefix.toReversed());
      assert.deepEqual(await list({ limit: 2 }), inPrefix.slice(0, 2));
      assert.deepEqual(await list({ after: 'p/a', limit: 2 }), ['p/a/1', 'p/b']);
      assert.deepEqual(await list({ after: 'p/b', reverse: true }), ['p/a/1', 'p/a', 'p/']);
      assert.equal((await storage.read({ kind: 'record.list', type: 't', prefix: '', limit: 100 })).length, 10);
      assert.deepEqual(await storage.read({ kind: 'record.list', type: 'other', prefix: '', limit: 100 }), []);
    });

    test('a prefix is removed in chunks', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      for (let index = 0; index < 5; index += 1) await put(storage, `x/${index}`, index);
      await put(storage, 'y', 1);
      const remove = () =>
        storage.commit([{ kind: 'record.removePrefix', type: 't', prefix: 'x/', limit: 3 }], asSystem);
      assert.deepEqual(await remove(), [{ removed: 3 }]);
      assert.deepEqual(await remove(), [{ removed: 2 }]);
      assert.equal((await storage.read({ kind: 'record.list', type: 't', prefix: '', limit: 10 })).length, 1);
    });

    test('removing answers whether it was there, and can ask for a revision', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await put(storage, 'a', 1);
      const remove = (expect?: number) =>
        storage.commit(
          [{ kind: 'record.remove', type: 't', key: 'a', ...(expect === undefined ? {} : { expect }) }],
          asSystem,
        );
      await assert.rejects(remove(2), { code: 'conflict' });
      assert.deepEqual(await remove(1), [{ removed: true }]);
      assert.deepEqual(await remove(), [{ removed: false }]);
    });
  });
}
