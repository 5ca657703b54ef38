// Durable work of an app on a real gateway: tasks and three-step workflows in user code, all with fsync.
//   node bench/durable.mjs [tasks] [instances]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';

const tasks = Number(process.argv[2] ?? 30_000);
const instances = Number(process.argv[3] ?? 3_000);
const gateway = await startGateway();

try {
  const { base, token } = await gateway.deploy('bench', join(import.meta.dirname, 'apps/durable'));
  const app = async (method, path) => {
    const answer = await fetch(`${base}${path}`, { method, headers: { 'x-apikey': token } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024;
  const rows = [];
  const add = (what, value, unit) => rows.push({ what, measured: value.toFixed(1), unit });

  if (tasks > 0) {
    add('tasks, enqueue and process', await measure(app, `/fill/fast?count=${tasks}`, 'handled', tasks), 'tasks/s');
    const few = Math.max(500, Math.floor(tasks / 10));
    add('tasks, workers 1 strict', await measure(app, `/fill/strict?count=${few}`, 'handled', few), 'tasks/s');
  }
  const perSecond = await measure(app, `/start?count=${instances}`, 'completed', instances);
  add('three-step workflows', 3 * perSecond, 'steps/s');
  const lone = [];
  for (let n = 0; n < 100; n += 1) {
    const started = performance.now();
    await measure(app, '/start?count=1', 'completed', 1);
    lone.push(performance.now() - started);
  }
  lone.sort((a, b) => a - b);
  add('a lone instance, p50, with three HTTP requests', lone[50], 'ms');
  add('memory of the gateway', memory(), 'MB');
  printTable('Durable work', rows);
} finally {
  await gateway.stop();
}

/** Per second, from the first enqueue to the last result. */
async function measure(app, path, counter, count) {
  const before = (await app('GET', '/counts'))[counter];
  const started = performance.now();
  const producing = app('POST', path);
  for (;;) {
    const now = (await app('GET', '/counts'))[counter];
    if (now - before >= count) break;
    if (count > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = (performance.now() - started) / 1000;
  await producing;
  return count / seconds;
}
