// Static files of 10 kB against bare node:http with a constant of that size, measured in turns in one run.
// node bench/static.mjs [seconds]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildApp } from '../src/apps/build/index.ts';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';
import { load, requireWrk } from './lib/wrk.mjs';

requireWrk();
const seconds = Number(process.argv[2] ?? 5);
const rounds = 3;
const bytes = Buffer.alloc(10_000, 'x');

const bare = spawn(process.execPath, [join(import.meta.dirname, 'lib/bare-bytes-server.mjs'), String(bytes.length)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const bareUrl = await new Promise((resolve) => createInterface({ input: bare.stdout }).once('line', resolve));
const gateway = await startGateway();
// Also when something fails on the way, nothing is left running.
process.once('exit', () => {
  bare.kill();
  process.kill(gateway.pid);
});
const base = await deploy();

const targets = [
  { name: 'bare node:http', url: `${bareUrl}/page.html`, pids: [bare.pid] },
  { name: 'app.static', url: `${base}/web/page.html`, pids: [gateway.pid] },
  { name: 'app.storage', url: `${base}/stored/page.html`, pids: [gateway.pid] },
];
for (const target of targets) await load(target.url, { ...target, seconds: 2 });
const results = new Map(targets.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  const order = round % 2 === 0 ? targets : targets.toReversed();
  for (const target of order) results.get(target.name).push(await load(target.url, { ...target, seconds }));
}
const median = (name) => results.get(name).toSorted((a, b) => a.perSecond - b.perSecond)[1];
const reference = median('bare node:http');
printTable(
  'A file of 10 kB',
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
process.removeAllListeners('exit');
bare.kill();
await gateway.stop();

async function deploy() {
  const project = await gateway.api('POST', '/projects', { name: 'static' });
  const path = `/projects/${project.id}/spaces/dev`;
  const authorization = `Bearer ${(await readFile(join(gateway.home, 'admin.token'), 'utf8')).trim()}`;
  const put = async (target) => {
    const answer = await fetch(`${gateway.url}/api/v1${path}${target}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/octet-stream' },
      body: bytes,
    });
    if (!answer.ok) throw new Error(await answer.text());
  };
  const hash = createHash('sha256').update(bytes).digest('hex');
  await put(`/assets/${hash}`);
  await put('/files/content?path=/stored/page.html');
  const { code } = await buildApp({ dir: join(import.meta.dirname, 'apps/static') });
  const assets = [{ path: '/web/page.html', hash }];
  await gateway.api('POST', `${path}/deployments`, { bundle: code, kind: 'tackle', assets });
  return `${gateway.url}/p/${project.id}/dev`;
}
