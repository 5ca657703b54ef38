/** The journal: events that survive kill -9, retries, dead letters, replay. Real files, real processes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HookEvent } from '../../src/core/hook-event.ts';
import { computeRetryDelayMs } from '../../src/core/retry.ts';
import { toRetryPolicy } from '../../src/hooks/dispatch/listener.ts';
import { openSqliteJournal } from '../../src/hooks/index.ts';
import { parseEvent, stringifyEvent } from '../../src/hooks/journal/event-json.ts';
import { createTestHome, startEngine, type TestHome } from './support.ts';

const childFile = path.join(import.meta.dirname, 'journal-child.ts');

/** Runs the child until it has acknowledged enough or ends by itself; then kills it without warning. */
async function runChild(home: TestHome, args: string[], killAfter: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childFile, ...args], {
    env: home.env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ack ')) acknowledged.push(line.slice(4));
    if (acknowledged.length >= killAfter && child.exitCode === null) child.kill('SIGKILL');
  }
  return acknowledged;
}

test('R-5 no acknowledged detached event is lost when the process is killed', async (t) => {
  const home = createTestHome(t);
  const out = path.join(home.home, 'handled.txt');
  home.hook('writer', {
    events: ['message:received'],
    handler: `import fs from 'node:fs';
export default async (e) => {
  await new Promise((r) => setTimeout(r, Math.random() * 20));
  fs.appendFileSync(${JSON.stringify(out)}, e.context.n + '\\n');
};`,
  });
  const rounds = process.env.TACKLE_LONG === '1' ? 100 : 20;
  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    acknowledged.push(...(await runChild(home, ['emit', String(round)], 10 + Math.floor(Math.random() * 20))));
  }
  await runChild(home, ['recover'], Number.POSITIVE_INFINITY);
  const handled = existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : [];
  const seen = new Set(handled);
  assert.deepEqual(
    acknowledged.filter((n) => !seen.has(n)),
    [],
  );
  assert.ok(acknowledged.length >= rounds * 10);
});

test('R-5 recovery keeps the order of a session and does not repeat what was recorded as done', async (t) => {
  const home = createTestHome(t);
  const out = path.join(home.home, 'handled.txt');
  const handler = `import fs from 'node:fs';
export default (e) => { fs.appendFileSync(${JSON.stringify(out)}, e.context.n + '\\n'); if (fs.existsSync(${JSON.stringify(path.join(home.home, 'block'))})) return new Promise(() => {}); };`;
  home.hook('writer', { events: ['message:received'], handler });
  const first = await startEngine(t, home);
  await first.emit('message', 'received', 's', { n: 'done' });
  await first.settle();
  home.write('block', '');
  for (const n of ['a', 'b', 'c']) await first.emit('message', 'received', 's', { n, when: new Date(5) });
  while (!readFileSync(out, 'utf8').includes('a')) await new Promise((resolve) => setImmediate(resolve));
  await first.stop({ deadlineMs: 50 });
  const { rmSync, writeFileSync } = await import('node:fs');
  rmSync(path.join(home.home, 'block'));
  writeFileSync(out, '');
  const second = await startEngine(t, home);
  await second.settle();
  const lines = readFileSync(out, 'utf8').trim().split('\n');
  // "a" was running when the engine stopped, so it has not had its try.
  assert.deepEqual(lines, ['a', 'b', 'c']);
  assert.equal(lines.includes('done'), false);
});

test('R-5 an awaited event that was cut off is listed after the restart and not run again', async (t) => {
  const home = createTestHome(t);
  const out = path.join(home.home, 'ran.txt');
  home.hook('h', {
    events: ['command:new'],
    handler: `import fs from 'node:fs'; export default () => { fs.appendFileSync(${JSON.stringify(out)}, 'x'); return new Promise(() => {}); };`,
  });
  const journal = openSqliteJournal({
    file: path.join(home.home, '.tackle/hooks.db'),
    getConfig: () => ({}),
    onError: () => undefined,
  });
  const event: HookEvent = {
    type: 'command',
    action: 'new',
    sessionKey: 's',
    timestamp: new Date(),
    messages: [],
    context: {},
  };
  const stored = {
    id: 'e1',
    mode: 'await' as const,
    event,
    agentId: 'main',
    listeners: ['h@command:new'],
    createdMs: Date.now(),
    open: true,
  };
  await journal.appendEvent(stored, { durable: true });
  await journal.close();
  const engine = await startEngine(t, home);
  await engine.settle();
  const runs = await engine.listRuns();
  assert.deepEqual(
    runs.map((run) => [run.eventId, run.hook, run.outcome, run.error?.message]),
    [['e1', 'h', 'crashed', 'the gateway ended before the handler had']],
  );
  assert.equal(existsSync(out), false);
});

test('a dedupe key runs once', async (t) => {
  const home = createTestHome(t);
  home.hook('h', { events: ['message:received', 'command:new'], handler: 'export default () => {};' });
  const engine = await startEngine(t, home);
  const first = await engine.emit('message', 'received', 's', {}, { dedupeKey: 'k' });
  const second = await engine.emit('message', 'received', 's', {}, { dedupeKey: 'k' });
  await engine.settle();
  assert.equal(first.duplicateOf, undefined);
  assert.equal(second.duplicateOf, first.eventId);
  assert.equal((await engine.listRuns({ hook: 'h' })).length, 1);
});

test('R-6 a failing delivery is tried again, ends as a dead letter, and can be replayed', async (t) => {
  const home = createTestHome(t);
  const ok = path.join(home.home, 'ok');
  home.hook('flaky', {
    events: ['message:received'],
    handler: `import fs from 'node:fs'; export default () => { if (!fs.existsSync(${JSON.stringify(ok)})) throw new Error('not yet'); };`,
  });
  home.hook('plain', { events: ['message:received'], handler: 'export default () => { throw new Error("once"); };' });
  home.config({
    hooks: { internal: { enabled: true, entries: { flaky: { retry: { maxAttempts: 3, baseMs: 5, maxMs: 20 } } } } },
  });
  const engine = await startEngine(t, home);
  await engine.emit('message', 'received', 's', { n: 1 });
  await engine.settle();
  const runs = await engine.listRuns();
  assert.deepEqual(
    runs.filter((run) => run.hook === 'flaky').map((run) => [run.attempts, run.outcome]),
    [
      [3, 'dead'],
      [2, 'error'],
      [1, 'error'],
    ],
  );
  assert.deepEqual(
    runs.filter((run) => run.hook === 'plain').map((run) => run.outcome),
    ['error'],
  );
  const preview = await engine.replay({ dryRun: true });
  assert.deepEqual(
    preview.replayed.map((item) => item.hook),
    ['flaky'],
  );
  home.write('ok', '');
  const report = await engine.replay({});
  assert.deepEqual(
    report.replayed.map((item) => [item.hook, item.outcome]),
    [['flaky', 'ok']],
  );
});

test('R-14 a full queue spills to the journal, drops with a record, or makes the producer wait', async (t) => {
  const home = createTestHome(t);
  const handler = 'export default async (e) => { await new Promise((r) => setTimeout(r, 5)); };';
  for (const name of ['spill', 'drop', 'block']) home.hook(name, { events: [`message:${name}`], handler });
  const entry = (overflow: string) => ({ overflow, queueLimit: 3 });
  home.config({
    hooks: {
      internal: { enabled: true, entries: { spill: entry('spill'), drop: entry('drop'), block: entry('block') } },
    },
  });
  const engine = await startEngine(t, home);
  for (const name of ['spill', 'drop', 'block']) {
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => engine.emit('message', name, 's', { n, cfg: 'x'.repeat(10) })),
    );
    await engine.settle();
  }
  const count = async (hook: string, outcome: string) =>
    (await engine.listRuns({ hook, limit: 100 })).filter((run) => run.outcome === outcome).length;
  assert.equal(await count('spill', 'ok'), 12);
  assert.equal(await count('block', 'ok'), 12);
  assert.equal((await count('drop', 'ok')) + (await count('drop', 'skipped')), 12);
  assert.ok((await count('drop', 'skipped')) > 0);
});

test('R-28 secrets of the configuration do not appear in records', async (t) => {
  const home = createTestHome(t);
  home.hook('talks', {
    handler:
      'export default (e) => { console.log(e.context.cfg.hooks.internal.entries.talks.env.API_KEY); throw new Error(e.context.cfg.channels.botToken); };',
  });
  const config = {
    channels: { botToken: 'bot-secret-123' },
    hooks: { internal: { enabled: true, entries: { talks: { env: { API_KEY: 'key-secret-456' } } } } },
  };
  home.config(config);
  const engine = await startEngine(t, home);
  await engine.emit('command', 'new', 's', { cfg: config });
  const [run] = await engine.listRuns();
  assert.equal(run?.logs.trim(), '[redacted]');
  assert.equal(run?.error?.message, '[redacted]');
  await engine.stop();
  const stored =
    readFileSync(path.join(home.home, '.tackle/hooks.db')).toString('latin1') +
    readFileSync(path.join(home.home, '.tackle/hooks.db')).toString('utf8');
  for (const secret of ['bot-secret-123', 'key-secret-456']) assert.equal(stored.includes(secret), false);
});

test('events keep what JSON has no word for', () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: true }),
      fc.bigInt(),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('node'),
        { maxKeys: 4 },
      ),
    ),
  })).node;
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__' && key !== 'cfg'),
        value,
      ),
      (context) => {
        const event: HookEvent = {
          type: 't',
          action: 'a',
          sessionKey: 's',
          timestamp: new Date(1),
          messages: [],
          context,
        };
        const back = parseEvent(stringifyEvent(event), undefined);
        // JSON has one zero only.
        const normalize = (item: unknown): unknown =>
          Object.is(item, -0)
            ? 0
            : Array.isArray(item)
              ? item.map(normalize)
              : item instanceof Date || typeof item !== 'object' || item === null
                ? item
                : Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, normalize(inner)]));
        assert.deepEqual(normalize(back), normalize(event));
      },
    ),
  );
});

test('retry delays grow, stay below the maximum and never fall under half of it with jitter', () => {
  const retry = { maxAttempts: 9, backoff: 'exponential' as const, baseMs: 100, maxMs: 1_000, jitter: false };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 60].map((attempt) => computeRetryDelayMs(toRetryPolicy(retry), attempt, 0)),
    [100, 200, 400, 800, 1_000, 1_000],
  );
  assert.equal(computeRetryDelayMs(toRetryPolicy({ ...retry, jitter: true }), 1, 1), 50);
  assert.equal(computeRetryDelayMs(toRetryPolicy({ ...retry, backoff: 'fixed' }), 7, 0), 100);
});
