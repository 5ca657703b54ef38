// Does a task cost the same whatever waits, and from how many topics? First the queue's engine on SQLite without a sandbox,
// then a real gateway: its memory with so many tasks waiting, and its way from a crash to the first task.
//   node bench/durable-scale.mjs [most tasks]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queues } from '../src/queues/queues.ts';
import { openSqliteStorage } from '../src/storage/sqlite/open-sqlite-storage.ts';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';

const most = Number(process.argv[2] ?? 1_000_000);
const space = 'bench/dev';
const lane = { lane: { lane: 'space', space } };
const directory = mkdtempSync(join(tmpdir(), 'tackle-scale-'));
let storage = await openSqliteStorage({ directory });
const rows = [];

try {
  let waiting = 0;
  for (const size of [1_000, 100_000, 1_000_000].filter((count) => count <= most)) {
    for (; waiting < size; waiting += 500) await enqueue('many', 500);
    rows.push({
      what: `claim and settle, ${size} waiting`,
      measured: (await claimCost('many', Math.min(40, Math.floor(size / 128)))).toFixed(1),
      unit: 'µs per task',
    });
  }
  await storage[Symbol.asyncDispose]();
  const started = performance.now();
  storage = await openSqliteStorage({ directory });
  const queues = new Queues({ storage });
  await queues.start();
  await new Promise((resolve) => {
    void queues.attach({
      space,
      topic: 'many',
      declared: {},
      handler: async (tasks) => {
        resolve(undefined);
        return tasks.map(() => ({ type: 'done' }));
      },
    });
  });
  rows.push({ what: 'open to first claim', measured: (performance.now() - started).toFixed(0), unit: 'ms' });
  await queues.stop(1_000);
  rows.push({ what: 'memory of the process', measured: (process.memoryUsage.rss() / 1e6).toFixed(0), unit: 'MB' });
  for (const topics of [1, 8, 64]) {
    const names = Array.from({ length: topics }, (_, n) => `topic${topics}-${n}`);
    rows.push({
      what: `enqueue to settled, ${topics} topics`,
      measured: (await throughput(names)).toFixed(0),
      unit: 'tasks/s',
    });
  }
  printTable('The queue alone', rows);
} finally {
  await storage[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}
await measureGateway(most);

async function measureGateway(tasks) {
  let gateway = await startGateway();
  const measured = [];
  try {
    const { base, project, token } = await gateway.deploy('bench', join(import.meta.dirname, 'apps/durable'));
    const headers = { 'x-apikey': token };
    const startedAt = performance.now();
    const chunk = Math.min(50_000, tasks);
    for (let filled = 0; filled < tasks; filled += chunk) {
      const answer = await fetch(`${base}/fill/slow?count=${chunk}`, { method: 'POST', headers });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    }
    const perSecond = (tasks * 1_000) / (performance.now() - startedAt);
    measured.push({ what: 'enqueued by an app in batches', measured: perSecond.toFixed(0), unit: 'tasks/s' });
    const residentMb = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024;
    measured.push({ what: `memory after ${tasks} tasks`, measured: residentMb().toFixed(0), unit: 'MB' });
    await gateway.kill();
    const killedAt = performance.now();
    gateway = await startGateway({}, gateway.home);
    for (let trickled = 0; trickled === 0; ) {
      const answer = await fetch(`${gateway.url}/p/${project}/dev/counts`, { headers });
      ({ trickled } = await answer.json());
    }
    const restartMs = performance.now() - killedAt;
    measured.push({ what: 'kill -9 to the first task in user code', measured: restartMs.toFixed(0), unit: 'ms' });
    measured.push({ what: 'memory after the restart', measured: residentMb().toFixed(0), unit: 'MB' });
  } finally {
    await gateway.stop();
  }
  printTable('A gateway with a backlog', measured);
}

function enqueue(topic, count) {
  const tasks = Array.from({ length: count }, (_, n) => ({ space, topic, payload: `{"n":${n}}` }));
  return storage.commit([{ kind: 'task.enqueue', tasks, nowMs: Date.now() }], lane);
}

async function claimCost(topic, rounds) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const nowMs = Date.now();
    const started = performance.now();
    const [{ tasks }] = await storage.commit(
      [{ kind: 'task.claim', owner: 'bench', nowMs, requests: [{ space, topic, limit: 64 }] }],
      lane,
    );
    const settlements = tasks.map(({ seq, attempt }) => ({ seq, attempt, settlement: { type: 'done' } }));
    await storage.commit([{ kind: 'task.settle', settlements, nowMs }], lane);
    times.push(((performance.now() - started) * 1_000) / tasks.length);
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

async function throughput(topics) {
  const queues = new Queues({ storage });
  const count = 32_000;
  let done = 0;
  const { promise, resolve } = Promise.withResolvers();
  for (const topic of topics) {
    await queues.attach({
      space,
      topic,
      declared: { workers: 8, retentionMs: 0 },
      handler: async (tasks) => {
        done += tasks.length;
        if (done >= count) resolve();
        return tasks.map(() => ({ type: 'done' }));
      },
    });
  }
  const started = performance.now();
  const batch = Array.from({ length: 500 }, (_, n) => ({
    space,
    topic: topics[n % topics.length],
    payload: '{"n":1}',
  }));
  await Promise.all(Array.from({ length: count / 500 }, () => queues.enqueue(batch)));
  await promise;
  const seconds = (performance.now() - started) / 1_000;
  await queues.stop(1_000);
  return count / seconds;
}
