/** Dispatch through the real engine with hooks in real threads; nothing is faked but the home directory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HookEvent } from '../../src/core/hook-event.ts';
import { createHookEvent } from '../../src/core/hook-event.ts';
import type { HookEngine } from '../../src/hooks/engine-types.ts';
import { createLogCollector, createTestHome, pushes, startEngine } from './support.ts';

test('T1 family listeners run before exact ones, each in order of registration', async (t) => {
  const home = createTestHome(t);
  home.hook('b-exact', { events: ['command:new'], handler: pushes('exact b') });
  home.hook('a-family', { events: ['command'], handler: pushes('family a') });
  home.hook('c-family', { events: ['command'], handler: pushes('family c') });
  home.hook('a-exact', { events: ['command:new'], handler: pushes('exact a') });
  const engine = await startEngine(t, home);
  const { messages } = await engine.emit('command', 'new', 'agent:main:main', {});
  assert.deepEqual(messages, ['family a', 'family c', 'exact a', 'exact b']);
});

test('T2 an error in the first handler does not stop the second and is logged once', async (t) => {
  const home = createTestHome(t);
  home.hook('a', { handler: 'export default () => { throw new Error("broken\\u001b[31m\\nsecond line"); };' });
  home.hook('b', { handler: pushes('still here') });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  const { messages, runs } = await engine.emit('command', 'new', 's', {});
  assert.deepEqual(messages, ['still here']);
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['error', 'ok'],
  );
  const errors = lines.filter((line) => line.message.startsWith('Hook error'));
  assert.deepEqual(
    errors.map((line) => line.message),
    ['Hook error [command:new]: broken second line'],
  );
});

test('T3 an event without listeners does nothing', async (t) => {
  const engine = await startEngine(t, createTestHome(t));
  const result = await engine.emit('command', 'stop', 's', { a: 1 });
  assert.deepEqual([result.runs, result.messages, result.context], [[], [], { a: 1 }]);
});

test('T4 T5 T8 listeners of this process come, go, and do not hear the event during which they came', async (t) => {
  const engine = await startEngine(t, createTestHome(t));
  const heard: string[] = [];
  const remove = engine.on(
    'command:new',
    () => {
      heard.push('first');
      engine.on('command:new', () => void heard.push('late'), { name: 'late' });
    },
    { name: 'first' },
  );
  assert.deepEqual(engine.getRegisteredEventKeys(), ['command:new']);
  await engine.emit('command', 'new', 's');
  assert.deepEqual(heard, ['first']);
  remove();
  heard.length = 0;
  await engine.emit('command', 'new', 's');
  assert.deepEqual(heard, ['late']);
});

test('T4 removing the last listener removes the key', async (t) => {
  const engine = await startEngine(t, createTestHome(t));
  engine.on('a', () => undefined, { name: 'x' })();
  assert.deepEqual(engine.getRegisteredEventKeys(), []);
});

test('T6 a new event has the time, no messages and an empty context', () => {
  const now = new Date();
  assert.deepEqual(createHookEvent('command', 'new', '', undefined, now), {
    type: 'command',
    action: 'new',
    sessionKey: '',
    timestamp: now,
    messages: [],
    context: {},
  });
});

test('T7 a hook that lists the family and the exact key runs twice', async (t) => {
  const home = createTestHome(t);
  home.hook('twice', { events: ['message', 'message:sent'], handler: pushes('x') });
  const engine = await startEngine(t, home);
  const { runs } = await engine.emit('message', 'sent', 's', {}, { mode: 'await' });
  assert.deepEqual(
    runs.map((run) => run.listenerKey),
    ['message', 'message:sent'],
  );
});

test('T9 T10 nothing loads without the master switch or without a configuration', async (t) => {
  const home = createTestHome(t);
  home.hook('a', { handler: pushes('x') });
  home.write('.openclaw/workspace/legacy.js', pushes('x'));
  home.config({ hooks: { internal: { handlers: [{ event: 'command:new', module: 'legacy.js' }] } } });
  const engine = await startEngine(t, home);
  assert.deepEqual(engine.getRegisteredEventKeys(), []);
  assert.equal((await startEngine(t, createTestHome(t))).getRegisteredEventKeys().length, 0);
});

test('T11 T12 T13 T14 T15 exports, bad modules, legacy order and the count', async (t) => {
  const home = createTestHome(t);
  home.hook('named', {
    metadata: { export: 'run' },
    handler: 'export const run = (e) => { e.messages.push("named"); };',
  });
  home.hook('not-function', { handler: 'export default 5;' });
  home.hook('throws', { handler: 'throw new Error("at import"); export default 1;' });
  home.write('.openclaw/workspace/old/legacy.js', 'export const go = (e) => { e.messages.push("legacy"); };');
  home.config({
    hooks: { internal: { enabled: true, handlers: [{ event: 'command:new', module: 'old/legacy.js', export: 'go' }] } },
  });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  const { messages } = await engine.emit('command', 'new', 's');
  assert.deepEqual(messages, ['named', 'legacy']);
  const texts = lines.map((line) => line.message);
  assert.ok(texts.includes('Registered hook: named -> command:new (export: run)'));
  assert.ok(texts.includes(`Registered hook (legacy): command:new -> ${home.workspace}/old/legacy.js#go`));
  assert.ok(texts.includes('Failed to load hook throws: at import'));
  assert.ok(texts.some((text) => text.includes("Handler 'default' from not-function is not a function")));
  assert.ok(texts.includes('loaded 2 internal hook handlers'));
  const failed = engine.list().hooks.filter((hook) => hook.loadError !== undefined);
  assert.deepEqual(
    failed.map((hook) => hook.name),
    ['not-function', 'throws'],
  );
});

test('S4 legacy modules outside the workspace are refused with the original messages', async (t) => {
  const home = createTestHome(t);
  const modules = ['', '/etc/x.js', '~/x.js', '../x.js', 'missing.js'];
  home.config({
    hooks: { internal: { enabled: true, handlers: modules.map((module) => ({ event: 'command', module })) } },
  });
  const { logger, lines } = createLogCollector();
  await startEngine(t, home, { logger });
  assert.deepEqual(
    lines.filter((line) => line.level === 'error').map((line) => line.message),
    [
      'Handler module path is empty',
      'Handler module path must be workspace-relative (got absolute path): /etc/x.js',
      'Handler module path must be workspace-relative (got absolute path): ~/x.js',
      'Handler module path must stay within workspaceDir: ../x.js',
      'Handler module path could not be resolved with realpath: missing.js',
    ],
  );
});

test('R-3 handlers apart see and leave the event as handlers together would', async (t) => {
  const steps = [
    '(e) => { e.context.bootstrapFiles.push({ name: "A.md", path: "a", content: "1", missing: false }); }',
    '(e) => { e.context.bootstrapFiles = e.context.bootstrapFiles.filter((f) => f.name !== "SOUL.md"); e.messages.push("two"); }',
    '(e) => { e.context.bootstrapFiles[0].content += "!"; e.context.when = e.timestamp; e.context.self = e.context; delete e.context.gone; }',
    '(e) => { e.context.bootstrapFiles.unshift({ path: "virtual", virtual: true }); e.context.fn = () => 1; e.context.isDate = e.context.when instanceof Date; e.messages.unshift("zero"); }',
  ];
  const makeContext = () => ({
    bootstrapFiles: [
      { name: 'AGENTS.md', path: 'x', content: 'c', missing: false },
      { name: 'SOUL.md', path: 'y', content: 's', missing: false },
    ],
    gone: 1,
    shared: { n: 1 },
    deps: { send: () => 'kept at home' },
  });
  const local = createHookEvent('agent', 'bootstrap', 's', makeContext(), new Date(0));
  for (const step of steps) (new Function(`return ${step}`)() as (event: HookEvent) => void)(local);
  const home = createTestHome(t);
  for (const [index, step] of steps.entries())
    home.hook(`h${index}`, { events: ['agent:bootstrap'], handler: `export default ${step};` });
  const engine = await startEngine(t, home);
  const context = makeContext();
  const { deps } = context;
  const result = await engine.emit('agent', 'bootstrap', 's', context, { timestamp: new Date(0) });
  assert.deepEqual(
    result.runs.map((run) => [run.outcome, run.error?.message]),
    steps.map(() => ['ok', undefined]),
  );
  assert.deepEqual(result.messages, local.messages);
  assert.equal(JSON.stringify(result.context.bootstrapFiles), JSON.stringify(local.context.bootstrapFiles));
  assert.equal(result.context.isDate, true);
  assert.equal((result.context.when as Date).getTime(), 0);
  assert.equal('gone' in result.context, false);
  assert.equal(result.context.deps, deps);
});

test('T22 only chat /new and /reset deliver; the record tells the fate of every text', async (t) => {
  const home = createTestHome(t);
  for (const name of ['a', 'b']) home.hook(name, { events: ['command'], handler: pushes(`from ${name}`) });
  const sent: string[] = [];
  const engine = await startEngine(t, home, { host: { sendMessage: async ({ text }) => void sent.push(text) } });
  const chat = await engine.emit('command', 'new', 'agent:main:main', { commandSource: 'telegram' });
  assert.deepEqual(sent, ['from a\n\nfrom b']);
  assert.deepEqual(
    chat.runs.map((run) => run.messages[0]?.fate),
    ['delivered', 'delivered'],
  );
  const rpc = await engine.emit('command', 'reset', 'agent:main:main', { commandSource: 'gateway:sessions.reset' });
  const stop = await engine.emit('command', 'stop', 'agent:main:main', { commandSource: 'telegram' });
  assert.equal(sent.length, 1);
  for (const { runs } of [rpc, stop])
    assert.deepEqual(
      runs.map((run) => run.messages[0]?.fate),
      ['discarded', 'discarded'],
    );
  assert.match(stop.runs[0]?.messages[0]?.reason ?? '', /command:stop are not delivered/);
});

test('a delivery that fails is logged and does not block the command', async (t) => {
  const home = createTestHome(t);
  home.hook('a', { handler: pushes('x') });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  const result = await engine.emit('command', 'new', 's', {}, { deliver: () => Promise.reject(new Error('offline')) });
  assert.equal(result.runs[0]?.messages[0]?.fate, 'discarded');
  assert.ok(lines.some((line) => line.message.includes('offline')));
});

test('T25 message events without a session key are not emitted, and the record says why', async (t) => {
  const home = createTestHome(t);
  home.hook('a', { events: ['message:sent'], handler: pushes('x') });
  const engine = await startEngine(t, home);
  await engine.emit('message', 'sent', '', { to: 'x', content: 'y', success: true });
  await engine.settle();
  const runs = await engine.listRuns();
  assert.deepEqual(
    runs.map((run) => [run.outcome, run.reason]),
    [['skipped', 'message events without a session key are not emitted']],
  );
});

test('R-7 a hook that never ran says so, and which class of reason is the likely one', async (t) => {
  const home = createTestHome(t);
  home.hook('waits', { events: ['session:patch'], handler: pushes('x') });
  home.hook('unknown', { events: ['message_sent'], handler: pushes('x') });
  home.hook('keyless', { events: ['message:sent'], handler: pushes('x') });
  home.hook('ran', { events: ['command:new'], handler: pushes('x') });
  const engine = await startEngine(t, home);
  await engine.emit('command', 'new', 's');
  await engine.emit('message', 'sent', '');
  const explain = (target: HookEngine) =>
    Object.fromEntries(
      target.list().hooks.map((hook) => [hook.name, hook.lastFired === 'never' ? hook.lastFiredReason : 'ran']),
    );
  const expected = {
    keyless: 'message events without a session key are not emitted',
    ran: 'ran',
    unknown: 'unknown event (did you mean message:sent?)',
    waits: 'no such event yet, or its producer is not running',
  };
  assert.deepEqual(explain(engine), expected);
  await engine.stop();
  assert.deepEqual(explain(await startEngine(t, home)), expected, 'the same after a restart');
});

test('R-10 mutable hooks change a message, others do not, and cancel counts only when it is allowed', async (t) => {
  const home = createTestHome(t);
  const handler = 'export default (e) => { e.context.bodyForAgent = "changed"; e.cancel = true; };';
  home.hook('m', { events: ['message:preprocessed'], handler });
  const engine = await startEngine(t, home);
  const plain = await engine.emit('message', 'preprocessed', 's', { bodyForAgent: 'as it was' });
  assert.deepEqual([plain.context.bodyForAgent, plain.cancelled], ['as it was', false]);
  home.config({
    hooks: { internal: { enabled: true, tackle: { compat: { cancel: true } }, entries: { m: { mutable: true } } } },
  });
  assert.equal((await engine.reload()).ok, true);
  const influenced = await engine.emit('message', 'preprocessed', 's', { bodyForAgent: 'as it was' });
  assert.deepEqual([influenced.context.bodyForAgent, influenced.cancelled], ['changed', true]);
});

test('conveniences are readable, do not travel back, and can be switched off', async (t) => {
  const home = createTestHome(t);
  home.hook('m', {
    events: ['message:received'],
    handler: 'export default (e) => { e.messages.push(e.context.body + "/" + e.config?.mode); };',
  });
  home.config({ hooks: { internal: { enabled: true, entries: { m: { mode: 'x' } } } } });
  const engine = await startEngine(t, home);
  const first = await engine.emit('message', 'received', 's', { content: 'text' }, { mode: 'await' });
  assert.deepEqual(first.messages, ['text/x']);
  assert.deepEqual(first.context, { content: 'text' });
  home.config({
    hooks: { internal: { enabled: true, tackle: { compat: { aliases: false } }, entries: { m: { mode: 'x' } } } },
  });
  await engine.reload();
  const second = await engine.emit('message', 'received', 's', { content: 'text' }, { mode: 'await' });
  assert.deepEqual(second.messages, ['undefined/undefined']);
});

test('R-9 hooks of an agent only hear that agent, managed hooks hear all', async (t) => {
  const home = createTestHome(t);
  home.config({
    hooks: { internal: { enabled: true } },
    agents: { list: [{ id: 'main', default: true }, { id: 'work' }] },
  });
  home.hook('mine', { handler: pushes('main only') });
  home.hook('theirs', { handler: pushes('work only') }, 'workspace-work/hooks');
  home.hook('dup', { handler: pushes('managed dup') }, 'hooks');
  home.hook('dup', { handler: pushes('work dup') }, 'workspace-work/hooks');
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 'agent:main:main')).messages, ['managed dup', 'main only']);
  assert.deepEqual((await engine.emit('command', 'new', 'agent:WORK:main')).messages, ['work dup', 'work only']);
  assert.deepEqual((await engine.emit('command', 'new', '')).messages, ['managed dup', 'main only']);
});

test('R-13 one session keeps its order for each hook, priority goes first, sessions run side by side', async (t) => {
  const home = createTestHome(t);
  home.hook('a-late', { events: ['message:sent'], handler: pushes('late') });
  home.hook('b-early', { events: ['message:sent'], handler: pushes('early') });
  home.config({ hooks: { internal: { enabled: true, entries: { 'b-early': { priority: 5 } } } } });
  const engine = await startEngine(t, home);
  const seen: string[] = [];
  engine.on(
    'message:sent',
    async (event) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
      seen.push(`${event.sessionKey}:${String(event.context.n)}`);
    },
    { name: 'watcher' },
  );
  const { messages } = await engine.emit('message', 'sent', 'x', {}, { mode: 'await' });
  assert.deepEqual(messages, ['early', 'late']);
  seen.length = 0;
  await Promise.all(Array.from({ length: 60 }, (_, n) => engine.emit('message', 'sent', `s${n % 3}`, { n })));
  await engine.settle();
  for (const session of ['s0', 's1', 's2']) {
    const numbers = seen.filter((item) => item.startsWith(`${session}:`)).map((item) => Number(item.split(':')[1]));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    assert.equal(numbers.length, 20);
  }
});

test('events of a session that only we fire can be kept from family listeners', async (t) => {
  const home = createTestHome(t);
  home.hook('family', { events: ['session'], handler: pushes('x') });
  const engine = await startEngine(t, home);
  assert.equal((await engine.emit('session', 'start', 's')).runs.length, 1);
  home.config({ hooks: { internal: { enabled: true, tackle: { compat: { futureEventsToFamilies: false } } } } });
  await engine.reload();
  assert.equal((await engine.emit('session', 'start', 's')).runs.length, 0);
  assert.equal((await engine.emit('session', 'compact:before', 's')).runs.length, 1);
});
