import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FileRow } from '../../ports/storage/files.ts';
import type { Storage } from '../../ports/storage.ts';
import { inSpace, insert, type StorageHarness, testSpace } from './harness.ts';

export function testFiles(harness: StorageHarness): void {
  const row = (path: string, sizeBytes = 10, hash = `hash of ${path}`): FileRow => ({
    path,
    hash,
    sizeBytes,
    contentType: 'text/plain',
    origin: 'app',
    modifiedAtMs: 1_000,
  });
  const put = (storage: Storage, file: FileRow, maxSpaceBytes: number | null = null, space = testSpace) =>
    storage.commit([{ kind: 'file.put', space, file, maxSpaceBytes }], inSpace);
  const list = async (storage: Storage, directory: string, recursive = false, limit = 100, after?: string) => {
    const query = { kind: 'file.list', space: testSpace, directory, recursive, limit } as const;
    const entries = await storage.read({ ...query, ...(after === undefined ? {} : { after }) });
    return entries.map(({ path }) => path);
  };

  describe(`${harness.name}: files`, () => {
    test('a path names one blob; replacing and removing tell which one it named before', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      assert.deepEqual(await put(storage, row('/a', 10, 'h1')), [{ replacedHash: null }]);
      assert.deepEqual(await put(storage, row('/a', 10, 'h1')), [{ replacedHash: null }]);
      assert.deepEqual(await put(storage, row('/a', 25, 'h2')), [{ replacedHash: 'h1' }]);
      assert.deepEqual(await storage.read({ kind: 'file.get', space: testSpace, path: '/a' }), row('/a', 25, 'h2'));
      assert.deepEqual(await storage.read({ kind: 'file.usage', space: testSpace }), { files: 1, bytes: 25 });
      const remove = () => storage.commit([{ kind: 'file.remove', space: testSpace, path: '/a' }], inSpace);
      assert.deepEqual(await remove(), [{ removedHash: 'h2' }]);
      assert.deepEqual(await remove(), [{ removedHash: null }]);
      assert.equal(await storage.read({ kind: 'file.get', space: testSpace, path: '/a' }), null);
      assert.deepEqual(await storage.read({ kind: 'file.usage', space: testSpace }), { files: 0, bytes: 0 });
    });

    test('directories are listed level by level or whole, in pages', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      const paths = ['/a', '/b-1', '/b/1', '/b/2/x', '/b/2/y', '/b0', '/c/d/e', '/z', '/é', '/\u{1f600}'];
      for (const path of paths) await put(storage, row(path));
      await put(storage, row('/other'), null, 'another space');
      const top = ['/a', '/b-1', '/b/', '/b0', '/c/', '/z', '/é', '/\u{1f600}'];
      assert.deepEqual(await list(storage, '/'), top);
      assert.deepEqual(await list(storage, '/b/'), ['/b/1', '/b/2/']);
      assert.deepEqual(await list(storage, '/b/', true), ['/b/1', '/b/2/x', '/b/2/y']);
      assert.deepEqual(await list(storage, '/nothing/'), []);
      for (const recursive of [false, true]) {
        const all = await list(storage, '/', recursive);
        const paged: string[] = [];
        for (let page = await list(storage, '/', recursive, 2); page.length > 0; ) {
          paged.push(...page);
          page = await list(storage, '/', recursive, 2, page.at(-1));
        }
        assert.deepEqual(paged, all);
      }
    });

    test('a path is a file or a directory, never both', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await put(storage, row('/a/b'));
      await assert.rejects(put(storage, row('/a')), { code: 'conflict' });
      await assert.rejects(put(storage, row('/a/b/c/d')), { code: 'conflict' });
      await put(storage, row('/a/bc'));
    });

    test('a quota counts files and documents, and lets what is there be made smaller', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await put(storage, row('/a', 600), 1_000);
      await assert.rejects(put(storage, row('/b', 600), 1_000), { code: 'quota_exceeded' });
      await put(storage, row('/b', 400), 1_000);
      await assert.rejects(put(storage, row('/b', 401), 1_000), { code: 'quota_exceeded' });
      await put(storage, row('/b', 399), 100);
      await put(storage, row('/b', 1), 1_000);
      await insert(storage, { d: { text: 'x'.repeat(380) } });
      await assert.rejects(put(storage, row('/c', 30), 1_000), { code: 'quota_exceeded' });
    });

    test('blobs that some file names are found, in one space or in all', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      await put(storage, row('/a', 1, 'h1'));
      await put(storage, row('/b', 1, 'h1'));
      await put(storage, row('/a', 1, 'h2'), null, 'another space');
      const hashes = ['h1', 'h2', 'h3'];
      const find = async (space?: string) =>
        [
          ...(await storage.read({ kind: 'file.findReferenced', hashes, ...(space === undefined ? {} : { space }) })),
        ].sort();
      assert.deepEqual(await find(), ['h1', 'h2']);
      assert.deepEqual(await find(testSpace), ['h1']);
    });

    test('a space is removed in chunks, and only it', async () => {
      await using opened = await harness.open();
      const { storage } = opened;
      for (const path of ['/a', '/b', '/c']) await put(storage, row(path));
      await put(storage, row('/a'), null, 'another space');
      const remove = () => storage.commit([{ kind: 'file.removeSpace', space: testSpace, limit: 2 }], inSpace);
      assert.deepEqual(await remove(), [{ removed: 2 }]);
      assert.deepEqual(await remove(), [{ removed: 1 }]);
      assert.deepEqual(await list(storage, '/'), []);
      assert.deepEqual(await storage.read({ kind: 'file.usage', space: testSpace }), { files: 0, bytes: 0 });
      assert.deepEqual(await storage.read({ kind: 'file.usage', space: 'another space' }), { files: 1, bytes: 10 });
    });
  });
}
