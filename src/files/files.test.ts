// The real rooms over a real SQLite database and real blobs in a temporary directory; the clock is moved by hand.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Storage } from '../ports/storage.ts';
import { openSqliteStorage } from '../storage/sqlite/open-sqlite-storage.ts';
import { createAppFiles } from './app-files.ts';
import { createAssetManifests } from './asset-manifest.ts';
import { type BlobStore, openBlobStore } from './blob-store.ts';
import { collectAfterMs, collectBlobs } from './collect-blobs.ts';
import { parseDirectoryPath, parseFilePath } from './file-path.ts';
import { createFiles, type Files } from './files.ts';

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const asApp = { origin: 'app' } as const;
const asUpload = { origin: 'upload' } as const;

describe('the path of a file', () => {
  it('is absolute and normalised', () => {
    assert.equal(parseFilePath('a//b/./c.txt'), '/a/b/c.txt');
    assert.equal(parseFilePath('/ünï cödé.txt'), '/ünï cödé.txt');
    assert.equal(parseDirectoryPath('.'), '/');
    assert.equal(parseDirectoryPath('a/b/'), '/a/b/');
  });
  it('does not leave the space, and is no path of a directory', () => {
    for (const path of [
      '../a',
      '/a/../../b',
      '/a/..',
      '',
      '/',
      'a/',
      '/a\0b',
      '/a\nb',
      '/\ud800',
      `/${'a'.repeat(300)}`,
    ]) {
      assert.throws(() => parseFilePath(path), { code: 'invalid_name' }, JSON.stringify(path));
    }
    assert.throws(() => parseFilePath(`/${'a/'.repeat(600)}b`), { code: 'invalid_name' });
  });
  it('never holds a segment that goes up, whatever it is made from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('..', '.', '', 'a', '%2e%2e', '...', '\\', ' ', '\0'), { maxLength: 8 }),
        (parts) => {
          try {
            const path = parseFilePath(parts.join('/'));
            assert.ok(
              path.startsWith('/') &&
                !path
                  .split('/')
                  .slice(1)
                  .some((part) => ['', '.', '..'].includes(part)),
              path,
            );
            assert.equal(parseFilePath(path), path);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'invalid_name');
          }
        },
      ),
    );
  });
});

describe('files of a space', () => {
  let directory: string;
  let storage: Storage;
  let blobs: BlobStore;
  let files: Files;
  let maxBytes: number | null;
  let now: number;
  let space: string;
  let count = 0;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tackle-files-'));
    storage = await openSqliteStorage({ directory, minFreeBytes: 0 });
    blobs = await openBlobStore(join(directory, 'blobs'));
  });
  after(async () => {
    await storage[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    maxBytes = null;
    now = Date.now();
    count += 1;
    space = `space${count}`;
    files = createFiles({
      storage,
      blobs,
      getMaxBytes: () => maxBytes,
      maxFileBytes: 1_000_000,
      clock: { now: () => now },
    });
  });

  const read = async (path: string) => {
    const file = await files.find(space, path);
    return file === null ? null : blobs.readText(file.hash);
  };
  const incoming = () => readdir(join(directory, 'blobs/incoming'));

  it('are stored, replaced, listed and removed', async () => {
    const saved = await files.save(space, 'a/b.html', 'one', asApp);
    const expected = { path: '/a/b.html', sizeBytes: 3, contentType: 'text/html', origin: 'app', hash: hashOf('one') };
    assert.deepEqual(saved, { ...expected, modifiedAtMs: now });
    await files.save(space, '/a/b.html', Buffer.from('two!'), asUpload);
    assert.equal(await read('/a/b.html'), 'two!');
    await files.save(space, '/c', 'x', asApp);
    const listed = await Array.fromAsync(files.list(space, '/'));
    assert.deepEqual(
      listed.map(({ path }) => path),
      ['/a/', '/c'],
    );
    assert.deepEqual(await files.usage(space), { files: 2, bytes: 5 });
    assert.equal(await files.remove(space, '/c'), true);
    assert.equal(await files.remove(space, '/c'), false);
    assert.equal(await read('/c'), null);
  });
  it('keep nothing of an upload that is cut off', async () => {
    async function* cut() {
      yield Buffer.from('part');
      throw new Error('cut');
    }
    await files.save(space, '/a', 'before', asApp);
    await assert.rejects(files.save(space, '/a', cut(), asApp), /cut/);
    const upload = await files.startUpload(space, '/a', asApp);
    await upload.append(Buffer.from('part'));
    await upload.abort();
    await assert.rejects(upload.append(Buffer.from('more')), { code: 'conflict' });
    assert.equal(await read('/a'), 'before');
    assert.deepEqual(await incoming(), []);
  });
  it('are visible when the upload is committed, in the order of its pieces, and not before', async () => {
    const upload = await files.startUpload(space, '/a', asApp);
    const pieces = ['1', '22', '333'].map((text) => upload.append(Buffer.from(text)));
    await Promise.all(pieces);
    assert.equal(await read('/a'), null);
    await upload.commit();
    assert.equal(await read('/a'), '122333');
    await assert.rejects(upload.commit(), { code: 'conflict' });
  });
  it('have a size limit each', async () => {
    await assert.rejects(files.save(space, '/a', Buffer.alloc(1_000_001), asApp), { code: 'payload_too_large' });
    assert.deepEqual(await incoming(), []);
  });
  it('have a limit together, which is told while the bytes come', async () => {
    maxBytes = 1_000;
    await files.save(space, '/a', Buffer.alloc(600), asApp);
    const upload = await files.startUpload(space, '/b', asApp);
    await upload.append(Buffer.alloc(400));
    await assert.rejects(upload.append(Buffer.alloc(1)), { code: 'quota_exceeded' });
    await upload.abort();
    await files.save(space, '/a', Buffer.alloc(1_000), asApp);
    await assert.rejects(files.save(space, '/b', 'x', asApp), { code: 'quota_exceeded' });
    await assert.rejects(files.checkQuota(space, 1), { code: 'quota_exceeded' });
    await files.checkQuota(space, 0);
    assert.deepEqual(await incoming(), []);
  });
  it('cannot get past the limit by being uploaded at the same time', async () => {
    maxBytes = 1_000;
    const saves = ['/a', '/b', '/c'].map((path) => files.save(space, path, Buffer.alloc(400), asApp));
    const results = await Promise.allSettled(saves);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2);
    assert.deepEqual(await files.usage(space), { files: 2, bytes: 800 });
  });
  it('of a removed space are gone', async () => {
    for (let n = 0; n < 5; n += 1) await files.save(space, `/${n}`, 'x', asApp);
    await files.removeSpace(space);
    assert.deepEqual(await Array.fromAsync(files.list(space, '/')), []);
  });

  describe('as an app sees them', () => {
    it('what was deployed comes before what was uploaded; what the app stored is not among its source files', async () => {
      const manifests = createAssetManifests(blobs);
      const appFiles = createAppFiles(files, manifests);
      await blobs.put('deployed');
      const asset = (path: string) => ({ path, hash: hashOf('deployed'), sizeBytes: 8 });
      const assetsHash = await manifests.save([asset('/web/b.html'), asset('/web/a.html'), asset('/views/x.hbs')]);
      const owner = { spaceId: space, assetsHash, createdAt: 5_000 };
      await files.save(space, '/web/a.html', 'uploaded', asUpload);
      await files.save(space, '/web/c.html', 'uploaded', asUpload);
      await files.save(space, '/web/secret.html', 'stored by the app', asApp);

      const originOf = async (store: 'source' | 'stored', path: string) =>
        (await appFiles.find(owner, store, path))?.origin ?? null;
      assert.equal(await originOf('source', '/web/a.html'), 'deployment');
      assert.equal(await originOf('source', '/web/c.html'), 'upload');
      assert.equal(await originOf('source', '/web/secret.html'), null);
      assert.equal(await originOf('stored', '/web/a.html'), 'upload');
      assert.equal(await originOf('stored', '/web/secret.html'), 'app');
      assert.equal(await originOf('stored', '/web/b.html'), null);

      const list = async (store: 'source' | 'stored', path: string, recursive = false) =>
        (await appFiles.list(owner, store, path, { recursive, limit: 100 })).map((entry) => entry.path);
      assert.deepEqual(await list('source', '/'), ['/views/', '/web/']);
      assert.deepEqual(await list('source', '/web'), ['/web/a.html', '/web/b.html', '/web/c.html']);
      assert.deepEqual(await list('stored', '/web'), ['/web/a.html', '/web/c.html', '/web/secret.html']);
      assert.deepEqual((await list('source', '/', true)).length, 4);
      assert.deepEqual(await appFiles.find({ ...owner, assetsHash: null }, 'source', '/web/b.html'), null);
    });
    it('a list of assets refuses names that leave the app, and names that come twice', async () => {
      const manifests = createAssetManifests(blobs);
      const asset = (path: string) => ({ path, hash: hashOf('x'), sizeBytes: 1 });
      await assert.rejects(manifests.save([asset('/../x')]), { code: 'invalid_name' });
      await assert.rejects(manifests.save([asset('/x'), asset('//x')]), { code: 'invalid_request' });
    });
  });

  describe('that nothing names any more', () => {
    const collect = (listReferenced: () => AsyncIterable<string> = async function* () {}) =>
      collectBlobs({ storage, blobs, listReferenced, clock: { now: () => now } });

    it('are removed a day after the last reference went, and not before', async () => {
      await files.save(space, '/a', 'kept', asApp);
      await files.save(space, '/b', 'removed', asApp);
      await files.save(space, '/c', 'replaced', asApp);
      const referenced = await blobs.put('of a deployment');
      const hashes = ['kept', 'removed', 'replaced', 'of a deployment'].map(hashOf);
      const old = new Date(now - 30 * collectAfterMs);
      for (const hash of hashes) await utimes(join(directory, 'blobs', hash.slice(0, 2), hash), old, old);
      await files.remove(space, '/b');
      await files.save(space, '/c', 'new', asApp);
      const existing = async () => Promise.all(hashes.map(async (hash) => (await blobs.sizeOf(hash)) !== null));

      await collect(async function* () {
        yield referenced.hash;
      });
      assert.deepEqual(await existing(), [true, true, true, true]);
      now += collectAfterMs + 60_000;
      await collect(async function* () {
        yield referenced.hash;
      });
      assert.deepEqual(await existing(), [true, false, false, true]);
      await collect();
      assert.deepEqual(await existing(), [true, false, false, false]);
      assert.equal(await read('/a'), 'kept');
    });
    it('are spared when somebody puts them again at that moment', async () => {
      const { hash } = await blobs.put('again');
      now += 2 * collectAfterMs;
      const [, gone] = await Promise.all([blobs.put('again'), blobs.removeIfOlder(hash, now - collectAfterMs)]);
      if (gone) await blobs.put('again');
      await blobs.put('again');
      assert.equal(await blobs.removeIfOlder(hash, Date.now() - 1_000), false);
      assert.equal(await blobs.readText(hash), 'again');
    });
  });
});
