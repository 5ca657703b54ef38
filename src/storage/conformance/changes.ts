import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import type { ChangeSource, CollectionNews } from '../../ports/storage/changes.ts';
import type { Storage } from '../../ports/storage.ts';
import { get, inSpace, insert, newDocument, ref, type StorageHarness } from './harness.ts';

interface Told {
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
}

/** Committed changes are told to who watches: all of them, in order, and nothing that was not committed. */
export function testChanges(harness: StorageHarness): void {
  describe(`${harness.name}: changes`, () => {
    test('inserts, updates and removals are told with what was before and after, before their commit answers', async () => {
      await using opened = await harness.open();
      const { told, stop } = await watch(opened.storage);
      await insert(opened.storage, { a: { n: 1 } });
      assert.deepEqual(told, [{ before: null, after: { n: 1, _id: 'a' } }]);
      await update(opened.storage, 'a', { n: 2 });
      await opened.storage.commit(
        [{ kind: 'document.remove', ...ref(), targets: [{ id: 'a' }], mode: 'first' }],
        inSpace,
      );
      assert.deepEqual(told.slice(1), [
        { before: { n: 1, _id: 'a' }, after: { n: 2, _id: 'a' } },
        { before: { n: 2, _id: 'a' }, after: null },
      ]);
      stop();
      await insert(opened.storage, { b: {} });
      assert.equal(told.length, 3);
    });

    test('a commit that fails tells nothing, its neighbours tell theirs', async () => {
      await using opened = await harness.open();
      await insert(opened.storage, { taken: {} });
      const { told } = await watch(opened.storage);
      const results = await Promise.allSettled([
        insert(opened.storage, { a: {} }),
        insert(opened.storage, { b: {}, taken: {} }),
        insert(opened.storage, { c: {} }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual(told, [
        { before: null, after: { _id: 'a' } },
        { before: null, after: { _id: 'c' } },
      ]);
    });

    test('other collections are not told of, and several may watch one', async () => {
      await using opened = await harness.open();
      const first = await watch(opened.storage);
      const second = await watch(opened.storage);
      await insert(opened.storage, { x: {} }, 'others');
      await insert(opened.storage, { a: {} });
      first.stop();
      await insert(opened.storage, { b: {} });
      assert.deepEqual(
        first.told.map(({ after }) => after?._id),
        ['a'],
      );
      assert.deepEqual(
        second.told.map(({ after }) => after?._id),
        ['a', 'b'],
      );
    });

    test('a staged import is told when it is published, a large one and a dropped collection as a gap', async () => {
      await using opened = await harness.open();
      const { told, news } = await watch(opened.storage);
      const stage = (id: number, count: number) =>
        opened.storage.commit(
          [
            {
              kind: 'document.insert',
              ...ref(),
              stage: id,
              documents: Array.from({ length: count }, (_, index) => newDocument(`${id}-${index}`, {})),
            },
          ],
          inSpace,
        );
      const publish = (id: number) =>
        opened.storage.commit([{ kind: 'document.publish', ...ref(), stage: id }], inSpace);
      await stage(7, 3);
      assert.equal(told.length, 0);
      await publish(7);
      assert.deepEqual(
        told.map(({ after }) => after?._id),
        ['7-0', '7-1', '7-2'],
      );
      await stage(8, 1_001);
      await publish(8);
      assert.equal(news.at(-1)?.kind, 'gap');
      await opened.storage.commit([{ kind: 'collection.drop', ...ref() }], inSpace);
      assert.equal(news.filter(({ kind }) => kind === 'gap').length, 2);
      assert.equal(told.length, 3);
    });

    test('what expires or is trimmed by a cap is told as removed', async () => {
      await using opened = await harness.open();
      const removed = Promise.withResolvers<void>();
      const gone: unknown[] = [];
      await opened.storage.commit([{ kind: 'collection.put', ...ref(), cap: 1, capDelayMs: 0 }], inSpace);
      await watch(opened.storage, (change) => {
        if (change.after === null) gone.push(change.before?._id);
        if (gone.length === 2) removed.resolve();
      });
      const expiring = { ...newDocument('expiring', {}), expiresAtMs: Date.now() + 20 };
      await opened.storage.commit([{ kind: 'document.insert', ...ref(), documents: [expiring] }], inSpace);
      await insert(opened.storage, { kept: {} });
      await insert(opened.storage, { last: {} });
      await removed.promise;
      assert.deepEqual(gone.toSorted(), ['expiring', 'kept']);
      assert.deepEqual(await get(opened.storage, 'last'), { _id: 'last' });
    });
  });
}

async function watch(storage: Storage & ChangeSource, onChange: (change: Told) => void = () => undefined) {
  const told: Told[] = [];
  const news: CollectionNews[] = [];
  const stop = await storage.watch(ref(), (one) => {
    news.push(one);
    if (one.kind === 'gap') return;
    for (const { before, after } of one.changes) {
      const change = { before: parse(before), after: parse(after) };
      told.push(change);
      onChange(change);
    }
  });
  return { told, news, stop };
}

function parse(text: string | null): JsonObject | null {
  return text === null ? null : (JSON.parse(text) as JsonObject);
}

async function update(storage: Storage, id: string, fields: JsonObject): Promise<void> {
  const change = { type: 'replace', body: newDocument(id, fields).body } as const;
  await storage.commit([{ kind: 'document.write', ...ref(), targets: [{ id }], mode: 'first', change }], inSpace);
}
