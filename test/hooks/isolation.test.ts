/** Hostile hooks in real threads, processes and the real sandbox. The limits are short; nothing else is faked. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogCollector, createTestHome, pushes, startEngine } from './support.ts';

const hostile: Record<string, { handler: string; outcome: string; error: RegExp }> = {
  'a-exit': { handler: 'export default () => { process.exit(0); };', outcome: 'crashed', error: /process\.exit\(0\)/ },
  'b-uncaught': {
    handler: 'export default () => new Promise(() => { setTimeout(() => { throw new Error("late throw"); }, 5); });',
    outcome: 'crashed',
    error: /late throw/,
  },
  'c-loop': { handler: 'export default () => { while (true) {} };', outcome: 'timeout', error: /within 1000 ms/ },
  'd-heap': {
    handler: 'export default () => { const all = []; while (true) all.push(new Array(100000).fill(1.5)); };',
    outcome: 'crashed',
    error: /memory/,
  },
  'e-buffers': {
    handler:
      'export default async () => { const all = []; while (true) { all.push(Buffer.alloc(10_000_000, 1)); await new Promise((r) => setTimeout(r, 2)); } };',
    outcome: 'crashed',
    error: /memory/,
  },
  'f-hang': { handler: 'export default () => new Promise(() => {});', outcome: 'timeout', error: /within 1000 ms/ },
};

test('R-1 R-2 each hostile hook ends only itself, the next handler runs, and the engine stays quick', async (t) => {
  const home = createTestHome(t);
  const entries: Record<string, object> = {};
  for (const [name, { handler }] of Object.entries(hostile)) {
    home.hook(name, { handler });
    entries[name] = { timeoutMs: name === 'c-loop' || name === 'f-hang' ? 1_000 : 10_000, memoryMb: 64 };
  }
  home.hook('z-good', { handler: pushes('good') });
  home.config({ hooks: { internal: { enabled: true, entries } } });
  const engine = await startEngine(t, home);
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const { runs, messages } = await engine.emit('command', 'new', 's');
  loop.disable();
  for (const run of runs) {
    const expected = hostile[run.hook];
    if (expected === undefined) continue;
    assert.equal(run.outcome, expected.outcome, run.hook);
    assert.match(run.error?.message ?? '', expected.error);
  }
  assert.deepEqual(messages, ['good']);
  // The hooks have threads of their own; what is measured here includes other work of a shared machine.
  assert.ok(loop.percentile(99) / 1e6 < 50, `event loop p99 was ${loop.percentile(99) / 1e6} ms`);
  const again = await engine.emit('command', 'new', 's', {}, { hook: 'z-good' });
  assert.deepEqual(
    again.runs.map((run) => run.outcome),
    ['ok'],
  );
});

test('R-2 a rejection that nobody handles is recorded with its run, and the hook lives on', async (t) => {
  const home = createTestHome(t);
  home.hook('r', {
    handler:
      'let n = 0; export default (e) => { n += 1; Promise.reject(new Error("forgotten")); e.messages.push(String(n)); };',
  });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['1']);
  while (!lines.some((line) => line.message.includes('forgotten'))) await delay(5);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['2']);
  const runs = await engine.listRuns();
  assert.ok(runs.some((run) => run.logs.includes('forgotten')));
});

test('R-2 work that a handler leaves running goes on, and its output joins the record', async (t) => {
  const home = createTestHome(t);
  const target = path.join(home.home, 'later.txt');
  home.hook('bg', {
    handler: `import fs from 'node:fs';
async function processInBackground() {
  await new Promise((resolve) => setTimeout(resolve, 300));
  console.log('background done');
  fs.writeFileSync(${JSON.stringify(target)}, 'later');
}
export default async (event) => { void processInBackground(event); };`,
  });
  const engine = await startEngine(t, home);
  const { runs } = await engine.emit('command', 'new', 's');
  assert.equal(runs[0]?.outcome, 'ok');
  assert.equal(existsSync(target), false);
  while (!existsSync(target)) await delay(10);
  assert.equal(readFileSync(target, 'utf8'), 'later');
  let logs = '';
  while (!logs.includes('background done')) logs = (await engine.listRuns())[0]?.logs ?? '';
});

test('R-4 a module that never finishes loading is a load error, and side effects of imports stay captured', async (t) => {
  const home = createTestHome(t);
  home.hook('slow', {
    handler:
      'console.log("import output"); await new Promise(() => setInterval(() => {}, 1000)); export default () => {};',
  });
  home.hook('spin', { handler: 'while (true) {} export default () => {};' });
  home.hook('good', { handler: pushes('good') });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger, loadTimeoutMs: 1_500 });
  const errors = engine.list().hooks.filter((hook) => hook.loadError !== undefined);
  assert.deepEqual(
    errors.map((hook) => hook.name),
    ['slow', 'spin'],
  );
  assert.match(errors[0]?.loadError ?? '', /longer than 1500 ms/);
  assert.ok(lines.some((line) => line.message === 'slow: import output'));
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['good']);
});

test('R-14 a hook cannot start children without end, and its children end with it', async (t) => {
  const home = createTestHome(t);
  home.hook('forks', {
    handler: `import { spawn } from 'node:child_process';
export default (e) => { for (let i = 0; i < 50; i += 1) { const child = spawn('sleep', ['60']); e.messages.push(String(child.pid)); } };`,
  });
  const engine = await startEngine(t, home);
  const { runs, messages } = await engine.emit('command', 'new', 's');
  assert.match(runs[0]?.error?.message ?? '', /already runs 8 child processes/);
  assert.equal(messages.length, 8);
  await engine.stop({ deadlineMs: 200 });
  const isAlive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  };
  const deadline = Date.now() + 5_000;
  while (messages.some((pid) => isAlive(Number(pid))) && Date.now() < deadline) await delay(10);
  assert.deepEqual(
    messages.filter((pid) => isAlive(Number(pid))),
    [],
  );
});

test('R-21 stop ends within its deadline although a handler never settles', async (t) => {
  const home = createTestHome(t);
  home.hook('never', { events: ['gateway:shutdown'], handler: 'export default () => new Promise(() => {});' });
  home.hook('z-after', { events: ['gateway:shutdown'], handler: pushes('after') });
  const engine = await startEngine(t, home);
  const startedAt = Date.now();
  const { runs } = await engine.emit(
    'gateway',
    'shutdown',
    'gateway:shutdown',
    { reason: 'x', restartExpectedMs: null },
    { deadlineMs: 500 },
  );
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['timeout', 'skipped'],
  );
  void engine.emit('gateway', 'shutdown', 'gateway:shutdown', {});
  await engine.stop({ deadlineMs: 500 });
  assert.ok(Date.now() - startedAt < 3_500);
});

test('a hook that needs a process of its own gets one, and ends only it', async (t) => {
  const home = createTestHome(t);
  home.hook('dir', { handler: `export default (e) => { process.chdir('/'); e.messages.push(process.cwd()); };` });
  home.hook('kill', { handler: `export default () => { process.kill(process.pid, 'SIGKILL'); };` });
  const cwd = process.cwd();
  const engine = await startEngine(t, home);
  assert.equal(engine.info('dir')?.reach.isolation, 'process');
  const { runs, messages } = await engine.emit('command', 'new', 's');
  assert.deepEqual(messages, ['/']);
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['ok', 'crashed'],
  );
  assert.equal(process.cwd(), cwd);
});

test('a hook with permissions reaches what it declared and nothing else', async (t) => {
  const home = createTestHome(t);
  mkdirSync(path.join(home.home, 'open'));
  home.write('open/in.txt', 'readable');
  home.write('secret.txt', 'not readable');
  const attempts = `
import fs from 'fs';
import net from 'node:net';
import { spawnSync } from 'node:child_process';
import type { HookHandler } from 'openclaw/hooks';
import { join } from './lib/join';
const attempt = async (name: string, work: () => unknown, event: any) => {
  try { await work(); event.messages.push(name + ': yes'); } catch { event.messages.push(name + ': no'); }
};
const handler: HookHandler = async (event: any) => {
  const home = event.context.home;
  await attempt('read', () => fs.readFileSync(join(home, 'open/in.txt')), event);
  await attempt('write', () => fs.writeFileSync(join(home, 'open/out.txt'), 'x'), event);
  await attempt('secret', () => fs.readFileSync(join(home, 'secret.txt')), event);
  await attempt('escape', () => fs.writeFileSync(join(home, 'other.txt'), 'x'), event);
  await attempt('env', () => { if (process.env.ALLOWED !== 'value') throw new Error(); }, event);
  await attempt('other env', () => { if (!process.env.FORBIDDEN) throw new Error(); }, event);
  await attempt('spawn', () => { if (spawnSync('true').status !== 0) throw new Error(); }, event);
  await attempt('fetch', () => fetch('http://127.0.0.1:' + event.context.port), event);
  await attempt('import', () => import('https://example.com/x.js'), event);
  console.log('from the sandbox');
};
export default handler;`;
  home.hook('boxed', {
    md: `---\nname: boxed\nmetadata: {"openclaw":{"events":["command:new"]},"tackle":{"permissions":{"read":["~/open"],"write":["~/open"],"env":["ALLOWED"]}}}\n---\n`,
    files: {
      'handler.ts': attempts,
      'lib/join.ts': 'export const join = (a: string, b: string): string => a + "/" + b;',
    },
  });
  home.hook('trusted', { events: ['command:stop'], handler: pushes('x') });
  const { logger, lines } = createLogCollector();
  const env = { ...home.env, ALLOWED: 'value', FORBIDDEN: 'value' };
  const engine = await startEngine(t, { ...home, env }, { logger });
  const told = lines.map((line) => line.message).filter((text) => text.startsWith('Loading'));
  assert.deepEqual(told, [
    "Loading workspace hook code: 1 outside the gateway's own thread, with all that its user may do: trusted code; 1 in the sandbox, with declared permissions only.",
  ]);
  assert.deepEqual(engine.info('boxed')?.reach, {
    isolation: 'sandbox',
    permissions: {
      read: [path.join(home.home, 'open')],
      write: [path.join(home.home, 'open')],
      net: [],
      env: ['ALLOWED'],
    },
  });
  const { runs, messages } = await engine.emit('command', 'new', 's', { home: home.home, port: 9 });
  assert.deepEqual(messages, [
    'read: yes',
    'write: yes',
    'secret: no',
    'escape: no',
    'env: yes',
    'other env: no',
    'spawn: no',
    'fetch: no',
    'import: no',
  ]);
  assert.match(runs[0]?.logs ?? '', /from the sandbox/);
  assert.equal(existsSync(path.join(home.home, 'other.txt')), false);
});

test('a sandboxed hook that loops is ended, and starts again for the next event', async (t) => {
  const home = createTestHome(t);
  home.hook('boxed', {
    md: `---\nname: boxed\nmetadata: {"openclaw":{"events":["command:new"]},"tackle":{"permissions":{}}}\n---\n`,
    handler: 'export default (e) => { if (e.context.loop) while (true) {} e.messages.push("ok"); };',
  });
  home.config({ hooks: { internal: { enabled: true, entries: { boxed: { timeoutMs: 500 } } } } });
  const engine = await startEngine(t, home);
  assert.equal((await engine.emit('command', 'new', 's', { loop: true })).runs[0]?.outcome, 'timeout');
  await delay(2_200);
  home.config({ hooks: { internal: { enabled: true, entries: { boxed: { timeoutMs: 10_000 } } } } });
  await engine.reload();
  assert.deepEqual((await engine.emit('command', 'new', 's', {})).messages, ['ok']);
});

test('a handler that sits in a system call times out, and its hook goes on in a process', async (t) => {
  const home = createTestHome(t);
  home.hook('blocks', {
    handler:
      "import { execSync } from 'node:child_process'; export default (e) => { if (e.context.block) execSync('sleep 8'); e.messages.push(String(process.connected)); };",
  });
  home.config({ hooks: { internal: { enabled: true, entries: { blocks: { timeoutMs: 2_000 } } } } });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  assert.deepEqual((await engine.emit('command', 'new', 's', {})).messages, ['undefined']);
  assert.equal((await engine.emit('command', 'new', 's', { block: true })).runs[0]?.outcome, 'timeout');
  while (!lines.some((line) => line.message.includes('runs in a process from now on'))) await delay(20);
  assert.deepEqual((await engine.emit('command', 'new', 's', {})).messages, ['true']);
});
