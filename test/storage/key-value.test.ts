/** Key-value of a space: spec/codehooks.md section 5 over the real SQLite engine. Real: service, engine, files. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeyValue, type KeyValue, type SpaceKeyValue } from '../../src/keyvalue/index.ts';
import { openTemporaryStorage, type TemporaryStorage } from '../../src/storage/sqlite/testing/temporary-storage.ts';

let opened: TemporaryStorage;
let keyValue: KeyValue;
let spaces = 0;

before(async () => {
  opened = await openTemporaryStorage();
  keyValue = createKeyValue(opened.storage);
});
after(() => opened[Symbol.asyncDispose]());

function openSpace(): SpaceKeyValue {
  spaces += 1;
  return keyValue.forSpace(`space${spaces}`);
}

describe('key-value of a space', () => {
  test('values come back with their type, null when absent', async () => {
    const store = openSpace();
    assert.equal(await store.set('s', 'text'), '"text"');
    assert.equal(await store.get('s'), '"text"');
    await store.set('o', { a: [1, null] });
    assert.equal(await store.get('o'), '{"a":[1,null]}');
    assert.equal(await store.get('none'), null);
    assert.equal(await store.remove('s'), '"text"');
    assert.equal(await store.remove('s'), null);
  });

  test('keyspaces are apart from each other and from the default one', async () => {
    const store = openSpace();
    await store.set('k', 1);
    await store.set('k', 2, { keyspace: 'a' });
    assert.deepEqual([await store.get('k'), await store.get('k', { keyspace: 'a' })], ['1', '2']);
    assert.equal(await store.get('k', { keyspace: 'b' }), null);
    await store.removeAll('', { keyspace: 'a' });
    assert.equal(await store.get('k'), '1');
  });

  test('100 increments at once give 100, and decrements go back', async () => {
    const store = openSpace();
    await Promise.all(Array.from({ length: 100 }, () => store.increment('n', 1)));
    assert.equal(await store.get('n'), '100');
    assert.equal(await store.decrement('n', 0.5), 99.5);
    await store.set('n', 'word');
    await assert.rejects(store.increment('n', 1), { code: 'invalid_request' });
    await assert.rejects(store.increment('n', Number.NaN), { code: 'invalid_request' });
  });

  test('a ttl hides the key when it is over, and an increment with a ttl arms it anew', async () => {
    const store = openSpace();
    await store.set('short', 1, { ttl: 30 });
    await store.increment('kept', 1, { ttl: 30 });
    await store.increment('kept', 1, { ttl: 60_000 });
    await sleep(50);
    assert.equal(await store.get('short'), null);
    assert.equal(await store.get('kept'), '2');
    await assert.rejects(store.set('x', 1, { ttl: -5 }), { code: 'invalid_request' });
  });

  test('a pattern lists by prefix in pages, with and without its star', async () => {
    const store = openSpace();
    const keys = Array.from({ length: 1_100 }, (_, n) => `p${String(n).padStart(4, '0')}`);
    await Promise.all([...keys, 'q'].map((key) => store.set(key, key)));
    const listed: string[] = [];
    for await (const page of store.pages('p*')) {
      for (const { key, val } of JSON.parse(page.json) as { key: string; val: string }[]) {
        assert.equal(val, key);
        listed.push(key);
      }
    }
    assert.deepEqual(listed, keys);
    const last = await store.list('p', { reverse: true, onlykeys: true });
    assert.equal(last.count, 500);
    assert.ok(last.json.startsWith('[{"key":"p1099"},'));
    assert.equal(await store.removeAll('p*'), 1_100);
    assert.equal((await store.list('')).json, '[{"key":"q","val":"q"}]');
  });

  test('what is no key is refused', async () => {
    const store = openSpace();
    for (const key of ['', 'a\0', '\ud800', 'x'.repeat(2_000), 5 as unknown as string]) {
      await assert.rejects(store.set(key, 1), { code: 'invalid_name' });
      await assert.rejects(store.get(key), { code: 'invalid_name' });
    }
    await assert.rejects(store.get('k', { keyspace: '' }), { code: 'invalid_name' });
    await assert.rejects(store.set('k', undefined as never), { code: 'invalid_request' });
  });

  test('a removed space has no keys', async () => {
    const store = openSpace();
    await Promise.all(Array.from({ length: 1_500 }, (_, n) => store.set(`k${n}`, n)));
    await keyValue.removeSpace(`space${spaces}`);
    assert.equal((await store.list('')).count, 0);
  });
});
