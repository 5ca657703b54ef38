// Durable work of an app on a real gateway: tasks and three-step workflows in user code, all with fsync.
//   node bench/durable.mjs [tasks] [instances]
import { readFileSync } from 'node:fs';
import { deployDurableApp } from './lib/durable-app.mjs';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';

const tasks = Number(process.argv[2] ?? 30_000);
const instances = Number(process.argv[3] ?? 3_000);
const gateway = await startGateway();

try {
  const app = await deployDurableApp(gateway);
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024;
  const rows = [];
  const add = (what, value, unit) => rows.push({ what, measured: value.toFixed(1), unit });

  if (tasks > 0) {
    add('tasks, enqueue and process', await app.tasksPerSecond('fast', tasks), 'tasks/s');
    const single = await app.tasksPerSecond('fast', Math.ceil(tasks / 2), { single: true });
    add('the same, enqueued one by one', single, 'tasks/s');
    const few = Math.max(500, Math.floor(tasks / 10));
    add('tasks, workers 1 strict', await app.tasksPerSecond('strict', few), 'tasks/s');
  }
  add('three-step workflows', await app.stepsPerSecond(instances), 'steps/s');
  add('a lone instance, p50, from start to its end', await app.loneMs(200), 'ms');
  add('the same with three HTTP requests', await app.loneOverHttpMs(100), 'ms');
  add('memory of the gateway', memory(), 'MB');
  printTable('Durable work', rows);
} finally {
  await gateway.stop();
}
