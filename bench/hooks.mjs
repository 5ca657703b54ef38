/**
 * Speed of the hooks room: dispatch of a no-op handler in isolation, 10,000 detached events through 5 hooks with the
 * journal on the disk, discovery of 200 hooks, and `hooks list` as a command. Prints one JSON object; `--check` exits
 * with 1 when a figure misses its target.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { discoverHooks } from '../src/hooks/discovery/discover-hooks.ts';
import { createHookEngine } from '../src/hooks/index.ts';

const targets = {
  dispatchP50Ms: 0.2,
  tenThousandEventsMs: 5_000,
  discovery200Ms: 150,
  listMs: 250,
  memoryGrowthMb: 50,
};

const home = mkdtempSync(path.join(os.tmpdir(), 'tackle-bench-hooks-'));
const state = path.join(home, '.openclaw');

function writeHook(root, name, events, handler) {
  const dir = path.join(root, name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    path.join(dir, 'HOOK.md'),
    `---\nname: ${name}\nmetadata: ${JSON.stringify({ openclaw: { events } })}\n---\n`,
  );
  writeFileSync(path.join(dir, 'handler.js'), handler);
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const env = { ...process.env, HOME: home, OPENCLAW_STATE_DIR: '' };
const noop = 'export default async () => {};';
writeHook(path.join(state, 'hooks'), 'noop', ['command:stop'], noop);
for (let n = 0; n < 5; n += 1) writeHook(path.join(state, 'hooks'), `detached-${n}`, ['message:received'], noop);
writeFileSync(path.join(state, 'openclaw.json'), '{ hooks: { internal: { enabled: true } } }');

const engine = createHookEngine({ env, bundledHooksDir: '/nonexistent' });
await engine.start();

const context = {
  sessionEntry: { sessionId: 'abc', sessionFile: '/tmp/abc.jsonl' },
  commandSource: 'telegram',
  senderId: '1',
};
for (let n = 0; n < 2_000; n += 1) await engine.emit('command', 'stop', 'agent:main:main', context);
const samples = [];
for (let n = 0; n < 5_000; n += 1) {
  const startedAt = performance.now();
  await engine.emit('command', 'stop', 'agent:main:main', context);
  samples.push(performance.now() - startedAt);
}
samples.sort((a, b) => a - b);

const total = 10_000;
async function runDetached() {
  const startedAt = performance.now();
  let pending = [];
  for (let n = 0; n < total; n += 1) {
    pending.push(
      engine.emit('message', 'received', `agent:main:session-${n % 100}`, {
        from: 'x',
        content: `message ${n}`,
        channelId: 'bench',
        metadata: {},
      }),
    );
    if (pending.length === 256) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
  await engine.settle();
  return performance.now() - startedAt;
}
const firstMs = await runDetached();
globalThis.gc?.();
const memoryBefore = process.memoryUsage().heapUsed;
const secondMs = await runDetached();
globalThis.gc?.();
const memoryGrowthMb = (process.memoryUsage().heapUsed - memoryBefore) / 1024 / 1024;
let recorded = 0;
for (let n = 0; n < 5; n += 1)
  recorded += (await engine.listRuns({ hook: `detached-${n}`, outcomes: ['ok'], limit: 1_000_000 })).length;
await engine.stop();

const many = path.join(home, 'many');
for (let n = 0; n < 200; n += 1) writeHook(many, `hook-${n}`, ['command:new'], noop);
const scan = () => discoverHooks([{ dir: many, kind: 'managed' }], { trustedSymlinkRoots: [], lenientMetadata: false });
await scan();
const scanStartedAt = performance.now();
const found = await scan();
const discovery200Ms = performance.now() - scanStartedAt;

const cli = path.join(import.meta.dirname, '..', 'bin', 'tackle');
const listSamples = [];
try {
  for (let n = 0; n < 5; n += 1) {
    const startedAt = performance.now();
    execFileSync(cli, ['hooks', 'list', '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    listSamples.push(performance.now() - startedAt);
  }
} catch {
  listSamples.length = 0;
}

const result = {
  dispatchP50Ms: percentile(samples, 0.5),
  dispatchP99Ms: percentile(samples, 0.99),
  tenThousandEventsMs: Math.min(firstMs, secondMs),
  runsRecorded: recorded,
  runsExpected: total * 2 * 5,
  memoryGrowthMb,
  discovery200Ms,
  discovered: found.hooks.length,
  listMs: listSamples.length === 0 ? null : Math.min(...listSamples),
};
console.log(JSON.stringify(result, null, 2));
rmSync(home, { recursive: true, force: true });

if (process.argv.includes('--check')) {
  const missed = Object.entries(targets).filter(([name, limit]) => result[name] !== null && result[name] > limit);
  for (const [name, limit] of missed) console.error(`${name}: ${result[name]} misses ${limit}`);
  if (recorded !== total * 2 * 5) console.error('runs were lost');
  process.exitCode = missed.length > 0 || recorded !== total * 2 * 5 ? 1 : 0;
}
