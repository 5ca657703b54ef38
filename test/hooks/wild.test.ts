/**
 * Hooks as people write them: for every documented pattern a fixture of our own of the same shape, run by the real
 * engine in a standard home. Network goes to a stub on loopback.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { HookEngine } from '../../src/hooks/engine-types.ts';
import { createTestHome, startEngine, type TestHome } from './support.ts';

const at = new Date('2026-01-16T14:30:00Z');
const key = 'agent:main:main';

/** The standard home: workspace files, a session of eight messages, no configuration but the switch. */
function createStandardHome(t: TestContext): TestHome {
  const home = createTestHome(t);
  for (const name of ['AGENTS', 'SOUL', 'TOOLS', 'MEMORY', 'SECURITY', 'STYLE'])
    home.write(`.openclaw/workspace/${name}.md`, `# ${name}\n`);
  const messages = Array.from({ length: 8 }, (_, n) =>
    JSON.stringify({ type: 'message', message: { role: n % 2 === 0 ? 'user' : 'assistant', content: `message ${n}` } }),
  );
  home.write('.openclaw/agents/main/sessions/abc123def456.jsonl', messages.join('\n'));
  home.write(
    '.openclaw/agents/main/sessions/sessions.json',
    JSON.stringify({ [key]: { sessionId: 'abc123def456', other: 'kept' } }),
  );
  return home;
}

const bootstrapFiles = (home: TestHome) => [
  { name: 'AGENTS.md', path: path.join(home.workspace, 'AGENTS.md'), content: '# AGENTS\n', missing: false },
  { name: 'SOUL.md', path: path.join(home.workspace, 'SOUL.md'), content: '# SOUL\n', missing: false },
  { name: 'BOOTSTRAP.md', path: path.join(home.workspace, 'BOOTSTRAP.md'), missing: true },
];

interface BootFile {
  readonly name?: string;
  readonly path: string;
  readonly content?: string;
}

async function bootstrap(engine: HookEngine, home: TestHome, sessionKey = key, cfg: unknown = {}) {
  const result = await engine.emit(
    'agent',
    'bootstrap',
    sessionKey,
    {
      workspaceDir: home.workspace,
      bootstrapFiles: bootstrapFiles(home),
      cfg,
      sessionKey,
      sessionId: 'abc123def456',
      agentId: 'main',
    },
    { timestamp: at },
  );
  return { ...result, files: result.context.bootstrapFiles as BootFile[] };
}

const ts = (text: string, files: Record<string, string> = {}) => ({ files: { 'handler.ts': text, ...files } });

test('1 a minimizer replaces the list from its own entry, and its return value means nothing', async (t) => {
  const home = createStandardHome(t);
  home.hook('bootstrap-minimizer', {
    events: ['agent:bootstrap'],
    metadata: { requires: { config: ['workspace.dir'] } },
    ...ts(`
import fs from 'node:fs';
import path from 'node:path';
const handler = async (event: any) => {
  const own = event.context.cfg?.hooks?.internal?.entries?.['bootstrap-minimizer'] ?? {};
  const wanted: string[] = own.agentWanted?.[event.context.agentId] ?? ['SOUL.md', 'USER.md', 'AGENTS.md'];
  event.context.bootstrapFiles = wanted.map((name) => {
    const file = path.join(event.context.workspaceDir, name);
    return fs.existsSync(file) ? { name, path: file, content: fs.readFileSync(file, 'utf8'), missing: false } : { name, path: file, missing: true };
  });
  return event;
};
export default handler;`),
  });
  const engine = await startEngine(t, home);
  assert.deepEqual(
    (await bootstrap(engine, home)).files.map((file) => file.name),
    ['SOUL.md', 'USER.md', 'AGENTS.md'],
  );
  const cfg = { hooks: { internal: { entries: { 'bootstrap-minimizer': { agentWanted: { main: ['SOUL.md'] } } } } } };
  assert.deepEqual(
    (await bootstrap(engine, home, key, cfg)).files.map((file) => file.name),
    ['SOUL.md'],
  );
});

test('2 a nudge on message:received is recorded as not deliverable', async (t) => {
  const home = createStandardHome(t);
  home.config({ hooks: { internal: { enabled: true, tackle: { compat: { aliases: false } } } } });
  home.hook('ping', {
    events: ['message:received'],
    metadata: { requires: { bins: ['node'] } },
    ...ts(
      'export default (event: any) => { if (/exec completed/i.test(event.context.body ?? "")) event.messages.push("look at it"); };',
    ),
  });
  const engine = await startEngine(t, home);
  const fire = (context: Record<string, unknown>) =>
    engine.emit('message', 'received', key, context, { mode: 'await' });
  const hit = await fire({ body: 'Exec completed' });
  assert.deepEqual(
    hit.runs[0]?.messages.map((message) => message.fate),
    ['discarded'],
  );
  assert.deepEqual((await fire({ content: 'Exec completed' })).messages, []);
});

test('4 a rewritten bodyForAgent shows in the record by default and reaches the agent on request', async (t) => {
  const home = createStandardHome(t);
  home.hook('phase', {
    events: ['message:preprocessed'],
    ...ts(
      'export default (e: any) => { if (/implement/.test(e.context.bodyForAgent)) e.context.bodyForAgent = "[plan first] " + e.context.bodyForAgent; };',
    ),
  });
  const engine = await startEngine(t, home);
  const context = () => ({ bodyForAgent: 'please implement the parser module' });
  assert.equal(
    (await engine.emit('message', 'preprocessed', key, context())).context.bodyForAgent,
    context().bodyForAgent,
  );
  await engine.settle();
  assert.ok(((await engine.listRuns())[0]?.changeBytes ?? 0) > 0);
  home.config({ hooks: { internal: { enabled: true, entries: { phase: { mutable: true } } } } });
  await engine.reload();
  assert.equal(
    (await engine.emit('message', 'preprocessed', key, context())).context.bodyForAgent,
    '[plan first] please implement the parser module',
  );
});

test('7 23 51 keys that nothing fires are flagged, can be fired by hand, and import output stays captured', async (t) => {
  const home = createStandardHome(t);
  home.hook('gate', {
    events: ['response_before_deliver'],
    ...ts('export default async () => { if (!process.env.NO_SUCH_TOKEN) { console.warn("fail open"); return; } };'),
  });
  home.hook('tts', { events: ['message:send'], handler: 'console.log("loading voices"); export default () => {};' });
  home.hook('validator', {
    md: '---\nname: validator\nmetadata: {"clawdbot":{"events":["before_tool_call","after_tool_call"]}}\n---\n',
    handler: 'module.exports = { before() {}, after() {} };',
  });
  const engine = await startEngine(t, home);
  const unknown = engine.check().unknownEvents ?? [];
  assert.deepEqual(unknown.map((item) => item.event).sort(), [
    'after_tool_call',
    'before_tool_call',
    'message:send',
    'response_before_deliver',
  ]);
  assert.equal(unknown.find((item) => item.event === 'message:send')?.suggestion, 'message:sent');
  const { runs } = await engine.fire('response_before_deliver');
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['ok'],
  );
  assert.match(runs[0]?.logs ?? '', /fail open/);
  assert.match(engine.list().hooks.find((hook) => hook.name === 'validator')?.loadError ?? '', /is not a function/);
});

test('9 a hook that looks for the original’s own files takes its fallback', async (t) => {
  const home = createStandardHome(t);
  home.hook('reflector', {
    ...ts(
      'export default async () => { try { await import("/opt/openclaw/dist/entry.js"); } catch { console.error("cannot locate openclaw dist"); } };',
    ),
  });
  const { runs } = await (await startEngine(t, home)).emit('command', 'new', key, {});
  assert.equal(runs[0]?.outcome, 'ok');
  assert.match(runs[0]?.logs ?? '', /cannot locate openclaw dist/);
});

test('10 15 22 26 entries are added, replaced, virtual and nameless, and not for subagents', async (t) => {
  const home = createStandardHome(t);
  home.hook('a-rules', {
    events: ['agent:bootstrap'],
    handler: `import fs from 'fs'; import path from 'path';
export default (e) => { const add = ['SECURITY.md', 'IRONRULES.md', 'STYLE.md'].map((name) => [name, path.join(e.context.workspaceDir, name)]).filter(([, file]) => fs.existsSync(file)).map(([name, file]) => ({ name, path: file, content: fs.readFileSync(file, 'utf8'), missing: false }));
  e.context.bootstrapFiles = [...e.context.bootstrapFiles.filter((f) => !add.some((x) => x.name === f.name)), ...add]; };`,
  });
  home.hook('b-governor', {
    events: ['agent:bootstrap'],
    files: {
      'handler.ts': `import type { HookHandler } from 'openclaw/hooks';
const handler: HookHandler = async (event) => {
  if (event.sessionKey.includes(':subagent:')) return;
  event.context.bootstrapFiles.push({ path: 'GOVERNOR.md', content: ${JSON.stringify('g'.repeat(1_675))}, virtual: true });
};
export default handler;`,
      'handler.js': 'throw new Error("the twin must not be chosen");',
    },
  });
  const engine = await startEngine(t, home);
  const { files } = await bootstrap(engine, home);
  assert.deepEqual(
    files.map((file) => file.name ?? file.path),
    ['AGENTS.md', 'SOUL.md', 'BOOTSTRAP.md', 'SECURITY.md', 'STYLE.md', 'GOVERNOR.md'],
  );
  assert.equal(files.at(-1)?.content?.length, 1_675);
  assert.equal((await bootstrap(engine, home, 'agent:main:subagent:x')).files.length, 5);
});

test('12 a configuration file read at import: a load error without it, two calls and one post with it', async (t) => {
  const home = createStandardHome(t);
  const posts: string[] = [];
  const server = createServer((request, response) => {
    posts.push(request.url ?? '');
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const dir = home.hook('amp', {
    events: ['message', 'message:sent'],
    handler: `import fs from 'node:fs';
const settings = JSON.parse(fs.readFileSync(new URL('./amp.json', import.meta.url)));
const seen = new Set();
export default async (event) => { const id = event.context.messageId; if (seen.has(id)) return; seen.add(id); await fetch(settings.url + '/log', { method: 'POST' }); };`,
  });
  home.hook('other', { events: ['message:sent'], handler: 'export default (e) => { e.messages.push("ok"); };' });
  const engine = await startEngine(t, home);
  assert.match(engine.list().hooks.find((hook) => hook.name === 'amp')?.loadError ?? '', /ENOENT/);
  writeFileSync(
    path.join(dir, 'amp.json'),
    JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
  await engine.reload();
  const { runs } = await engine.emit(
    'message',
    'sent',
    key,
    { to: 'x', content: 'y', messageId: 'm1', success: true },
    { mode: 'await' },
  );
  assert.deepEqual(
    runs.map((run) => [run.hook, run.outcome]),
    [
      ['amp', 'ok'],
      ['amp', 'ok'],
      ['other', 'ok'],
    ],
  );
  assert.deepEqual(posts, ['/log']);
});

test('19 a sleeper is cut off at its deadline, and the next handler runs', async (t) => {
  const home = createStandardHome(t);
  home.hook('sleeps', {
    events: ['agent:bootstrap'],
    handler: 'export default async () => { await new Promise((r) => setTimeout(r, 1_500)); };',
  });
  home.hook('z-next', { events: ['agent:bootstrap'], handler: 'export default (e) => { e.messages.push("next"); };' });
  home.config({ hooks: { internal: { enabled: true, entries: { sleeps: { timeoutMs: 300 } } } } });
  const engine = await startEngine(t, home);
  const short = await bootstrap(engine, home);
  assert.deepEqual([short.runs.map((run) => run.outcome), short.messages], [['timeout', 'ok'], ['next']]);
  home.config({ hooks: { internal: { enabled: true, entries: { sleeps: { timeoutMs: 10_000 } } } } });
  await engine.reload();
  assert.deepEqual(
    (await bootstrap(engine, home)).runs.map((run) => run.outcome),
    ['ok', 'ok'],
  );
});

test('27 56 41 old namespaces, top-level events and missing exports are named for what they are', async (t) => {
  const home = createStandardHome(t);
  home.hook('router', {
    md: '---\nname: router\nmetadata: {"clawdbot":{"events":["message:received"]}}\n---\n',
    handler: 'module.exports = { handle(e) { e.messages.push("routed"); } };',
  });
  home.hook('tootoo', {
    md: '---\nname: tootoo\nevents:\n  - command:new\n---\n',
    ...ts(
      'import { HookEvent } from "@openclaw/types";\nexport default (e: HookEvent) => { e.messages.push("aligned"); };',
    ),
  });
  home.hook('reminder', { handler: 'console.log("remember");' });
  const strict = await startEngine(t, home);
  const errorOf = (engine: HookEngine, name: string) =>
    engine.list().hooks.find((hook) => hook.name === name)?.loadError;
  assert.match(errorOf(strict, 'router') ?? '', /is not a function/);
  assert.match(errorOf(strict, 'reminder') ?? '', /is not a function/);
  assert.ok(strict.info('tootoo')?.lints.some((lint) => lint.code === 'events_outside_metadata'));
  assert.equal(errorOf(strict, 'tootoo'), undefined);
  home.config({ hooks: { internal: { enabled: true, tackle: { lenientExports: true, lenientMetadata: true } } } });
  const lenient = await startEngine(t, home);
  assert.deepEqual((await lenient.emit('message', 'received', key, { content: 'x' }, { mode: 'await' })).messages, [
    'routed',
  ]);
  assert.deepEqual((await lenient.emit('command', 'new', key, {})).messages, ['aligned']);
});

test('32 34 39 54 hooks that keep files of their own find home, state and entry where they expect them', async (t) => {
  const home = createStandardHome(t);
  home.hook('chronicler', {
    events: ['message:received', 'message:sent'],
    handler: `import fs from 'fs'; import path from 'path'; import os from 'os';
export function formatLine(e) { return e.action + ' ' + e.context.content; }
export default async (e) => { const dir = path.join(os.homedir(), '.openclaw/hooks/chronicler/logs'); fs.mkdirSync(dir, { recursive: true }); fs.appendFileSync(path.join(dir, e.timestamp.toISOString().slice(0, 10) + '.md'), formatLine(e) + '\\n'); };`,
  });
  home.hook('renamer', {
    events: ['message:received'],
    files: {
      'handler.js': `const fs = require('fs'); const path = require('path');
module.exports = async function (event) {
  const file = path.join(process.env.OPENCLAW_HOME || process.env.HOME, '.openclaw/agents/main/sessions/sessions.json');
  const all = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (all[event.sessionKey].label) return;
  all[event.sessionKey].label = event.context.content.slice(0, 10);
  fs.writeFileSync(file, JSON.stringify(all));
};`,
    },
  });
  home.hook('capture', {
    events: ['message:sent'],
    metadata: { requires: { env: ['DATABASE_URL'] } },
    handler: `import { createRequire } from 'node:module'; const fs = createRequire(import.meta.url)('fs');
export default (e) => { if (e.context.content.length < 20) return; fs.writeFileSync(process.env.HOME + '/' + e.timestamp.toISOString().slice(0, 10) + '.md', e.context.content); };`,
  });
  home.config({
    hooks: { internal: { enabled: true, entries: { capture: { env: { DATABASE_URL: 'postgres://x' } } } } },
  });
  const engine = await startEngine(t, home);
  for (const content of ['first message of the chat', 'second']) {
    await engine.emit('message', 'received', key, { content, from: 'x' }, { timestamp: at });
    await engine.emit('message', 'sent', key, { content, to: 'x', success: true }, { timestamp: at });
  }
  await engine.settle();
  assert.equal(
    readFileSync(path.join(home.state, 'hooks/chronicler/logs/2026-01-16.md'), 'utf8').split('\n').length,
    5,
  );
  const sessions = JSON.parse(readFileSync(path.join(home.state, 'agents/main/sessions/sessions.json'), 'utf8'));
  assert.deepEqual(sessions[key], { sessionId: 'abc123def456', other: 'kept', label: 'first mess' });
  assert.equal(readFileSync(path.join(home.home, '2026-01-16.md'), 'utf8'), 'first message of the chat');
});

test('35 38 extra members of the event come back, comparisons with the full key never match', async (t) => {
  const home = createStandardHome(t);
  home.hook('moderation', {
    events: ['message:received'],
    handler:
      'export default (event) => { if (/badword/.test(event.text ?? "")) { event.cancel = true; event.cancelReason = "keyword"; } };',
  });
  home.hook('walvis', {
    events: ['message:received'],
    handler: 'export default (e) => { if (e.type === "message:received") e.context.content = "/walvis-list"; };',
  });
  const engine = await startEngine(t, home);
  const event = {
    type: 'message',
    action: 'received',
    sessionKey: key,
    timestamp: at,
    messages: [],
    context: { content: 'badword' },
    text: 'badword',
  };
  const result = await engine.dispatch(event, { mode: 'await' });
  assert.deepEqual(
    [result.extra.cancel, result.extra.cancelReason, result.cancelled, result.context.content],
    [true, 'keyword', false, 'badword'],
  );
});

test('43 a hand-off is saved on /new, told to the chat and put back at bootstrap, if the configuration allows', async (t) => {
  const home = createStandardHome(t);
  home.hook('handoff', {
    events: ['command:new', 'agent:bootstrap'],
    metadata: { requires: { config: ['gateway.http.endpoints.chatCompletions.enabled'] } },
    handler: `import fs from 'node:fs'; import path from 'node:path';
export default async (e) => {
  const file = path.join(e.context.workspaceDir, 'SESSION-STATE.md');
  if (e.type === 'command') { fs.writeFileSync(file, fs.readFileSync(e.context.previousSessionEntry.sessionFile, 'utf8')); e.messages.push('Session summarized and saved'); }
  else if (fs.existsSync(file)) e.context.bootstrapFiles.push({ path: 'SESSION-STATE.md', content: fs.readFileSync(file, 'utf8'), virtual: true });
};`,
  });
  const off = await startEngine(t, home);
  assert.equal(off.getRegisteredEventKeys().length, 0);
  home.config({
    hooks: { internal: { enabled: true } },
    gateway: { http: { endpoints: { chatCompletions: { enabled: true } } } },
  });
  const sent: string[] = [];
  const engine = await startEngine(t, home, { host: { sendMessage: async ({ text }) => void sent.push(text) } });
  const sessionFile = path.join(home.state, 'agents/main/sessions/abc123def456.jsonl');
  await engine.emit('command', 'new', key, {
    workspaceDir: home.workspace,
    commandSource: 'telegram',
    previousSessionEntry: { sessionId: 'abc123def456', sessionFile },
  });
  assert.deepEqual(sent, ['Session summarized and saved']);
  assert.match((await bootstrap(engine, home)).files.at(-1)?.content ?? '', /message 7/);
});

test('29 45 46 49 58 state between events, .mjs handlers and libraries, refused paths, CommonJS, locks', async (t) => {
  const home = createStandardHome(t);
  home.hook('optimizer', {
    events: ['message:received'],
    handler: `let last = 0; import fs from 'node:fs';
export default (e) => { if (last && e.timestamp.getTime() - last < 300_000) return; last = e.timestamp.getTime(); fs.appendFileSync(process.env.OPENCLAW_WORKSPACE_DIR + '/sidecar.md', 'x'); };`,
  });
  home.hook('message-logger', {
    events: ['command'],
    metadata: { always: true },
    files: {
      'handler.mjs':
        'import fs from "node:fs"; export default () => { fs.mkdirSync("/dev/null/denied", { recursive: true }); };',
    },
  });
  home.hook('guardian', {
    files: {
      'handler.ts':
        'import { check } from "./lib/check.mjs"; import { name } from "./lib/name.ts"; let told = false; export default (e: any) => { if (check(name) && !told) { told = true; e.messages.push("alert"); } };',
      'lib/check.mjs': 'export const check = (n) => n === "skill";',
      'lib/name.ts': 'export const name: string = "skill";',
    },
  });
  home.hook('token-heartbeat', {
    events: ['agent:bootstrap'],
    handler: 'exports.default = async () => { console.log("HEARTBEAT_OK"); }; module.exports = exports.default;',
  });
  home.hook('emotion', {
    events: ['agent:bootstrap'],
    handler: `import fs from 'node:fs'; import path from 'node:path';
export default async (e) => { const lock = path.join(process.env.HOME, '.openclaw/agents/main/agent/lock');
  try { if (Date.now() - fs.statSync(lock).mtimeMs > 10_000) fs.rmSync(lock); } catch {}
  try { fs.writeFileSync(lock, '', { flag: 'wx' }); } catch { return; }
  e.context.bootstrapFiles.push({ name: 'EMOTIONS.md', path: 'EMOTIONS.md', content: 'neutral', missing: false }); fs.rmSync(lock); };`,
  });
  const engine = await startEngine(t, { ...home, env: { ...home.env, OPENCLAW_WORKSPACE_DIR: home.workspace } });
  for (const seconds of [0, 60])
    await engine.emit('message', 'received', key, {}, { timestamp: new Date(at.getTime() + seconds * 1_000) });
  await engine.settle();
  assert.equal(readFileSync(path.join(home.workspace, 'sidecar.md'), 'utf8'), 'x');
  const first = await engine.emit('command', 'new', key, {});
  assert.deepEqual(
    first.runs.map((run) => [run.hook, run.outcome]),
    [
      ['message-logger', 'error'],
      ['guardian', 'ok'],
    ],
  );
  assert.deepEqual([first.messages, (await engine.emit('command', 'new', key, {})).messages], [['alert'], []]);
  assert.deepEqual((await bootstrap(engine, home)).files.length, 3);
  mkdirSync(path.join(home.state, 'agents/main/agent'), { recursive: true });
  const { files, runs } = await bootstrap(engine, home);
  assert.equal(files.at(-1)?.name, 'EMOTIONS.md');
  assert.ok(runs.some((run) => run.logs.includes('HEARTBEAT_OK')));
});

test('60 62 a reminder on /stop is not delivered; a start-up script runs once per start, not per reload', async (t) => {
  const home = createStandardHome(t);
  const script = home.write('bin/inject.sh', `#!/bin/sh\necho ran >> ${home.home}/marker\n`);
  chmodSync(script, 0o755);
  home.hook('inbox', {
    events: ['command:stop'],
    handler: 'export default (e) => { e.messages.push("check the inbox"); };',
  });
  home.hook('voice', {
    events: ['gateway:startup'],
    metadata: { requires: { bins: ['sh'] } },
    handler: `import { execFileSync } from 'node:child_process'; export default () => { execFileSync(${JSON.stringify(script)}); };`,
  });
  const engine = await startEngine(t, home);
  const { runs } = await engine.emit('command', 'stop', key, { commandSource: 'telegram' });
  assert.match(runs[0]?.messages[0]?.reason ?? '', /command:stop/);
  await engine.emit('gateway', 'startup', 'gateway:startup', {});
  await engine.settle();
  await engine.reload();
  await engine.settle();
  assert.equal(
    existsSync(path.join(home.home, 'marker')) && readFileSync(path.join(home.home, 'marker'), 'utf8'),
    'ran\n',
  );
});

test('a full house: many hooks and a thousand mixed events, and none changes what another does', async (t) => {
  const home = createStandardHome(t);
  const families = ['command', 'message', 'agent', 'session', 'gateway'];
  for (const [index, family] of families.entries()) {
    home.hook(`good-${family}`, {
      events: [family],
      handler: `let n = 0; export default (e) => { n += 1; e.context.seen = n; };`,
    });
    home.hook(`bad-${index}`, {
      events: [family],
      handler:
        index % 2 === 0
          ? 'export default () => { throw new Error("bad"); };'
          : 'export default () => { Promise.reject(new Error("bad")); };',
    });
  }
  const engine = await startEngine(t, home);
  const keys = [
    'command:new',
    'message:received',
    'agent:bootstrap',
    'session:start',
    'gateway:startup',
    'message:sent',
    'session:end',
    'agent:error',
  ];
  await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => {
      const [type = '', ...action] = (keys[n % keys.length] ?? '').split(':');
      return engine.emit(type, action.join(':'), `agent:main:s${n % 7}`, { n });
    }),
  );
  await engine.settle();
  for (const family of families) {
    const runs = await engine.listRuns({ hook: `good-${family}`, limit: 2_000 });
    assert.ok(runs.length >= 125);
    assert.ok(runs.every((run) => run.outcome === 'ok'));
  }
  const startedAt = Date.now();
  await engine.stop({ deadlineMs: 500 });
  assert.ok(Date.now() - startedAt < 2_500);
});
