// Durable work of Tackle and of its peers, one after another in the same run, all with fsync before they acknowledge.
//   node bench/peers.mjs [tasks] [workflows] [peer ...]
// Peers: graphile-worker, bullmq, dbos, restate. What is missing of them is installed: npm packages below bench/, and
// PostgreSQL and Redis with apt-get. Servers are private ones on temporary directories.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { deployDurableApp } from './lib/durable-app.mjs';
import { startGateway } from './lib/gateway.mjs';
import { measureMemoryMb } from './lib/memory.mjs';
import { printTable } from './lib/table.mjs';
import { installPeers, startPostgres, startRedis, startRestate } from './peers/services.mjs';

const [tasks = 30_000, workflows = 3_000] = process.argv.slice(2).filter(isNumber).map(Number);
const peers = {
  'graphile-worker': { on: 'PostgreSQL', start: startPostgres, count: tasks },
  bullmq: { on: 'Redis, appendfsync always', start: startRedis, count: tasks },
  dbos: { on: 'PostgreSQL', start: startPostgres, count: Math.ceil(workflows / 3) },
  restate: { on: 'its own log', start: startRestate, count: Math.ceil(workflows / 3) },
};
const given = process.argv.slice(2).filter((argument) => !isNumber(argument));
const unknown = given.filter((name) => !Object.hasOwn(peers, name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. There are: ${Object.keys(peers).join(', ')}`);
  process.exit(1);
}
installPeers();

// Ours before and after them: on a shared machine one figure alone says little.
const results = { before: await measureTackle() };
for (const name of given.length > 0 ? given : Object.keys(peers)) results[name] = await measurePeer(name, peers[name]);
results.after = await measureTackle();
printResults();

function isNumber(argument) {
  return /^\d+$/.test(argument);
}

async function measureTackle() {
  const gateway = await startGateway();
  try {
    const app = await deployDurableApp(gateway);
    await app.tasksPerSecond('fast', Math.ceil(tasks / 10));
    const endToEndPerSecond = await app.tasksPerSecond('fast', tasks);
    const strictPerSecond = await app.tasksPerSecond('strict', Math.ceil(tasks / 10));
    await app.stepsPerSecond(Math.ceil(workflows / 10));
    const stepsPerSecond = await app.stepsPerSecond(workflows);
    const loneMs = await app.loneMs(100);
    return { endToEndPerSecond, strictPerSecond, stepsPerSecond, loneMs, memoryMb: measureMemoryMb(gateway.pid) };
  } finally {
    await gateway.stop();
  }
}

/** A peer's client runs in a process of its own, so that its memory can be told from that of the benchmark. */
async function measurePeer(name, { start, count }) {
  const service = await start();
  const args = [service.url, String(count), ...(service.admin === undefined ? [] : [service.admin])];
  const child = fork(join(import.meta.dirname, `peers/${name}-peer.mjs`), args, {
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: ['--disable-warning=DeprecationWarning'],
    // Restate's library writes two lines for each invocation otherwise.
    env: { ...process.env, RESTATE_LOGGING: 'ERROR' },
  });
  let memoryMb = 0;
  const watch = setInterval(() => {
    memoryMb = Math.max(memoryMb, measureMemoryMb(service.pid, child.pid));
  }, 500);
  try {
    const exited = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`)));
    exited.catch(() => undefined);
    const [result] = await Promise.race([once(child, 'message'), exited]);
    return { ...result, memoryMb };
  } finally {
    clearInterval(watch);
    child.kill('SIGKILL');
    await service.stop();
  }
}

function printResults() {
  const format = (value) => (value === undefined ? '' : Math.round(value));
  const labels = { before: 'tackle', after: 'tackle, again' };
  const rows = Object.entries(results).map(([name, result]) => ({
    system: labels[name] ?? `${name} (${peers[name].on})`,
    'tasks enqueued/s': format(result.enqueuedPerSecond),
    'processed/s': format(result.processedPerSecond),
    'end to end/s': format(result.endToEndPerSecond),
    'workflow steps/s': format(result.stepsPerSecond),
    'lone workflow, p50 ms': result.loneMs?.toFixed(1),
    'memory, MB': format(result.memoryMb),
  }));
  printTable('Durable work and its peers', rows);
  const mean = (field) => (results.before[field] + results.after[field]) / 2;
  const ratios = [
    ratio('tasks end to end / graphile-worker', 'endToEndPerSecond', 'graphile-worker', 1),
    ratio('tasks end to end / BullMQ', 'endToEndPerSecond', 'bullmq', 2),
    ratio('workflow steps / DBOS', 'stepsPerSecond', 'dbos', 10),
    ratio('workflow steps / Restate', 'stepsPerSecond', 'restate', 7),
    { what: 'strict tasks with one worker, per second', measured: format(mean('strictPerSecond')), wanted: '>= 1500' },
    { what: 'workflow steps per second', measured: format(mean('stepsPerSecond')), wanted: '>= 10000' },
    { what: 'lone workflow, p50 ms', measured: mean('loneMs').toFixed(1), wanted: '< 5' },
  ];
  printTable(
    'Ratios, with the mean of our two runs',
    ratios.filter((row) => row !== null),
  );

  function ratio(what, field, peer, wanted) {
    if (results[peer] === undefined) return null;
    return { what, measured: (mean(field) / results[peer][field]).toFixed(2), wanted: `>= ${wanted}` };
  }
}
