/**
 * More shapes that published hooks and plugins have, beside the documented ones of wild.test.ts: fixtures of our own,
 * run by the real engine in a home of their own. Network goes to a stub on loopback, processes are real.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import { installPack } from '../../src/hooks/packs/install-pack.ts';
import { createLogCollector, createTestHome, pushes, startEngine, type TestHome } from './support.ts';

const key = 'agent:main:main';

async function startStub(t: TestContext): Promise<{ url: string; bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    bodies.push(JSON.parse(text));
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a throttle posts the first event at once and the next in a batch from a timer, whose output joins its run', async (t) => {
  const { url, bodies } = await startStub(t);
  const home = createTestHome(t);
  home.hook('throttle', {
    events: ['command'],
    files: {
      'handler.ts': `
import type { HookHandler } from 'openclaw/hooks';
const target = process.env.COLLECTOR_URL || 'http://localhost:1';
let lastSentAt = 0;
let waiting: Array<{ action: string }> = [];
const post = (body: unknown) => fetch(target, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(5000) });
const flush = async (): Promise<void> => {
  const batch = waiting.splice(0);
  if (batch.length > 0) await post({ batch });
  console.log('flushed ' + batch.length);
};
const handler: HookHandler = async (event) => {
  const note = { action: event.action, at: event.timestamp.toISOString() };
  if (Date.now() - lastSentAt < 300) { waiting.push(note); setTimeout(flush, 300); return; }
  lastSentAt = Date.now();
  await post(note);
};
process.on('beforeExit', () => void flush());
export default handler;`,
    },
  });
  const engine = await startEngine(t, { ...home, env: { ...home.env, COLLECTOR_URL: url } });
  const timestamp = new Date('2026-01-16T14:30:00Z');
  await engine.emit('command', 'new', key, {}, { timestamp });
  const { runs } = await engine.emit('command', 'stop', key, {}, { timestamp });
  const readLogs = async () => (await engine.listRuns()).find((run) => run.id === runs[0]?.id)?.logs;
  while ((await readLogs()) !== 'flushed 1\n') await delay(10);
  const at = timestamp.toISOString();
  assert.deepEqual(bodies, [{ action: 'new', at }, { batch: [{ action: 'stop', at }] }]);
});

test('a watcher started apart at start-up is stopped by its own hook, or with the engine when the hook forgets', async (t) => {
  const start = async (home: TestHome) => {
    home.hook('watcher', {
      events: ['gateway:startup', 'gateway:shutdown'],
      files: {
        'watch.js': 'setInterval(() => {}, 1000);',
        'handler.ts': `
import { spawn, ChildProcess } from 'node:child_process';
import { join } from 'node:path';
let child: ChildProcess | null = null;
export default async function handler(event: any) {
  if (event.action === 'startup') {
    child = spawn(process.execPath, [join(__dirname, 'watch.js')], { detached: true, stdio: 'ignore' });
    child.unref();
    console.log(child.pid);
  } else if (child?.pid) {
    process.kill(child.pid);
    child = null;
  }
}`,
      },
    });
    const engine = await startEngine(t, home);
    const { runs } = await engine.emit('gateway', 'startup', 'gateway:startup', {}, { mode: 'await' });
    const pid = Number(runs[0]?.logs);
    assert.ok(isRunning(pid), runs[0]?.logs);
    return { engine, pid };
  };
  const tidy = await start(createTestHome(t));
  await tidy.engine.emit('gateway', 'shutdown', 'gateway:shutdown');
  while (isRunning(tidy.pid)) await delay(10);
  const careless = await start(createTestHome(t));
  await careless.engine.stop({ deadlineMs: 500 });
  while (isRunning(careless.pid)) await delay(10);
});

test('a HOOK.md with the lines of an unfinished merge still tells what the hook hears', async (t) => {
  const home = createTestHome(t);
  home.hook('merged', {
    md: [
      '---\nname: merged\n<<<<<<< HEAD\nhomepage: https://old.example/hooks#merged\n=======',
      'homepage: https://new.example/hooks#merged\n>>>>>>> 0a1b2c (fix(docs): links (#1))',
      'metadata:\n  {\n    "moltbot":\n      {\n        "emoji": "🧩",\n        "events": ["command:new"],\n      },\n  }\n---\n',
    ].join('\n'),
    handler: pushes('merged'),
  });
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', key)).messages, ['merged']);
  assert.equal(engine.info('merged')?.homepage, 'https://new.example/hooks#merged');
});

test('a shell script called handler.js is a load error, and families that nobody fires are flagged but can be fired', async (t) => {
  const home = createTestHome(t);
  home.hook('shell', { handler: '#!/bin/bash\n# reminder\nTEXT="remember"\n\necho "$TEXT"\n' });
  home.write(
    'pack/HOOK.md',
    '---\nname: audit\nmetadata:\n  { "openclaw": { "events": ["command", "llm", "cron"], "install": [{ "kind": "workspace" }] } }\n---\n',
  );
  home.write(
    'pack/package.json',
    '{ "name": "@someone/audit", "type": "module", "main": "handler.js", "dependencies": {} }',
  );
  home.write(
    'pack/handler.js',
    `import fs from 'node:fs/promises';
import path from 'node:path';
import os from 'node:os';
const stateDir = process.env.OPENCLAW_STATE_DIR?.trim() || path.join(os.homedir(), '.openclaw');
const log = async (event) => {
  await fs.mkdir(path.join(stateDir, 'logs'), { recursive: true });
  await fs.appendFile(path.join(stateDir, 'logs', 'audit.log'), event.type + ':' + event.action + '\\n');
};
export default log;`,
  );
  const installed = await installPack(path.join(home.home, 'pack'), {}, { config: loadHookConfig({ env: home.env }) });
  assert.deepEqual(installed.hooks, ['audit'], 'a package.json that only says "module" does not make it a pack');
  const engine = await startEngine(t, home);
  const listed = engine.list().hooks;
  assert.match(listed.find((hook) => hook.name === 'shell')?.loadError ?? '', /Invalid or unexpected token/);
  assert.deepEqual(listed.find((hook) => hook.name === 'audit')?.unknownEvents, ['llm', 'cron']);
  await engine.emit('command', 'new', key);
  await engine.emit('llm', 'complete', key, {}, { mode: 'await' });
  assert.equal(readFileSync(path.join(home.state, 'logs/audit.log'), 'utf8'), 'command:new\nllm:complete\n');
});

test('history is appended to an entry that is there, a function may carry members, a key may come from the entry', async (t) => {
  const { url, bodies } = await startStub(t);
  const home = createTestHome(t);
  home.write('.openclaw/workspace/.history/agent_main_main/1.md', 'earlier talk');
  home.hook('history', {
    events: ['agent:bootstrap'],
    handler: `import fs from 'node:fs';
import path from 'node:path';
const dir = path.join(process.env.HOME, '.openclaw', 'workspace', '.history');
export default async function handler(event) {
  const { bootstrapFiles } = event.context || {};
  const text = fs.readFileSync(path.join(dir, event.sessionKey.replace(/:/g, '_'), '1.md'), 'utf-8');
  const entry = bootstrapFiles.find((file) => file.name === 'BOOTSTRAP.md');
  entry.content = (entry.content || '') + '\\n## Before\\n' + text;
}`,
  });
  home.hook('notify', {
    events: ['message:sent'],
    metadata: { requires: { env: ['PUSH_KEY'] }, primaryEnv: ['PUSH_KEY'] },
    files: {
      'handler.ts': `
declare const process: any;
export interface Handler { (event: Record<string, unknown>): Promise<void>; sent: string[] }
const push = async (text: string) => { await fetch(${JSON.stringify(url)}, { method: 'POST', body: JSON.stringify({ text, key: process.env.PUSH_KEY }) }); };
export function createHandler(): Handler {
  async function handler(event: any) {
    const found = (event.context?.content || '').match(/<summary>([\\s\\S]*?)<\\/summary>/i);
    if (!found || !process?.env?.PUSH_KEY) return;
    handler.sent.push(found[1]);
    void push(found[1].trim());
  }
  handler.sent = [] as string[];
  return handler as Handler;
}
const instance = createHandler();
export default instance;
export const _sent = instance.sent;`,
    },
  });
  const entries = { notify: { env: { PUSH_KEY: 'k' }, injectEnv: true } };
  home.config({ hooks: { internal: { enabled: true, entries } } });
  const engine = await startEngine(t, home);
  const bootstrapFiles = [{ name: 'BOOTSTRAP.md', path: 'BOOTSTRAP.md', missing: true }];
  const { context } = await engine.emit('agent', 'bootstrap', key, { workspaceDir: home.workspace, bootstrapFiles });
  assert.deepEqual(context.bootstrapFiles, [
    { name: 'BOOTSTRAP.md', path: 'BOOTSTRAP.md', missing: true, content: '\n## Before\nearlier talk' },
  ]);
  await engine.emit('message', 'sent', key, { to: 'x', content: 'a <summary> done </summary>', success: true });
  while (bodies.length === 0) await delay(10);
  assert.deepEqual(bodies, [{ text: 'done', key: 'k' }]);
});

test('a plugin of many parts registers its hooks although the server has none of the other parts', async (t) => {
  const home = createTestHome(t);
  home.write('many/openclaw.plugin.json', '{ "id": "many", "configSchema": { "type": "object" } }');
  home.write(
    'many/index.ts',
    `
import { dirname } from 'path';
import { registerInternalHook, isAgentBootstrapEvent } from 'openclaw/plugin-sdk/hook-runtime';
import type { InternalHookHandler } from 'openclaw/plugin-sdk/hooks/internal-hooks.js';
const strip: InternalHookHandler = (event) => {
  if (!isAgentBootstrapEvent(event) || !event.sessionKey.includes(':group:')) return;
  event.context.bootstrapFiles = event.context.bootstrapFiles.filter((file: any) => file.name !== 'USER.md');
};
const plugin = {
  id: 'many',
  configSchema: { parse: (value: unknown) => value, uiHints: {} },
  register(api: any) {
    const here = dirname(new URL(import.meta.url).pathname);
    api.logger.info('registering in ' + here);
    const minimum = (api.pluginConfig ?? {}).minimum ?? 3;
    const cfg = api.runtime.config?.loadConfig?.() ?? {};
    if (api.runtime?.system?.enqueueSystemEvent) throw new Error('there is no such thing here');
    api.registerCommand({ name: 'avatar', handler: () => ({ text: '' }) });
    api.registerService({ id: 'many', start: () => {}, stop: () => {} });
    api.registerCli(() => {}, { commands: ['many'] });
    api.on('agent_end', async () => {}, { priority: -20 });
    api.on('tool_result_persist', (event: any) => {
      if (event.toolName !== 'read' || !Array.isArray(event.message?.content)) return undefined;
      const content = event.message.content.map((block: any) => (block.type === 'text' ? { ...block, text: '<file>' + block.text + '</file>' } : block));
      return { message: { ...event.message, content } };
    });
    registerInternalHook('agent:bootstrap', strip);
    api.registerHook('command:new', { name: 'the wrong way round' }, async () => {});
    api.registerHook(['agent:bootstrap'], async (event: any) => {
      const files = event.context?.bootstrapFiles;
      if (!Array.isArray(files)) return;
      files.unshift({ name: 'GATE.md', path: api.resolvePath('~/GATE.md'), content: minimum + ' ' + Object.keys(cfg).length, source: 'many' });
    }, { name: 'many.gate' });
    setInterval(() => {}, 60 * 60 * 1000);
  },
};
export default plugin;`,
  );
  home.config({
    hooks: { internal: { enabled: true } },
    plugins: { load: { paths: ['~/many'] }, entries: { many: { config: { minimum: 5 } } } },
  });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  const names = ['USER.md', 'SOUL.md'];
  const bootstrapFiles = names.map((name) => ({ name, path: name, missing: true }));
  const { context, runs } = await engine.emit('agent', 'bootstrap', 'agent:main:chat:group:1', { bootstrapFiles });
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['ok', 'ok'],
  );
  assert.deepEqual(context.bootstrapFiles, [
    { name: 'GATE.md', path: path.join(home.home, 'GATE.md'), content: '5 2', source: 'many' },
    { name: 'SOUL.md', path: 'SOUL.md', missing: true },
  ]);
  assert.ok(lines.some((line) => line.message.includes('the handler for command:new is not a function')));
  const content = [{ type: 'text', text: 'x' }, { type: 'image' }];
  assert.deepEqual(
    await engine.applyToolResultPersist({ toolName: 'read', message: { role: 'toolResult', content } }, {}),
    {
      role: 'toolResult',
      content: [{ type: 'text', text: '<file>x</file>' }, { type: 'image' }],
    },
  );
});

test('a plugin runs what was built of it, and one that was not built yet is told so', async (t) => {
  const home = createTestHome(t);
  const manifest = (extra: object) => JSON.stringify({ openclaw: { extensions: ['./src/index.ts'], ...extra } });
  home.write('built/package.json', manifest({ runtimeExtensions: ['./dist/index.js'] }));
  home.write(
    'built/dist/index.js',
    "module.exports = (api) => api.registerHook('command:new', (e) => { e.messages.push('built'); }, { name: 'of-built' });",
  );
  home.write('sources/package.json', manifest({}));
  home.config({ hooks: { internal: { enabled: true } }, plugins: { load: { paths: ['~/built', '~/sources'] } } });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  assert.deepEqual((await engine.emit('command', 'new', key)).messages, ['built']);
  assert.ok(
    lines.some(({ message }) =>
      message.includes('"./src/index.ts" does not exist; the plugin may have to be built first'),
    ),
  );
});

test('a plugin registers the hooks of a directory, and rules of eligibility and errors hold for each of them', async (t) => {
  const home = createTestHome(t);
  home.write(
    'dirs/index.ts',
    `
import type { PluginAPI } from 'openclaw';
import { registerPluginHooksFromDir } from 'openclaw/plugin-sdk';
export default function activate(api: PluginAPI): void {
  registerPluginHooksFromDir(api, './hooks').then(({ loaded, skipped, errors }) => console.log([loaded, skipped, errors.length].join(' ')));
}`,
  );
  home.hook('good', { handler: pushes('from a directory') }, '../dirs/hooks');
  home.hook('poor', { metadata: { requires: { bins: ['no-such-bin'] } }, handler: pushes('never') }, '../dirs/hooks');
  home.hook('bad', { handler: 'throw new Error("at import");' }, '../dirs/hooks');
  home.config({ hooks: { internal: { enabled: true } }, plugins: { load: { paths: ['~/dirs'] } } });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  assert.deepEqual((await engine.emit('command', 'new', key)).messages, ['from a directory']);
  assert.deepEqual(
    engine.list().hooks.map((hook) => [hook.name, hook.description, hook.pluginId, hook.managedByPlugin]),
    [['good', 'test hook', 'dirs', true]],
  );
  const texts = lines.map((line) => line.message).join('\n');
  assert.match(texts, /Failed to load hook bad: at import/);
  assert.match(texts, /1 1 1/);
});

test('what a handler leaves in the event, returns or asks of the process is no reason to fail', async (t) => {
  const home = createTestHome(t);
  mkdirSync(path.join(home.home, 'elsewhere'));
  const handlers: Record<string, string> = {
    'changes-directory': `export default () => { process.chdir(${JSON.stringify(path.join(home.home, 'elsewhere'))}); console.log(process.cwd()); };`,
    'export-equals': `import os = require('os');\nexport = async () => { console.log(typeof os.homedir); };`,
    generator: 'export default async function* () { yield 1; }',
    json: `import data from './data.json' with { type: 'json' };\nexport default async () => { console.log(data.word); };`,
    signals: `process.on('SIGTERM', () => {}); process.title = 'x'; process.exitCode = 3;\nexport default () => process.stderr.write('on stderr\\n');`,
    strange: `export default (e: any) => { const trap = () => { throw new Error('trap'); }; e.context.strange = new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap }); Object.defineProperty(e.context, 'own', { enumerable: true, get: trap }); }`,
    thenable: `export default () => ({ then(resolve: () => void) { console.log('awaited'); resolve(); } });`,
    'top-level-await': `const word = await Promise.resolve('waited');\nexport { handler as default };\nfunction handler() { console.log(word); }`,
    unusual: `export default (e: any) => { e.context.self = e; e.context.big = 10n; e.context.fn = () => 1; e.context.error = new Error('kept'); Object.freeze(e); };`,
  };
  for (const [name, handler] of Object.entries(handlers))
    home.hook(name, { files: { 'handler.ts': handler, 'data.json': '{ "word": "data" }' } });
  const engine = await startEngine(t, home);
  const { runs, context } = await engine.emit('command', 'new', key);
  assert.deepEqual(
    runs.map((run) => [run.hook, run.outcome, run.logs.trim()]),
    [
      ['changes-directory', 'ok', path.join(home.home, 'elsewhere')],
      ['export-equals', 'ok', 'function'],
      ['generator', 'ok', ''],
      ['json', 'ok', 'data'],
      ['signals', 'ok', 'on stderr'],
      ['strange', 'ok', ''],
      ['thenable', 'ok', 'awaited'],
      ['top-level-await', 'ok', 'waited'],
      ['unusual', 'ok', ''],
    ],
  );
  assert.equal(context.big, 10n);
  assert.equal((context.error as Error).message, 'kept');
  assert.equal('fn' in context, false);
  assert.equal('strange' in context, false);
});

test('whatever is thrown is a recorded error at once, and an event that was given another name keeps its own in the records', async (t) => {
  const home = createTestHome(t);
  const thrown = [
    'null',
    '"text"',
    '{ code: 5, toString() { throw new Error("again"); } }',
    'new AggregateError([], "many")',
  ];
  for (const [index, value] of thrown.entries())
    home.hook(`throws-${index}`, { handler: `export default (event) => { event.type = 'renamed'; throw ${value}; };` });
  const engine = await startEngine(t, home);
  const { runs } = await engine.emit('command', 'new', key);
  assert.deepEqual(
    runs.map((run) => [run.key, run.outcome, run.error?.message]),
    ['null', 'text', 'a thrown value that cannot be read', 'many'].map((text) => ['command:new', 'error', text]),
  );
});
