import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '../../ports/storage.ts';
import { inSpace, type StorageHarness, testSpace } from './harness.ts';

export function testKeyValue(harness: StorageHarness): void {
  const at = (key: string, keyspace = '') => ({ space: testSpace, keyspace, key });
  const set = (storage: Storage, key: string, value: unknown, expiresAtMs: number | null = null, keyspace = '') =>
    storage.commit(
      [{ kind: 'keyvalue.set', ...at(key, keyspace), value: JSON.stringify(value), expiresAtMs }],
      inSpace,
    );
  const get = async (storage: Storage, key: string, keyspace = '') => {
    const text = await storage.read({ kind: 'keyvalue.get', ...at(key, keyspace) });
    return text === null ? null : (JSON.parse(text) as unknown);
  };

  describe(`${harness.name}: key-value`, () => {
    test('values keep their type, and keyspaces are apart', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const values = ['text', '5', 5, -0.5, true, null, { a: [1, 'x\0y', '\ud800'] }, ''];
      for (const [index, value] of values.entries()) {
        await set(storage, `k${index}`, value);
        assert.deepEqual(await get(storage, `k${index}`), value);
        assert.equal(await get(storage, `k${index}`, 'other'), null);
      }
    });

    test('100 increments at once add up', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const results = await Promise.all(
        Array.from({ length: 100 }, () => storage.commit([{ kind: 'keyvalue.increment', ...at('n'), by: 1 }], inSpace)),
      );
      assert.equal(await get(storage, 'n'), 100);
      assert.deepEqual(new Set(results.map(([{ value }]) => value)).size, 100);
    });

    test('increments take fractions and numeric texts, and refuse anything else', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const increment = (key: string, by: number) =>
        storage.commit([{ kind: 'keyvalue.increment', ...at(key), by }], inSpace);
      assert.deepEqual(await increment('n', 0.5), [{ value: 0.5 }]);
      await set(storage, 'text', '41');
      assert.deepEqual(await increment('text', 1), [{ value: 42 }]);
      for (const value of ['', 'x', {}, null, true]) {
        await set(storage, 'bad', value);
        await assert.rejects(increment('bad', 1), { code: 'invalid_request' });
        assert.deepEqual(await get(storage, 'bad'), value);
      }
      await set(storage, 'large', Number.MAX_VALUE);
      await assert.rejects(increment('large', Number.MAX_VALUE), { code: 'invalid_request' });
    });

    test('an expired key is absent for reads, lists, increments and removals', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const past = Date.now() - 1;
      await set(storage, 'a', 1, past);
      await set(storage, 'n', 5, past);
      assert.equal(await get(storage, 'a'), null);
      const list = await storage.read({ kind: 'keyvalue.list', space: testSpace, keyspace: '', prefix: '', limit: 9 });
      assert.deepEqual(list, { entries: [], next: null });
      assert.deepEqual(await storage.commit([{ kind: 'keyvalue.increment', ...at('n'), by: 1 }], inSpace), [
        { value: 1 },
      ]);
      assert.deepEqual(await storage.commit([{ kind: 'keyvalue.remove', ...at('a') }], inSpace), [{ previous: null }]);
    });

    test('an increment without expiry leaves the expiry alone, one with it arms it anew', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const soon = Date.now() + 700;
      await set(storage, 'a', 1, soon);
      await set(storage, 'b', 1, soon);
      await storage.commit(
        [
          { kind: 'keyvalue.increment', ...at('a'), by: 1 },
          { kind: 'keyvalue.increment', ...at('b'), by: 1, expiresAtMs: soon + 60_000 },
        ],
        inSpace,
      );
      await sleep(soon - Date.now() + 20);
      assert.equal(await get(storage, 'a'), null);
      assert.equal(await get(storage, 'b'), 2);
    });

    test('keys are listed by prefix in pages, in both directions, and removed by prefix in chunks', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const keys = ['a', 'ab', 'abc', 'abé', 'ab\u{1f600}', 'ac', 'b'];
      for (const key of keys) await set(storage, key, key);
      const list = async (options: { after?: string; reverse?: boolean; onlyKeys?: boolean; limit: number }) =>
        storage.read({ kind: 'keyvalue.list', space: testSpace, keyspace: '', prefix: 'ab', ...options });
      const all = ['ab', 'abc', 'abé', 'ab\u{1f600}'];
      assert.deepEqual(
        (await list({ limit: 10 })).entries,
        all.map((key) => ({ key, value: JSON.stringify(key) })),
      );
      const first = await list({ limit: 3, onlyKeys: true });
      assert.deepEqual(first, { entries: all.slice(0, 3).map((key) => ({ key, value: '' })), next: 'abé' });
      assert.deepEqual((await list({ limit: 3, after: first.next! })).entries.length, 1);
      const reverse = await list({ limit: 10, reverse: true, after: 'abé' });
      assert.deepEqual(
        reverse.entries.map(({ key }) => key),
        ['abc', 'ab'],
      );
      const removal = await storage.commit(
        [{ kind: 'keyvalue.removePrefix', space: testSpace, keyspace: '', prefix: 'ab', limit: 3 }],
        inSpace,
      );
      assert.deepEqual(removal, [{ removed: 3 }]);
      await storage.commit([{ kind: 'keyvalue.removeSpace', space: testSpace, limit: 100 }], inSpace);
      assert.equal(await get(storage, 'a'), null);
    });
  });
}
