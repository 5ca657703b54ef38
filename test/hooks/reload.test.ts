/** Changing hooks while the engine runs: swaps, failures, watching, migration, plugins. Real files and threads. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import { migrateLegacyHandlers } from '../../src/hooks/migrate.ts';
import { createLogCollector, createTestHome, pushes, startEngine } from './support.ts';

test('R-18 a reload swaps changed code, keeps the state of unchanged hooks, and ends the removed ones', async (t) => {
  const home = createTestHome(t);
  const changing = home.hook('changing', { handler: pushes('one') });
  home.hook('counter', { handler: 'let n = 0; export default (e) => { n += 1; e.messages.push("count " + n); };' });
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['one', 'count 1']);
  writeFileSync(path.join(changing, 'handler.js'), pushes('two, longer'));
  home.hook('added', { handler: pushes('added') });
  assert.deepEqual(await engine.reload(), { ok: true, loaded: 3, failed: [] });
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['added', 'two, longer', 'count 2']);
  home.config({ hooks: { internal: { enabled: true, entries: { added: { enabled: false } } } } });
  await engine.reload();
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['two, longer', 'count 3']);
});

test('R-18 events under way end on the old code', async (t) => {
  const home = createTestHome(t);
  const dir = home.hook('slow', {
    handler: 'export default async (e) => { await new Promise((r) => setTimeout(r, 400)); e.messages.push("old"); };',
  });
  const engine = await startEngine(t, home);
  const running = engine.emit('command', 'new', 's');
  writeFileSync(path.join(dir, 'handler.js'), pushes('the new one'));
  await engine.reload();
  assert.deepEqual((await running).messages, ['old']);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['the new one']);
});

test('R-18 code and configuration that cannot be loaded leave the old in place, visibly', async (t) => {
  const home = createTestHome(t);
  const dir = home.hook('h', { handler: pushes('works') });
  const engine = await startEngine(t, home);
  writeFileSync(path.join(dir, 'handler.js'), 'throw new Error("broken edit");');
  assert.deepEqual((await engine.reload()).failed, [{ name: 'h', message: 'broken edit' }]);
  assert.equal(engine.list().hooks[0]?.loadError, 'broken edit');
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['works']);
  home.write('.openclaw/openclaw.json', '{ broken');
  const report = await engine.reload();
  assert.equal(report.ok, false);
  assert.match(report.error ?? '', /not valid JSON5/);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['works']);
});

test('R-18 startup is not replayed on reload unless the hook asks for it', async (t) => {
  const home = createTestHome(t);
  const out = (name: string) => path.join(home.home, `${name}.txt`);
  const handler = (name: string, version: number) =>
    `import fs from 'node:fs'; export default () => { fs.appendFileSync(${JSON.stringify(out(name))}, '${'x'.repeat(version)}'); };`;
  const dirs = ['asks', 'silent'].map((name) =>
    home.hook(name, { events: ['gateway:startup'], handler: handler(name, 1) }),
  );
  home.config({ hooks: { internal: { enabled: true, entries: { asks: { replayStartupOnReload: true } } } } });
  const engine = await startEngine(t, home);
  await engine.emit('gateway', 'startup', 'gateway:startup', {});
  await engine.settle();
  for (const [index, name] of ['asks', 'silent'].entries())
    writeFileSync(path.join(dirs[index] ?? '', 'handler.js'), handler(name, 2));
  await engine.reload();
  while (readFileSync(out('asks'), 'utf8') !== 'xxx') await delay(5);
  await engine.settle();
  assert.equal(readFileSync(out('silent'), 'utf8'), 'x');
});

test('R-18 a watched engine reloads by itself when files or the configuration change', async (t) => {
  const home = createTestHome(t);
  const dir = home.hook('h', { handler: pushes('one') });
  const engine = await startEngine(t, home, { watch: true });
  const until = async (expected: string[]) => {
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      const { messages } = await engine.emit('command', 'new', 's');
      if (JSON.stringify(messages) === JSON.stringify(expected)) return;
      await delay(50);
    }
    assert.fail(`never saw ${expected}`);
  };
  writeFileSync(path.join(dir, 'handler.js'), pushes('edited'));
  await until(['edited']);
  home.hook('new-one', { handler: pushes('new') }, 'hooks');
  await until(['new', 'edited']);
  home.config({ hooks: { internal: { enabled: false } } });
  await until([]);
});

test('T14 R-24 legacy handlers become hook directories that do the same', async (t) => {
  const home = createTestHome(t);
  home.write(
    '.openclaw/workspace/old/logger.js',
    'export const run = (e) => { e.messages.push("legacy " + e.action); };',
  );
  home.write(
    '.openclaw/openclaw.json',
    `{
  // my settings
  hooks: { internal: { enabled: true, handlers: [
    { event: "command:new", module: "old/logger.js", export: "run" },
    { event: "command:stop", module: "old/logger.js", export: "run" },
    { event: "command:new", module: "../escape.js" },
  ] } }
}`,
  );
  const config = loadHookConfig({ env: home.env });
  const report = await migrateLegacyHandlers(config);
  assert.deepEqual(
    report.migrated.map((hook) => hook.name),
    ['logger-run'],
  );
  assert.match(report.failed[0]?.reason ?? '', /must stay within workspaceDir/);
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['legacy new']);
  assert.deepEqual((await engine.emit('command', 'stop', 's')).messages, ['legacy stop']);
  const text = readFileSync(path.join(home.state, 'openclaw.json'), 'utf8');
  assert.ok(text.includes('// my settings') && text.includes('escape.js') && !text.includes('old/logger.js'));
});

test('R-24 a module that imports its neighbours goes on to find them, and what fails stays in the configuration', async (t) => {
  const home = createTestHome(t);
  home.write('.openclaw/workspace/old #1/util.ts', 'export const word = (): string => "neighbour";');
  home.write(
    '.openclaw/workspace/old #1/many.ts',
    `import { word } from './util.js';
export const first = (e: any) => { e.messages.push('first ' + word()); };
export const second = (e: any) => { e.messages.push('second ' + word()); };`,
  );
  home.write(
    '.openclaw/workspace/old #1/plain.cjs',
    'const u = require("./data.json"); module.exports = (e) => { e.messages.push(u.word); };',
  );
  home.write('.openclaw/workspace/old #1/data.json', '{ "word": "data" }');
  home.write('.openclaw/hooks/many-second/HOOK.md', '---\nname: taken\n---\n');
  const module = 'old #1/many.ts';
  const handlers = [
    { event: 'command:new', module, export: 'first' },
    { event: 'command:new', module, export: 'second' },
    { event: 'command:new', module: 'old #1/plain.cjs' },
    { module: 'old #1/data.json' },
  ];
  home.config({ hooks: { internal: { enabled: true, handlers } } });
  const report = await migrateLegacyHandlers(loadHookConfig({ env: home.env }));
  assert.deepEqual(
    report.migrated.map((hook) => hook.name),
    ['many-first', 'plain'],
  );
  assert.deepEqual(
    report.failed.map((item) => item.module),
    [module, 'old #1/data.json'],
  );
  const left = JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8')).hooks.internal.handlers;
  assert.deepEqual(left, [handlers[1], handlers[3]]);
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, [
    'first neighbour',
    'data',
    'second neighbour',
  ]);
});

test('current refuses legacy handlers and names the way out', async (t) => {
  const home = createTestHome(t);
  home.write('.openclaw/workspace/a.js', pushes('x'));
  home.config({ hooks: { internal: { enabled: true, handlers: [{ event: 'command:new', module: 'a.js' }] } } });
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger, profile: 'current' });
  assert.equal(engine.getRegisteredEventKeys().length, 0);
  assert.ok(lines.some((line) => line.message.includes('hooks migrate')));
});

test('plugins register hooks and typed hooks, bring hook directories, and can be switched off', async (t) => {
  const home = createTestHome(t);
  home.write('plug/openclaw.plugin.json', JSON.stringify({ id: 'plug', name: 'Plug', hooks: ['hooks'] }));
  home.write('plug/package.json', JSON.stringify({ name: 'plug', openclaw: { extensions: ['./main.ts'] } }));
  home.write(
    'plug/main.ts',
    `
import { definePluginEntry } from 'openclaw/plugin-sdk';
export default definePluginEntry({
  register(api: any) {
    api.registerTool({ name: 'ignored' });
    api.registerHook(['command:new'], (e: any) => { e.messages.push('plugin ' + api.pluginConfig.word); }, { name: 'plug-hook', description: 'd' });
    api.on('tool_result_persist', (e: any) => ({ message: e.message + ' low' }), { priority: 1 });
    api.on('tool_result_persist', (e: any) => ({ message: e.message + ' high' }), { priority: 9 });
    api.on('tool_result_persist', async () => ({ message: 'never' }));
    api.on('tool_result_persist', () => { throw new Error('broken'); });
    api.on('before_compaction', (e: any) => { console.log('compacting ' + e.messageCount); });
  },
});`,
  );
  home.hook('carried', { handler: pushes('carried') }, '../plug/hooks');
  const config = (enabled: boolean) => ({
    hooks: { internal: { enabled: true } },
    plugins: { load: { paths: ['~/plug'] }, entries: { plug: { enabled, config: { word: 'hello' } } } },
  });
  home.config(config(true));
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { logger });
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['carried', 'plugin hello']);
  const listed = engine.list().hooks.map((hook) => [hook.name, hook.source, hook.pluginId, hook.managedByPlugin]);
  assert.deepEqual(listed, [
    ['carried', 'openclaw-plugin', 'plug', true],
    ['plug-hook', 'openclaw-plugin', 'plug', true],
  ]);
  assert.equal(await engine.applyToolResultPersist({ toolName: 'x', message: 'result' }, {}), 'result high low');
  await engine.notifyCompaction('before_compaction', { messageCount: 4 }, {});
  const texts = () => lines.map((line) => line.message).join('\n');
  while (!texts().includes('compacting 4')) await delay(5);
  assert.match(texts(), /plugin plug returned a Promise; the result was ignored/);
  home.config(config(false));
  await engine.reload();
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, []);
  assert.equal(await engine.applyToolResultPersist({ message: 'result' }, {}), 'result');
  assert.equal(existsSync(path.join(home.home, 'plug')), true);
});
