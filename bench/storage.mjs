/**
 * Storage: inserts against bare node:sqlite in the same run, queries over many documents, scans beside point reads.
 *
 *   node bench/storage.mjs [--documents 1000000] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { createDocuments } from '../src/documents/index.ts';
import { openSqliteStorage } from '../src/storage/sqlite/open-sqlite-storage.ts';

const { values } = parseArgs({ options: { documents: { type: 'string' }, json: { type: 'boolean' } } });
const total = Number(values.documents ?? 1_000_000);
const directory = mkdtempSync(join(tmpdir(), 'tackle-bench-'));
const rows = [];

function report(name, value, unit) {
  rows.push({ name, value: Math.round(value * 100) / 100, unit });
  if (!values.json) console.log(`${name.padEnd(72)} ${rows.at(-1).value} ${unit}`);
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

async function timeEach(count, work) {
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const started = performance.now();
    await work(index);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}

const body = (n) => ({ n, group: n % 1_000, name: `name ${n}`, text: 'x'.repeat(150) });

function benchBareSqlite() {
  const db = new DatabaseSync(join(directory, 'bare.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE d (_id TEXT PRIMARY KEY, body TEXT)');
  const insert = db.prepare('INSERT INTO d VALUES (?, ?)');
  const count = 3_000;
  const started = performance.now();
  for (let n = 0; n < count; n += 1) insert.run(`d${n}`, JSON.stringify(body(n)));
  const perSecond = (count / (performance.now() - started)) * 1_000;
  db.close();
  return perSecond;
}

async function benchInserts(documents, parallel, count) {
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < count) {
        next += 1;
        await documents.insertOne(`inserts${parallel}`, body(next));
      }
    }),
  );
  const elapsed = performance.now() - started;
  const cpu = process.cpuUsage(cpuBefore);
  return { perSecond: (count / elapsed) * 1_000, cpuMicros: (cpu.user + cpu.system) / count };
}

async function fill(documents) {
  const started = performance.now();
  for (let start = 0; start < total; start += 5_000) {
    const batch = Array.from({ length: Math.min(5_000, total - start) }, (_, n) => body(start + n));
    await documents.insertOne('many', batch);
  }
  report(
    `rows/s filling ${total} documents in batches of 5,000`,
    (total / (performance.now() - started)) * 1_000,
    '/s',
  );
}

const storage = await openSqliteStorage({ directory });
try {
  const documents = createDocuments(storage).forSpace('bench');
  const bare = benchBareSqlite();
  report('bare node:sqlite, one insert per commit', bare, '/s');
  for (const [parallel, count] of [
    [1, 3_000],
    [16, 20_000],
    [64, 50_000],
    [256, 50_000],
  ]) {
    const { perSecond, cpuMicros } = await benchInserts(documents, parallel, count);
    report(`insertOne, ${parallel} at once`, perSecond, '/s');
    report(`  ratio to bare`, perSecond / bare, '');
    report(`  CPU per insert, all threads`, cpuMicros, 'µs');
  }
  await fill(documents);

  const slowest = { insert: 0 };
  let isBuilding = true;
  const beside = (async () => {
    while (isBuilding) {
      const started = performance.now();
      await documents.insertOne('beside', { a: 1 });
      slowest.insert = Math.max(slowest.insert, performance.now() - started);
    }
  })();
  const buildStarted = performance.now();
  await documents.createIndex('many', 'n');
  report('createIndex over all documents', performance.now() - buildStarted, 'ms');
  isBuilding = false;
  await beside;
  report('  slowest insert beside it', slowest.insert, 'ms');
  await documents.createIndex('many', 'group');

  const random = () => Math.floor(Math.random() * total);
  const byId = await documents.find('many', {}, { limit: 500 });
  const ids = JSON.parse(byId.json).map((document) => document._id);
  const queries = {
    'get by _id': (n) => documents.getOne('many', ids[n % ids.length]),
    'find by an indexed field, 1 match': () => documents.find('many', { n: random() }),
    'find by an indexed field, limit 20 of 1,000 matches': (n) =>
      documents.find('many', { group: n % 1_000 }, { limit: 20 }),
    'find by a range of an indexed field, 10 matches': () => {
      const from = random();
      return documents.find('many', { n: { $gte: from, $lt: from + 10 } });
    },
    'sort by an indexed field, limit 10': () => documents.find('many', {}, { sort: '-n', limit: 10 }),
    'updateOne by _id': (n) => documents.updateOne('many', ids[n % ids.length], { $inc: { hits: 1 } }),
  };
  for (const [name, query] of Object.entries(queries)) {
    await timeEach(100, query);
    const times = await timeEach(1_000, query);
    report(`${name}: median`, percentile(times, 0.5), 'ms');
    report(`  p99`, percentile(times, 0.99), 'ms');
  }

  const memoryBefore = process.memoryUsage().rss;
  const scan = { isDone: false, peak: 0 };
  const scanStarted = performance.now();
  const scanning = documents.count('many', { text: { $endsWith: 'y' } }).then(() => {
    scan.isDone = true;
    return performance.now() - scanStarted;
  });
  const idle = [];
  const pointTimes = [];
  const findTimes = [];
  while (!scan.isDone) {
    pointTimes.push(...(await timeEach(1, () => documents.getOne('many', ids[idle.length % ids.length]))));
    findTimes.push(...(await timeEach(1, () => documents.find('many', { n: random() }))));
    scan.peak = Math.max(scan.peak, process.memoryUsage().rss);
  }
  report('full scan with a filter that nothing matches', await scanning, 'ms');
  report('  growth of resident memory meanwhile', (scan.peak - memoryBefore) / 1_000_000, 'MB');
  report(
    '  get by _id beside it: p99',
    percentile(
      pointTimes.sort((a, b) => a - b),
      0.99,
    ),
    'ms',
  );
  report(
    '  indexed find beside it: p99',
    percentile(
      findTimes.sort((a, b) => a - b),
      0.99,
    ),
    'ms',
  );

  const sortStarted = performance.now();
  await documents.find('many', {}, { sort: 'name', limit: 20 });
  report('sort without index, limit 20', performance.now() - sortStarted, 'ms');
  const spoolStarted = performance.now();
  await documents.find('many', {}, { sort: 'name' });
  report('sort without index, no limit: first page', performance.now() - spoolStarted, 'ms');
  if (values.json) console.log(JSON.stringify(rows));
} finally {
  await storage[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}
