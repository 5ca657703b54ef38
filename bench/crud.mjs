// crudlify against bare node:http with a constant: GET of one document by id, and lists of 100 of many documents by an
// indexed filter.
// node bench/crud.mjs [seconds] [documents]
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';
import { load, requireWrk } from './lib/wrk.mjs';

requireWrk();
const seconds = Number(process.argv[2] ?? 5);
const documents = Number(process.argv[3] ?? 1_000_000);
const rounds = 3;
const perGroup = 100;

const bare = spawn(process.execPath, [join(import.meta.dirname, 'lib/bare-server.mjs')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const bareUrl = await new Promise((resolve) => bare.stdout.once('data', (data) => resolve(String(data).trim())));
const gateway = await startGateway();
// Also when something fails on the way, nothing is left running.
process.once('exit', () => {
  bare.kill();
  process.kill(gateway.pid);
});
const app = await gateway.deploy('crud', join(import.meta.dirname, 'apps/crud'));
const headers = { 'x-apikey': app.token };
const one = await (
  await fetch(`${app.base}/few`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'a document', count: 1, tags: ['a', 'b'], nested: { x: 1 } }),
  })
).json();
const targets = [
  { name: 'bare node:http', url: `${bareUrl}/hello`, pids: [bare.pid] },
  { name: 'GET of one document', url: `${app.base}/few/${one._id}`, headers, pids: [gateway.pid] },
];
if (documents > 0) {
  await importDocuments();
  targets.push({
    name: `list of ${perGroup} of ${documents}`,
    url: `${app.base}/many?group=${Math.floor(documents / perGroup / 2)}&limit=${perGroup}`,
    headers,
    pids: [gateway.pid],
  });
}
await checkList();
for (const target of targets) await load(target.url, { ...target, seconds: 2 });
const results = new Map(targets.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  const order = round % 2 === 0 ? targets : targets.toReversed();
  for (const target of order) results.get(target.name).push(await load(target.url, { ...target, seconds }));
}
const median = (name) => results.get(name).toSorted((a, b) => a.perSecond - b.perSecond)[1];
const reference = median('bare node:http');
printTable(
  'crudlify',
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

async function importDocuments() {
  const token = (await readFile(join(gateway.home, 'admin.token'), 'utf8')).trim();
  const authorization = `Bearer ${token}`;
  await gateway.api('POST', `${app.path}/collections`, { name: 'many' });
  await gateway.api('POST', `${app.path}/collections/many/indexes`, { fields: ['group'] });
  const chunk = 100_000;
  for (let start = 0; start < documents; start += chunk) {
    const lines = [];
    for (let number = start; number < Math.min(start + chunk, documents); number += 1) {
      lines.push(JSON.stringify({ group: Math.floor(number / perGroup), number, text: 'some text of a document' }));
    }
    const answer = await fetch(`${gateway.url}/api/v1${app.path}/collections/many/import`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
}

/** A list that finds nothing would be fast. */
async function checkList() {
  if (targets.length < 3) return;
  const answer = await fetch(targets[2].url, { headers });
  const { length } = await answer.json();
  if (length !== perGroup) throw new Error(`The list has ${length} documents, not ${perGroup}`);
}
