// Real files in a temporary directory.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BlobStore, openBlobStore } from './blob-store.ts';

describe('the blob store', () => {
  let directory: string;
  let blobs: BlobStore;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tackle-blobs-'));
    blobs = await openBlobStore(directory);
  });
  after(() => rm(directory, { recursive: true }));

  it('names a blob by its SHA-256, stores it once and reads it back, whole and in part', async () => {
    const first = await blobs.put('hello');
    const second = await blobs.put(Buffer.from('hello'));
    assert.equal(first.hash, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    assert.deepEqual(second, first);
    assert.equal(await blobs.readText(first.hash), 'hello');
    const part = Buffer.concat(await blobs.openRead(first.hash, { start: 1, end: 3 }).toArray());
    const pieces: Buffer[] = [];
    for await (const piece of blobs.readPieces(first.hash, { start: 1, end: 3 })) pieces.push(Buffer.from(piece));
    assert.deepEqual(Buffer.concat(pieces), part);
    assert.equal(part.toString(), 'ell');
  });
  it('keeps nothing of a source that fails or is too large', async () => {
    async function* broken() {
      yield Buffer.from('part');
      throw new Error('cut');
    }
    await assert.rejects(blobs.put(broken()), /cut/);
    await assert.rejects(blobs.put(Buffer.alloc(11), { maxBytes: 10 }), { code: 'payload_too_large' });
    assert.deepEqual(await readdir(join(directory, 'incoming')), []);
  });
  it('refuses names that are no hashes', async () => {
    await assert.rejects(blobs.readText('../../etc/passwd'), { code: 'not_found' });
    assert.throws(() => blobs.openRead('x'), { code: 'not_found' });
  });
  it('takes and gives a large blob without letting its bytes gather in memory', async () => {
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const look = () => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    };
    async function* large() {
      for (let number = 0; number < 2_000; number += 1) {
        yield Buffer.alloc(65_536, number);
        look();
      }
    }
    const { hash, sizeBytes } = await blobs.put(large());
    for await (const _piece of blobs.openRead(hash)) look();
    assert.equal(sizeBytes, 2_000 * 65_536);
    assert.ok(peak < 16_000_000, `${peak} bytes lay in buffers at once`);
  });
  it('lists and removes', async () => {
    const { hash } = await blobs.put('to be removed');
    const names = async () => (await Array.fromAsync(blobs.list())).map((blob) => blob.hash);
    assert.ok((await names()).includes(hash));
    await blobs.remove(hash);
    assert.ok(!(await names()).includes(hash));
    assert.equal(await blobs.sizeOf(hash), null);
  });
});
