/** Real: the engine, archives on disk, the system's tar as second opinion where it is there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { asSystem, get, inSpace, insert, newDocument, ref } from '../conformance/harness.ts';
import { lockHome } from '../sqlite/lock-home.ts';
import { openSqliteStorage } from '../sqlite/open-sqlite-storage.ts';
import { createBackup } from './create-backup.ts';
import { restoreBackup, restoredRecord } from './restore-backup.ts';
import { decodeTarHeader, encodeTarHeader } from './tar.ts';

const nowMs = 1_700_000_000_000;

test('a backup made under load is complete as of one moment, and restores into a paused home', async () => {
  await using work = await makeHome();
  const { storage, home, archive } = work;
  let isDone = false;
  const writing = (async () => {
    for (let n = 0; !isDone; n += 1) {
      await storage.commit(
        [
          { kind: 'document.insert', ...ref('load'), documents: [newDocument(`d${n}`, { n })] },
          { kind: 'keyvalue.increment', space: ref().space, keyspace: '', key: 'load', by: 1 },
        ],
        inSpace,
      );
    }
  })();
  await insert(storage, { a: { n: 1 } });
  const manifest = await backUp(work);
  isDone = true;
  await writing;
  await storage[Symbol.asyncDispose]();
  assert.deepEqual(
    manifest.files.map(({ name }) => name),
    ['tackle.db', 'tackle.json', 'blobs/ab/abcdef'],
  );

  await writeFile(join(home, 'secret.key'), 'key');
  const restored = await restoreBackup({ archivePath: archive, homeDirectory: home, nowMs });
  assert.equal(await readFile(join(home, 'blobs/ab/abcdef'), 'utf8'), 'blob');
  assert.equal(await readFile(join(home, 'secret.key'), 'utf8'), 'key');
  assert.ok(existsSync(join(restored.previousHome!, 'tackle.db')));
  await using after = await openSqliteStorage({ directory: home });
  assert.deepEqual(await get(after, 'a'), { n: 1, _id: 'a' });
  const load = await after.read({ kind: 'collection.get', ...ref('load') });
  const counter = await after.read({ kind: 'keyvalue.get', space: ref().space, keyspace: '', key: 'load' });
  assert.equal(load?.documents ?? 0, Number(counter ?? 0));
  const record = await after.read({ kind: 'record.get', ...restoredRecord });
  assert.deepEqual(record?.value, { restoredAtMs: nowMs, paused: true });
});

test('an archive is a tar file', { skip: hasTar() ? false : 'no tar on this machine' }, async () => {
  await using work = await makeHome();
  await backUp(work);
  const names = execFileSync('tar', ['-tf', work.archive], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(names, ['tackle.db', 'tackle.json', 'blobs/ab/abcdef', 'manifest.json']);
});

test('an existing file is never overwritten by a backup', async () => {
  await using work = await makeHome();
  await writeFile(work.archive, 'mine');
  await assert.rejects(backUp(work), { code: 'invalid_request', message: /exists already/ });
  assert.equal(await readFile(work.archive, 'utf8'), 'mine');
});

test('a damaged, cut or foreign archive is refused, and the home stays as it was', async () => {
  await using work = await makeHome();
  await insert(work.storage, { a: {} });
  await backUp(work);
  await work.storage[Symbol.asyncDispose]();
  const whole = readFileSync(work.archive);
  const listHome = async () => (await readdir(work.home)).filter((name) => name !== 'lock.db');
  const before = await listHome();
  const restore = () => restoreBackup({ archivePath: work.archive, homeDirectory: work.home, nowMs });
  const damages: [string, (bytes: Buffer) => Promise<void>][] = [
    ['cut', () => truncate(work.archive, whole.length - 2_048)],
    ['cut early', () => truncate(work.archive, 5_000)],
    ['empty', () => truncate(work.archive, 0)],
    ['a byte of the database', (bytes) => flip(work.archive, bytes, 512 + 5_000)],
    ['a header', (bytes) => flip(work.archive, bytes, 10)],
    ['something else', () => writeFile(work.archive, 'hello')],
  ];
  for (const [name, damage] of damages) {
    await writeFile(work.archive, whole);
    await damage(Buffer.from(whole));
    await assert.rejects(restore(), { code: 'invalid_request' }, name);
    assert.deepEqual(await listHome(), before, name);
    assert.deepEqual((await readdir(work.path)).sort(), ['backup.tar', 'home'], name);
  }
});

test('a home in use is not restored over', async () => {
  await using work = await makeHome();
  await backUp(work);
  using _lock = lockHome(work.home, { pid: 1, host: 'h', url: null });
  const restoring = restoreBackup({ archivePath: work.archive, homeDirectory: work.home, nowMs });
  await assert.rejects(restoring, { code: 'home_locked' });
});

test('an archive cannot write outside of the home', async () => {
  await using work = await makeHome();
  const evil = join(work.path, 'evil.tar');
  for (const name of ['../escaped', '/tmp/escaped', 'a/../../escaped', '']) {
    await writeFile(evil, Buffer.concat([encodeTarHeader({ name, size: 0, mode: 0o600 }), Buffer.alloc(1_024)]));
    const restoring = restoreBackup({ archivePath: evil, homeDirectory: join(work.path, 'new'), nowMs });
    await assert.rejects(restoring, { code: 'invalid_request' });
    assert.equal(existsSync(join(work.path, 'escaped')), false);
  }
});

test('tar headers hold long names and large sizes', () => {
  const name = `${'directory/'.repeat(14)}${'n'.repeat(90)}`;
  for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 45]) {
    assert.deepEqual(decodeTarHeader(encodeTarHeader({ name, size, mode: 0o644 })), { name, size, mode: 0o644 });
  }
  assert.throws(() => encodeTarHeader({ name: 'n'.repeat(101), size: 0, mode: 0 }), { code: 'invalid_request' });
});

async function makeHome() {
  const path = await mkdtemp(join(tmpdir(), 'tackle-backup-'));
  const home = join(path, 'home');
  const storage = await openSqliteStorage({ directory: home });
  await storage.commit([{ kind: 'record.put', type: 't', key: 'k', value: 1, expect: 'any' }], asSystem);
  await mkdir(join(home, 'blobs/ab'), { recursive: true });
  await writeFile(join(home, 'blobs/ab/abcdef'), 'blob');
  await writeFile(join(home, 'tackle.json'), '{}');
  return {
    path,
    home,
    storage,
    archive: join(path, 'backup.tar'),
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await rm(path, { recursive: true, force: true });
    },
  };
}

function backUp({ storage, home, archive }: Awaited<ReturnType<typeof makeHome>>) {
  return createBackup({
    storage,
    targetPath: archive,
    listFiles: () => ['tackle.json', 'blobs/ab/abcdef'].map((name) => ({ name, path: join(home, name) })),
    version: '0.0.0',
    nowMs,
  });
}

async function flip(path: string, bytes: Buffer, position: number): Promise<void> {
  bytes[position] = (bytes[position] ?? 0) ^ 0xff;
  await writeFile(path, bytes);
}

function hasTar(): boolean {
  try {
    execFileSync('tar', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
