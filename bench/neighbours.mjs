// What one app feels of others: its p99 alone, and while one neighbour loops for ever and another floods writes.
// node bench/neighbours.mjs [seconds]
import { join } from 'node:path';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';
import { load, requireWrk } from './lib/wrk.mjs';

requireWrk();
const seconds = Number(process.argv[2] ?? 5);
const body = JSON.stringify({ name: 'a document', count: 1, tags: ['a', 'b'], nested: { x: 1 } });
const gateway = await startGateway();
const small = join(import.meta.dirname, 'apps/small');
const quiet = await gateway.deploy('quiet', small);
const flooder = await gateway.deploy('flooder', small);
const looper = await gateway.deploy('looper', join(import.meta.dirname, 'apps/loop'));

// A steady client with few connections: what a person feels, not what saturates the machine.
const measure = () => load(`${quiet.base}/hello`, { seconds, connections: 4, pids: [gateway.pid] });
await load(`${quiet.base}/hello`, { seconds: 2, connections: 4 });
const alone = await measure();

let running = true;
const looping = (async () => {
  while (running) await fetch(`${looper.base}/loop`).catch(() => null);
})();
const flooding = load(`${flooder.base}/documents`, {
  seconds: seconds + 2,
  connections: 50,
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json' },
});
await new Promise((resolve) => setTimeout(resolve, 1000));
const beside = await measure();
running = false;
const flood = await flooding;
printTable('One app and its neighbours', [
  { what: 'alone', 'per second': alone.perSecond, 'p50 ms': alone.p50Ms, 'p99 ms': alone.p99Ms, errors: alone.errors },
  {
    what: 'beside a loop and a flood of writes',
    'per second': beside.perSecond,
    'p50 ms': beside.p50Ms,
    'p99 ms': beside.p99Ms,
    errors: beside.errors,
  },
  { what: 'the flood itself', 'per second': flood.perSecond, 'p50 ms': flood.p50Ms, 'p99 ms': flood.p99Ms },
]);
console.log(`\np99 beside / alone: ${(beside.p99Ms / alone.p99Ms).toFixed(2)} (wanted <= 3)`);
await gateway.stop();
await looping;
process.exit(0);
