// Requests through gateway and sandbox against bare node:http and miniflare, measured in turns in one run.
// node bench/http.mjs [seconds]      (miniflare: npm install --prefix bench)
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';
import { load, requireWrk, residentBytes } from './lib/wrk.mjs';

requireWrk();
const seconds = Number(process.argv[2] ?? 5);
const rounds = 3;
const body = JSON.stringify({ name: 'a document', count: 1, tags: ['a', 'b'], nested: { x: 1 } });
const json = { 'content-type': 'application/json' };

const bare = await startScript(join(import.meta.dirname, 'lib/bare-server.mjs'));
const miniflare = await startScript(join(import.meta.dirname, 'lib/miniflare-server.mjs')).catch(() => null);
const gateway = await startGateway();
const app = await gateway.deploy('bench', join(import.meta.dirname, 'apps/small'));
// At rest: a moment after the start, which leaves garbage behind.
await new Promise((resolve) => setTimeout(resolve, 5_000));
const restBytes = residentBytes(gateway.pid);

const targets = [
  { name: 'bare node:http GET', url: `${bare.url}/hello`, pids: [bare.pid] },
  { name: 'tackle GET', url: `${app.base}/hello`, pids: [gateway.pid] },
  {
    name: 'tackle POST one insert',
    url: `${app.base}/documents`,
    pids: [gateway.pid],
    method: 'POST',
    body,
    headers: json,
  },
];
if (miniflare !== null) {
  targets.push(
    { name: 'miniflare GET', url: `${miniflare.url}/hello`, pids: [miniflare.pid] },
    {
      name: 'miniflare POST one D1 insert',
      url: `${miniflare.url}/documents`,
      pids: [miniflare.pid],
      method: 'POST',
      body,
      headers: json,
    },
  );
} else console.log('miniflare is not installed (npm install --prefix bench): its rows are left out');

for (const target of targets) await load(target.url, { ...target, seconds: 2 });
const results = new Map(targets.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  const order = round % 2 === 0 ? targets : targets.toReversed();
  for (const target of order) results.get(target.name).push(await load(target.url, { ...target, seconds }));
}
const median = (name) => results.get(name)?.toSorted((a, b) => a.perSecond - b.perSecond)[1];
const reference = median('bare node:http GET');
printTable(
  'Requests',
  targets.map(({ name }) => {
    const row = median(name);
    return {
      what: name,
      'per second': row.perSecond,
      'of bare': (row.perSecond / reference.perSecond).toFixed(2),
      'p50 ms': row.p50Ms,
      'p99 ms': row.p99Ms,
      'CPU µs': row.cpuMicros,
      errors: row.errors,
    };
  }),
);
const ratio = (a, b) =>
  median(b) === undefined ? 'not measured' : (median(a).perSecond / median(b).perSecond).toFixed(2);
printTable('Ratios', [
  { what: 'GET / bare', measured: ratio('tackle GET', 'bare node:http GET'), wanted: '>= 0.35' },
  { what: 'GET / miniflare GET', measured: ratio('tackle GET', 'miniflare GET'), wanted: '>= 5' },
  {
    what: 'POST / miniflare D1',
    measured: ratio('tackle POST one insert', 'miniflare POST one D1 insert'),
    wanted: '>= 12',
  },
  { what: 'POST / own GET', measured: ratio('tackle POST one insert', 'tackle GET'), wanted: '>= 0.5' },
  { what: 'gateway ready, ms', measured: Math.round(gateway.readyMs), wanted: '<= 500' },
  { what: 'gateway resident before load, MB', measured: Math.round(restBytes / 1e6), wanted: '<= 120' },
]);
await gateway.stop();
bare.child.kill();
miniflare?.child.kill();
process.exit(0);

function startScript(file) {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve({ child, pid: child.pid, url: String(data).trim() }));
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
}
