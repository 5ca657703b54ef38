/**
 * A full disk, a read-only disk, a disk that refuses to write, damaged files. Real: a small tmpfs in a namespace of its own
 * (where the machine permits that; otherwise the test says so), file size limits of the kernel, files cut and overwritten.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { parseFilter } from '../../src/core/query/parse-filter.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';

const inside = join(import.meta.dirname, 'disk-faults-inside.ts');
const noNamespaces = findNoNamespaces();
const everything = parseFilter({});

function findNoNamespaces(): string | false {
  try {
    execFileSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this machine does not permit user and mount namespaces (unshare -Urm)';
  }
}

function runOnTmpfs(mode: string, size: string, directory: string): Record<string, unknown> {
  const script = `mount -t tmpfs -o size=${size} tmpfs "$1" && exec "$2" "$3" "$4" "$1"`;
  const args = ['-Urm', 'sh', '-c', script, 'sh', directory, process.execPath, inside, mode];
  return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as Record<string, unknown>;
}

test('a full disk refuses commits with disk_full, loses nothing, and takes them again when there is room', {
  skip: noNamespaces,
}, async () => {
  await using home = await temporaryDirectory();
  const seen = runOnTmpfs('full', '8m', home.path) as {
    acknowledged: number;
    failure: string;
    during: { again: string; ready: string; rows: number };
    after: { insert: string; ready: string; rows: number };
  };
  assert.ok(seen.acknowledged > 0);
  assert.equal(seen.failure, 'disk_full');
  assert.equal(seen.during.again, 'disk_full');
  assert.equal(seen.during.rows, seen.acknowledged);
  assert.deepEqual(seen.after, { insert: 'ok', ready: 'ok', rows: seen.acknowledged + 2 });
});

test('a read-only disk is refused with a clear message, and used again when it can be written', {
  skip: noNamespaces,
}, async () => {
  await using home = await temporaryDirectory();
  const seen = runOnTmpfs('read-only', '16m', home.path) as { refusal: string; insert: string; rows: number };
  assert.match(seen.refusal, /^storage_unavailable: .*(read-?only|unable to open)/i);
  assert.equal(seen.insert, 'ok');
  assert.equal(seen.rows, 4);
});

test('when the kernel refuses to write, the commit fails, reads go on, and writing goes on afterwards', {
  skip: hasTool('prlimit') ? false : 'needs prlimit (util-linux)',
}, async () => {
  await using home = await temporaryDirectory();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'refused-writes.ts'), home.path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => JSON.parse(String((await lines.next()).value)) as Record<string, unknown>;
  const limit = (bytes: string) => execFileSync('prlimit', [`--pid=${child.pid}`, `--fsize=${bytes}:`]);
  try {
    assert.deepEqual(await nextLine(), { insert: 'ok', rows: 1 });
    limit('1024');
    child.stdin.write('go\n');
    assert.deepEqual(await nextLine(), { insert: 'storage_unavailable', rows: 1 });
    limit('unlimited');
    child.stdin.write('go\n');
    assert.deepEqual(await nextLine(), { insert: 'ok', rows: 2 });
  } finally {
    child.kill('SIGKILL');
  }
});

test('a write-ahead log that was cut or overwritten opens with the commits before the damage', async () => {
  await using home = await temporaryDirectory();
  const original = join(home.path, 'original');
  const storage = await openSqliteStorage({ directory: original });
  for (let n = 0; n < 30; n += 1) {
    await storage.commit(
      [{ kind: 'document.insert', space: 's', collection: 'c', documents: [{ id: `d${100 + n}`, body: '{}' }] }],
      { lane: { lane: 'space', space: 's' } },
    );
  }
  const wal = readFileSync(join(original, 'tackle.db-wal'));
  for (const share of [0.9, 0.6, 0.31]) {
    const directory = join(home.path, `cut-${share}`);
    mkdirSync(directory);
    copyFileSync(join(original, 'tackle.db'), join(directory, 'tackle.db'));
    const cut = wal.subarray(0, Math.floor(wal.length * share));
    writeFileSync(join(directory, 'tackle.db-wal'), cut);
    await using reopened = await openSqliteStorage({ directory });
    const page = await reopened.read({
      kind: 'document.find',
      space: 's',
      collection: 'c',
      filter: everything,
      limit: 100,
    });
    const ids = (JSON.parse(page.json) as { _id: string }[]).map(({ _id }) => _id);
    assert.deepEqual(
      ids,
      Array.from({ length: ids.length }, (_, n) => `d${100 + n}`),
    );
    assert.ok(ids.length < 30);
    await reopened.commit(
      [{ kind: 'document.insert', space: 's', collection: 'c', documents: [{ id: 'new', body: '{}' }] }],
      { lane: { lane: 'space', space: 's' } },
    );
  }
  await storage[Symbol.asyncDispose]();
});

test('a damaged database is refused or reported as storage_corrupt, never served silently', async () => {
  await using home = await temporaryDirectory();
  const storage = await openSqliteStorage({ directory: home.path });
  const documents = Array.from({ length: 2_000 }, (_, n) => ({ id: `d${n}`, body: `{"s":"${'x'.repeat(500)}"}` }));
  await storage.commit([{ kind: 'document.insert', space: 's', collection: 'c', documents }], {
    lane: { lane: 'space', space: 's' },
  });
  await storage[Symbol.asyncDispose]();
  const path = join(home.path, 'tackle.db');

  writeFileSync(join(home.path, 'junk.db'), Buffer.alloc(8_192, 7));
  const junk = join(home.path, 'junk');
  mkdirSync(junk);
  copyFileSync(join(home.path, 'junk.db'), join(junk, 'tackle.db'));
  await assert.rejects(openSqliteStorage({ directory: junk }), { code: 'storage_corrupt' });

  const cut = join(home.path, 'cut');
  mkdirSync(cut);
  copyFileSync(path, join(cut, 'tackle.db'));
  truncateSync(join(cut, 'tackle.db'), 200_000);
  // An unclean stop leaves a log; it makes the start check the file.
  writeFileSync(join(cut, 'tackle.db-wal'), Buffer.alloc(64));
  await assert.rejects(openSqliteStorage({ directory: cut }), { code: 'storage_corrupt' });

  const overwritten = join(home.path, 'overwritten');
  mkdirSync(overwritten);
  copyFileSync(path, join(overwritten, 'tackle.db'));
  const file = openSync(join(overwritten, 'tackle.db'), 'r+');
  for (let page = 60; page < 200; page += 1) writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, page * 4_096);
  const opened = await openSqliteStorage({ directory: overwritten });
  const scan = opened.read({
    kind: 'document.count',
    space: 's',
    collection: 'c',
    filter: parseFilter({ s: { $regex: 'y$' } }),
  });
  await assert.rejects(scan, { code: 'storage_corrupt' });
  await opened[Symbol.asyncDispose]();
});

function hasTool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tackle-faults-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
