// The sandbox alone: starts, memory, and requests per second over the protocol with an ABI that does nothing.
// Usage: node bench/sandbox.mjs [--seconds 3]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDenoSandbox } from '../src/sandbox/deno/open-deno-sandbox.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });
const seconds = Number(values.seconds);
const echoAbi = fileURLToPath(new URL('../src/sandbox/testing/echo-abi.ts', import.meta.url));

const code = `globalThis.__tackleExports = {
  async request(head, body, sink, host) {
    if (head.path === '/call') await host.call('echo', { key: 'value' });
    sink.head(200, [['content-type', 'application/json; charset=utf-8']]);
    sink.end('{"hello":"world"}');
  },
};`;

const request = {
  method: 'GET',
  hostname: 'localhost',
  headers: {
    host: 'localhost:3011',
    'user-agent': 'bench',
    accept: '*/*',
    'x-apikey': '0f3c1d9e-9b61-4a53-8d2c-6f9b4c4f0f10',
  },
  path: '/dev/hello',
  apiPath: '/hello',
  originalUrl: '/dev/hello',
  query: {},
  remoteAddress: '127.0.0.1',
  space: 'dev',
  authHook: null,
  route: 0,
  params: {},
  middleware: [],
  body: null,
};

function startOptions() {
  return {
    label: 'bench/dev/1',
    code,
    env: {},
    limits: { memoryMb: 256, evaluationTimeoutMs: 5000 },
    host: { call: async (_method, params) => params },
    egress: { allowedCidrs: [], deniedPorts: [] },
    onLog: () => {},
  };
}

async function measureStarts() {
  const opened = performance.now();
  const sandbox = await openDenoSandbox({ cacheDir: join(tmpdir(), 'tackle-bench'), abiModule: echoAbi, spares: 0 });
  const first = await sandbox.start(startOptions());
  console.log(`open and first start   ${(performance.now() - opened).toFixed(0)} ms`);
  await first.stop(0);
  const cold = [];
  for (let round = 0; round < 10; round++) {
    const started = performance.now();
    const app = await sandbox.start(startOptions());
    cold.push(performance.now() - started);
    await app.stop(0);
  }
  console.log(`cold start             ${median(cold).toFixed(1)} ms`);
  await sandbox[Symbol.asyncDispose]();
}

async function measureWarmStarts() {
  const sandbox = await openDenoSandbox({ cacheDir: join(tmpdir(), 'tackle-bench'), abiModule: echoAbi });
  const warm = [];
  for (let round = 0; round < 10; round++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const started = performance.now();
    const app = await sandbox.start(startOptions());
    warm.push(performance.now() - started);
    await app.stop(0);
  }
  console.log(`start from warm spare  ${median(warm).toFixed(1)} ms`);
  return sandbox;
}

async function measureRequests(app, path, inFlight) {
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  const cpu = process.cpuUsage();
  const shot = { ...request, path };
  const loop = async () => {
    while (performance.now() < until) {
      await app.request(shot, { timeoutMs: 5000 });
      answered++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const used = process.cpuUsage(cpu);
  const perSecond = Math.round(answered / seconds);
  const micros = ((used.user + used.system) / answered).toFixed(1);
  console.log(
    `${path.padEnd(10)} ${String(inFlight).padStart(4)} in flight  ${perSecond}/s, ${micros} µs CPU of the gateway each`,
  );
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

await measureStarts();
const sandbox = await measureWarmStarts();
const app = await sandbox.start(startOptions());
for (const inFlight of [1, 16, 64, 256]) await measureRequests(app, '/hello', inFlight);
await measureRequests(app, '/call', 64);
console.log(`resident               ${((await app.residentBytes()) / 1024 / 1024).toFixed(0)} MB`);
await sandbox[Symbol.asyncDispose]();
