/**
 * What only the SQLite engine promises: fairness among spaces, bounded queues, readers that do not hold each other up, start
 * after an unclean stop, what maintenance does on its own. Real: threads and files. Fake: a slow disk, where a test says so.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { parseSort } from '../../core/query/sort.ts';
import { buildIndex, findIds, inSpace, insert, newDocument, ref } from '../conformance/harness.ts';
import { openConnection } from './connection.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { compareEntries, type SortEntry } from './reads/sort-entries.ts';
import { SortSpools } from './reads/sort-spools.ts';
import { openTemporaryStorage } from './testing/temporary-storage.ts';

describe('sqlite writer', () => {
  test('a space that floods is refused; other spaces and the system are served meanwhile', async () => {
    await using opened = await openTemporaryStorage({ commitsPerSpace: 100, testing: { commitDelayMs: 50 } });
    const { storage } = opened;
    const put = (space: string, key: string) =>
      storage.commit([{ kind: 'keyvalue.set', space, keyspace: '', key, value: '1', expiresAtMs: null }], {
        lane: { lane: 'space', space },
      });
    const flood = Array.from({ length: 3_000 }, (_, n) => put('flood', `${n}`));
    const flooded = Promise.allSettled(flood);
    const started = performance.now();
    await put('quiet', 'a');
    await storage.commit([{ kind: 'record.put', type: 't', key: 'k', value: 1, expect: 'any' }], {
      lane: { lane: 'system' },
    });
    assert.ok(performance.now() - started < 1_000);
    const results = await flooded;
    const refused = results.filter((result) => result.status === 'rejected');
    assert.ok(refused.length > 0);
    assert.ok(refused.every(({ reason }) => (reason as { code: string }).code === 'overloaded'));
    const accepted = results.length - refused.length;
    const { entries } = await storage.read({
      kind: 'keyvalue.list',
      space: 'flood',
      keyspace: '',
      prefix: '',
      limit: 5_000,
    });
    assert.equal(entries.length, accepted);
  });

  test('reads are answered while the disk is slow', async () => {
    await using opened = await openTemporaryStorage();
    await insert(opened.storage, { a: {} });
    const storage = await opened.reopen({ testing: { commitDelayMs: 1_000 } });
    const writing = insert(storage, { b: {} });
    const started = performance.now();
    assert.notEqual(await storage.read({ kind: 'document.get', ...ref(), id: 'a' }), null);
    assert.ok(performance.now() - started < 800);
    await writing;
  });

  test('readiness is told by a write that reached the disk', async () => {
    await using opened = await openTemporaryStorage();
    await opened.storage.checkReady();
    await opened.storage[Symbol.asyncDispose]();
    await assert.rejects(insert(opened.storage, { a: {} }), { code: 'storage_unavailable' });
  });

  test('with too little free space apps are refused and the system goes on', async () => {
    await using opened = await openTemporaryStorage({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    await assert.rejects(insert(opened.storage, { a: {} }), { code: 'disk_full' });
    await opened.storage.commit([{ kind: 'record.put', type: 't', key: 'k', value: 1, expect: 'any' }], {
      lane: { lane: 'system' },
    });
  });

  test('a writer thread that ends is replaced; what waited is done, what was under way is rejected', async () => {
    const workers: Worker[] = [];
    const note = (worker: Worker): number => workers.push(worker);
    process.on('worker', note);
    await using opened = await openTemporaryStorage({ testing: { commitDelayMs: 100 } });
    process.off('worker', note);
    const { storage } = opened;
    await insert(storage, { before: {} });
    const underWay = Promise.allSettled([insert(storage, { u1: {} }), insert(storage, { u2: {} })]);
    await sleep(20);
    await workers[0]!.terminate();
    const [first] = await underWay;
    if (first.status === 'rejected') assert.equal((first.reason as { code: string }).code, 'storage_unavailable');
    await insert(storage, { after: {} });
    await storage.checkReady();
    const ids = await findIds(storage);
    assert.ok(ids.includes('before') && ids.includes('after'));
  });

  test('there is a limit to collections, and a dropped one makes room again', async () => {
    await using opened = await openTemporaryStorage({ maxCollections: 2 });
    const { storage } = opened;
    await insert(storage, { a: {} }, 'one');
    await insert(storage, { a: {} }, 'two');
    await assert.rejects(insert(storage, { a: {} }, 'three'), { code: 'quota_exceeded' });
    await insert(storage, { b: {} }, 'one');
    await storage.commit([{ kind: 'collection.drop', ...ref('one') }], inSpace);
    await eventually(() => insert(storage, { a: {} }, 'three'));
  });

  test('an index whose build was interrupted is built after the next start', async () => {
    await using opened = await openTemporaryStorage();
    const documents = Array.from({ length: 2_000 }, (_, n) => newDocument(`d${n}`, { n }));
    await opened.storage.commit([{ kind: 'document.insert', ...ref(), documents }], inSpace);
    await opened.storage.commit([{ kind: 'index.create', ...ref(), field: 'n' }], inSpace);
    const storage = await opened.reopen();
    await eventually(async () => {
      const info = await storage.read({ kind: 'collection.get', ...ref() });
      assert.equal(info?.indexes[0]?.state, 'ready');
    });
    assert.deepEqual(await findIds(storage, { filter: { n: 1_234 } }), ['d1234']);
  });

  test('expired rows and dropped tables are freed without being asked for', async () => {
    await using opened = await openTemporaryStorage();
    const { storage, directory } = opened;
    await storage.commit(
      [
        {
          kind: 'document.insert',
          ...ref(),
          documents: Array.from({ length: 500 }, (_, n) => ({
            ...newDocument(`d${n}`, { n }),
            expiresAtMs: Date.now() + 5,
          })),
        },
        { kind: 'keyvalue.set', space: ref().space, keyspace: '', key: 'k', value: '1', expiresAtMs: Date.now() + 5 },
      ],
      inSpace,
    );
    await insert(storage, { a: {} }, 'dropped');
    await storage.commit([{ kind: 'index.create', ...ref('dropped'), field: 'f' }], inSpace);
    await storage.commit([{ kind: 'collection.drop', ...ref('dropped') }], inSpace);
    const count = (sql: string): number => {
      const connection = openConnection({ path: `${directory}/tackle.db`, readOnly: true });
      try {
        return (connection.db.prepare(sql).get() as { n: number }).n;
      } finally {
        connection.close();
      }
    };
    await eventually(async () => {
      assert.equal(count('SELECT count(*) AS n FROM document_expiry'), 0);
      assert.equal(count('SELECT count(*) AS n FROM keyvalue'), 0);
      assert.equal(count('SELECT count(*) AS n FROM d_1'), 0);
      assert.equal(count(`SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('d_2', 'i_1')`), 0);
    });
  });
});

describe('sqlite readers', () => {
  test('a long scan does not hold up point reads, small queries or other spaces', async () => {
    await using opened = await openTemporaryStorage({ scanThreads: 1 });
    const { storage } = opened;
    for (let start = 0; start < 10_000; start += 5_000) {
      const documents = Array.from({ length: 5_000 }, (_, n) =>
        newDocument(`d${start + n}`, { n, s: 'x'.repeat(200) }),
      );
      await storage.commit([{ kind: 'document.insert', ...ref(), documents }], inSpace);
    }
    const other = { space: 'other', collection: 'c' };
    await storage.commit([{ kind: 'document.insert', ...other, documents: [newDocument('a', { n: 1 })] }], {
      lane: { lane: 'space', space: 'other' },
    });
    let scansDone = 0;
    const scans = Array.from({ length: 4 }, async () => {
      await storage.read({
        kind: 'document.count',
        ...ref(),
        filter: parseFilter({ s: { $regex: '(x|y)+z$' }, n: { $gt: -1 } }),
      });
      scansDone += 1;
    });
    const started = performance.now();
    await storage.read({ kind: 'document.get', ...ref(), id: 'd1' });
    await storage.read({ kind: 'document.find', ...other, filter: parseFilter({ n: 1 }), limit: 10 });
    const elapsed = performance.now() - started;
    assert.equal(scansDone, 0, 'the scans must still be under way for this to say anything');
    assert.ok(elapsed < 500, `${elapsed} ms`);
    await Promise.all(scans);
  });

  test('a condition on an indexed field searches the index, a sort by it walks it', async () => {
    await using opened = await openTemporaryStorage();
    const { storage } = opened;
    const documents = Array.from({ length: 500 }, (_, n) => newDocument(`d${n}`, { n, tags: [`t${n % 5}`] }));
    await storage.commit([{ kind: 'document.insert', ...ref(), documents }], inSpace);
    const explain = async (filter: unknown, sort?: string) => {
      const explained = await storage.read({
        kind: 'document.explain',
        ...ref(),
        filter: parseFilter(filter),
        sort: parseSort(sort),
      });
      return { index: explained.index, plan: explained.plan.join('; ') };
    };
    assert.match((await explain({ n: 5 })).plan, /^SCAN d/);
    await buildIndex(storage, 'n');
    await buildIndex(storage, 'tags');
    const searches = /^SEARCH (k|i_\d+) USING PRIMARY KEY/;
    for (const filter of [{ n: 5 }, { n: { $gt: 5, $lt: 9 } }, { n: { $in: [1, 2] } }]) {
      const { index, plan } = await explain(filter);
      assert.equal(index, 'n');
      assert.match(plan, searches);
      assert.doesNotMatch(plan, /SCAN d/);
    }
    assert.equal((await explain({ tags: 't1' })).index, 'tags');
    const sorted = await explain({}, '-n');
    assert.equal(sorted.index, 'n');
    assert.doesNotMatch(sorted.plan, /TEMP B-TREE/);
    assert.equal((await explain({}, '-tags')).index, null, 'an index over arrays does not give the order of a sort');
  });

  test('a sort that needs more than its temporary space is refused with what to do', async () => {
    const order = { keys: [{ path: ['k'], direction: 1 as const }], idDirection: 1 as const };
    await using opened = await openTemporaryStorage();
    const spools = new SortSpools({ directory: `${opened.directory}/tmp`, thread: 1 });
    const builder = spools.build(1, order);
    const key = 'x'.repeat(5_000);
    const entries = Array.from({ length: 10_000 }, (_, n) => ({ keys: [`${n}${key}`], id: `${n}` }));
    assert.throws(
      () => {
        for (let round = 0; round < 20; round += 1) {
          builder.add(entries.map((entry) => ({ ...entry, id: `${entry.id}-${round}` })));
        }
      },
      { code: 'quota_exceeded', message: /Create an index/ },
    );
    builder.discard();
  });

  test('a large sort goes through a file and gives the order of a small one', async () => {
    await using opened = await openTemporaryStorage();
    const spools = new SortSpools({ directory: `${opened.directory}/tmp`, thread: 1 });
    const order = {
      keys: [
        { path: ['a'], direction: -1 as const },
        { path: ['b'], direction: 1 as const },
      ],
      idDirection: 1 as const,
    };
    const entries = Array.from({ length: 60_000 }, (_, n) => ({
      keys: [n % 7 === 0 ? 'text' : (n * 7_919) % 501, n % 3 === 0 ? new Uint8Array([3, n % 2]) : -n],
      id: `d${n}`,
    }));
    const builder = spools.build(1, order);
    for (let start = 0; start < entries.length; start += 1_000) builder.add(entries.slice(start, start + 1_000));
    const spool = builder.finish();
    const expected = entries.toSorted(compareEntries(order)).map(({ id }) => id);
    const read: string[] = [];
    let after: SortEntry | null = null;
    for (;;) {
      const page = spool.readAfter(after, 0, 7_000);
      if (page.length === 0) break;
      read.push(...page.map(({ id }) => id));
      after = page.at(-1)!;
    }
    assert.deepEqual(read, expected);
    spool.close();
    assert.deepEqual(readdirSync(`${opened.directory}/tmp`), []);
  });

  test('a reader sees everything that was acknowledged before', async () => {
    await using opened = await openTemporaryStorage();
    const { storage } = opened;
    for (let n = 0; n < 200; n += 1) {
      await insert(storage, { [`d${n}`]: {} });
      const [got, counted] = await Promise.all([
        storage.read({ kind: 'document.get', ...ref(), id: `d${n}` }),
        storage.read({ kind: 'document.count', ...ref(), filter: parseFilter({ _id: `d${n}` }) }),
      ]);
      assert.notEqual(got, null);
      assert.equal(counted.count, 1);
    }
  });
});

describe('migrations', () => {
  test('every step has the version of its place', () => {
    for (const [index, migration] of migrations.entries()) assert.equal(migration.version, index + 1);
  });

  test('a step that fails changes nothing and names itself; data is backed up before the first step', async () => {
    await using opened = await openTemporaryStorage();
    await opened.storage[Symbol.asyncDispose]();
    const connection = openConnection({ path: `${opened.directory}/tackle.db` });
    const backups: number[] = [];
    const next: Migration = {
      version: migrations.length + 1,
      name: 'next',
      up(db) {
        db.exec('CREATE TABLE fresh (a)');
        throw new Error('half way');
      },
    };
    const options = { migrations: [...migrations, next], backUp: (version: number) => backups.push(version) };
    assert.throws(() => migrate(connection.db, options), /Migration \d+ \(next\) failed/);
    assert.deepEqual(backups, [migrations.length]);
    const table = connection.db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'fresh'`).get();
    assert.equal(table, undefined);
    connection.close();
  });

  test('a newer schema is refused by name', async () => {
    await using opened = await openTemporaryStorage();
    await opened.storage[Symbol.asyncDispose]();
    const connection = openConnection({ path: `${opened.directory}/tackle.db` });
    connection.exec('PRAGMA user_version = 999');
    connection.close();
    await assert.rejects(opened.reopen(), { code: 'storage_unavailable', message: /newer release \(schema 999/ });
  });

  test('no statement can attach another file', async () => {
    await using opened = await openTemporaryStorage();
    const connection = openConnection({ path: `${opened.directory}/tackle.db` });
    assert.throws(() => connection.exec(`ATTACH '${opened.directory}/x.db' AS x`), /not authorized/);
    connection.close();
  });
});

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await check();
      return;
    } catch (error) {
      if (attempt === 300) throw error;
      await sleep(20);
    }
  }
}
