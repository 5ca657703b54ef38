/** The verbs of `hooks` through the real command parser, with output caught; files, engine and npm are real. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { registerHooksCommands } from '../../src/cli/commands/hooks.ts';
import { getPrintedWidth } from '../../src/cli/commands/hooks-table.ts';
import { createTestHome, pushes, type TestHome } from './support.ts';

const execFileAsync = promisify(execFile);

interface CliResult {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

async function run(home: TestHome, ...args: string[]): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  let code = 0;
  const program = new Command('openclaw').exitOverride();
  registerHooksCommands(program, {
    env: home.env,
    cwd: home.home,
    programName: 'openclaw',
    write: (text) => void out.push(text),
    writeError: (text) => void err.push(text),
    setExitCode: (value) => {
      code = value;
    },
  });
  await program.parseAsync(['node', 'openclaw', 'hooks', ...args]);
  return { out: out.join('\n'), err: err.join('\n'), code };
}

function createHome(t: Parameters<typeof createTestHome>[0]): TestHome {
  const base = createTestHome(t);
  const home = { ...base, env: { ...base.env, OPENCLAW_BUNDLED_HOOKS_DIR: path.join(base.home, 'bundled') } };
  home.hook('my-hook', { metadata: { emoji: '🎯' }, handler: pushes('x') }, 'hooks');
  return home;
}

test('T31 list prints the JSON of the original, keys in order', async (t) => {
  const home = createHome(t);
  home.hook(
    'needs',
    {
      metadata: { requires: { bins: ['no-such-bin'], env: ['NO_SUCH'] }, homepage: 'https://x' },
      handler: pushes('x'),
    },
    'hooks',
  );
  const { out, code } = await run(home, 'list', '--json');
  assert.equal(code, 0);
  const none = { bins: [], anyBins: [], env: [], config: [], os: [] };
  const common = { source: 'openclaw-managed', events: ['command:new'] };
  const expected = {
    workspaceDir: home.workspace,
    managedHooksDir: path.join(home.state, 'hooks'),
    hooks: [
      {
        name: 'my-hook',
        description: 'test hook',
        emoji: '🎯',
        eligible: true,
        disabled: false,
        ...common,
        missing: none,
        managedByPlugin: false,
      },
      {
        name: 'needs',
        description: 'test hook',
        eligible: false,
        disabled: false,
        ...common,
        homepage: 'https://x',
        missing: { ...none, bins: ['no-such-bin'], env: ['NO_SUCH'] },
        managedByPlugin: false,
      },
    ],
  };
  assert.equal(out, JSON.stringify(expected, null, 2));
  assert.deepEqual(
    JSON.parse((await run(home, 'list', '--json', '--eligible')).out).hooks.map((hook: { name: string }) => hook.name),
    ['my-hook'],
  );
});

test('T31 current adds the members of OpenClaw 2026.9, which leave the allow-list out, and says in one of ours what holds', async (t) => {
  const home = createHome(t);
  home.config({ hooks: { internal: { enabled: true, tackle: { profile: 'current' }, entries: { other: {} } } } });
  home.hook('own', { handler: pushes('x') });
  home.hook(
    'silent',
    { md: '---\nname: silent\nmetadata: {"openclaw": {"events": [}\n---\n', handler: pushes('x') },
    'hooks',
  );
  const { hooks } = JSON.parse((await run(home, 'list', '--json')).out);
  const none = { bins: [], anyBins: [], env: [], config: [], os: [] };
  const common = { requirementsSatisfied: true, missing: none, managedByPlugin: false, unknownEvents: [] };
  const off = { eligible: false, loadable: false };
  assert.deepEqual(hooks, [
    {
      ...common,
      name: 'my-hook',
      description: 'test hook',
      emoji: '🎯',
      eligible: true,
      disabled: false,
      enabledByConfig: true,
      loadable: true,
      source: 'openclaw-managed',
      events: ['command:new'],
      notLoaded: 'not selected in hooks.internal.entries',
    },
    {
      ...common,
      ...off,
      name: 'silent',
      description: '',
      disabled: false,
      enabledByConfig: true,
      blockedReason: 'no events defined',
      source: 'openclaw-managed',
      events: [],
      notLoaded: "invalid metadata: metadata is not a JSON object (line 1, column 26: invalid character '}' at 1:26)",
    },
    {
      ...common,
      ...off,
      name: 'own',
      description: 'test hook',
      disabled: true,
      enabledByConfig: false,
      blockedReason: 'workspace hook (disabled by default)',
      source: 'openclaw-workspace',
      events: ['command:new'],
      notLoaded: 'workspace hook (disabled by default)',
    },
  ]);
  const order = [
    'name',
    'description',
    'emoji',
    'eligible',
    'disabled',
    'enabledByConfig',
    'requirementsSatisfied',
    'loadable',
    'source',
    'events',
    'unknownEvents',
    'missing',
    'managedByPlugin',
    'notLoaded',
  ];
  assert.deepEqual(Object.keys(hooks[0] ?? {}), order);
});

test('bare hooks lists as a table; verbose tells what is missing and what is hidden', async (t) => {
  const home = createHome(t);
  home.hook('my-hook', { handler: pushes('x') }, '../bundled');
  const { out } = await run(home);
  assert.match(out, /^Hooks \(1\/1 ready\)\n┌/);
  assert.match(out, /│ ✓ ready +│ 🎯 my-hook +│ test hook +│ openclaw-managed +│/);
  const widths = new Set(out.split('\n').slice(1).map(getPrintedWidth));
  assert.equal(widths.size, 1);
  const verbose = (await run(home, 'list', '--verbose')).out;
  assert.match(verbose, /my-hook \(openclaw-bundled\) is hidden by /);
});

test('empty listings say so', async (t) => {
  const base = createTestHome(t);
  const home = { ...base, env: { ...base.env, OPENCLAW_BUNDLED_HOOKS_DIR: '/nonexistent' } };
  assert.equal((await run(home, 'list')).out, 'No hooks found.');
  assert.equal(
    (await run(home, 'list', '--eligible')).out,
    'No eligible hooks found. Run `openclaw hooks list` to see all hooks.',
  );
});

test('a listing tells what will not load although nothing is missing: switch off, code broken', async (t) => {
  const home = createHome(t);
  home.config({});
  assert.match(
    (await run(home, 'list')).out,
    /Not loaded: my-hook - internal hooks are switched off .*`openclaw hooks enable <name>` switches them on\./,
  );
  assert.match((await run(home, 'check')).out, /Not loaded: my-hook/);
  assert.match(
    (await run(home, 'fire', 'command:new')).out,
    /^No hook heard command:new\.\n⏸ my-hook would: internal hooks/,
  );
  await run(home, 'enable', 'my-hook');
  assert.doesNotMatch((await run(home, 'list')).out, /Not loaded/);
  const dir = home.hook('broken', { handler: 'this is no program' }, 'hooks');
  const fired = await run(home, 'fire', 'command:new');
  assert.equal(fired.code, 1);
  assert.match(fired.out, /✗ broken could not be loaded: /);
  const listed = JSON.parse((await run(home, 'list', '--json')).out).hooks as { name: string; loadError?: string }[];
  assert.deepEqual(
    listed.map((hook) => [hook.name, hook.loadError !== undefined]),
    [
      ['broken', true],
      ['my-hook', false],
    ],
  );
  assert.match(
    (await run(home, 'list')).out,
    /^Hooks \(1\/2 ready\)[\s\S]*✗ broken[\s\S]*Could not be loaded: broken - /,
  );
  assert.match((await run(home, 'info', 'broken')).out, /✗ Could not be loaded[\s\S]*Load error: /);
  assert.match((await run(home, 'check')).out, /Hook broken could not be loaded/);
  home.hook('open', { md: '---\nname: open\n', handler: pushes('x') }, 'hooks');
  assert.match(
    (await run(home, 'list')).out,
    /^Hooks \(1\/3 ready\)[\s\S]*✗ invalid[\s\S]*Not loaded: open - invalid metadata/,
  );
  assert.match((await run(home, 'info', 'open')).out, /✗ Invalid HOOK\.md/);
  assert.match((await run(home, 'check')).out, /Ready: 2\nNot ready: 1[\s\S]*open - invalid metadata/);
  writeFileSync(path.join(dir, 'handler.js'), pushes('repaired'));
  assert.doesNotMatch((await run(home, 'list')).out, /could not be loaded/i);
});

test('14.5 hooks that plugins register are listed, and only the plugin switches them', async (t) => {
  const home = createHome(t);
  home.write('plug/openclaw.plugin.json', '{"id":"plug"}');
  home.write(
    'plug/index.js',
    'module.exports = (api) => api.registerHook("command:new", () => {}, { name: "of-plug" });',
  );
  home.write(
    'bad/index.js',
    'module.exports = (api) => { api.registerHook("command:new", () => {}, { name: "half" }); throw new Error("no luck"); };',
  );
  home.config({
    hooks: { internal: { enabled: true } },
    plugins: { load: { paths: ['~/plug', '~/bad', '~/nowhere'] } },
  });
  const listed = JSON.parse((await run(home, 'list', '--json')).out).hooks as Record<string, unknown>[];
  assert.deepEqual(
    listed.map((hook) => [hook.name, hook.source, hook.pluginId, hook.managedByPlugin]),
    [
      ['my-hook', 'openclaw-managed', undefined, false],
      ['of-plug', 'openclaw-plugin', 'plug', true],
    ],
  );
  assert.match((await run(home, 'list')).out, /of-plug +│ +│ plugin:plug/);
  assert.match((await run(home, 'info', 'of-plug')).out, /Source: plugin:plug[\s\S]*Managed by plugin/);
  for (const verb of ['enable', 'disable']) {
    const { err, code } = await run(home, verb, 'of-plug');
    assert.equal(err, 'Error: Hook "of-plug" is managed by plugin "plug" and cannot be enabled/disabled.');
    assert.equal(code, 1);
  }
  const { out } = await run(home, 'check');
  assert.match(out, /Plugin bad could not be loaded: no luck/);
  assert.match(out, /Plugin .*nowhere cannot be used/);
  const fired = JSON.parse((await run(home, 'fire', 'command:new', '--json')).out);
  assert.deepEqual(
    fired.runs.map((item: { hook: string; outcome: string }) => [item.hook, item.outcome]),
    [
      ['my-hook', 'ok'],
      ['of-plug', 'ok'],
    ],
  );
});

test('a verb, a hook or a file that is not there is named', async (t) => {
  const home = createHome(t);
  await assert.rejects(run(home, 'fier'), { code: 'commander.unknownCommand', message: /'fier'.*'fire'/ });
  assert.equal((await run(home, 'fire', 'command:new', '--hook', 'nope')).err, 'Error: Hook "nope" not found');
  assert.equal(
    (await run(home, 'fire', 'message:sent', '--hook', 'my-hook')).out,
    'my-hook does not hear message:sent; it lists command:new.',
  );
  home.write('bad.json', '{');
  assert.match(
    (await run(home, 'fire', 'command:new', '--context', 'bad.json')).err,
    /^Error: bad\.json is not JSON: /,
  );
  assert.match((await run(home, 'fire', 'command:new', '--context', 'no.json')).err, /^Error: no\.json cannot be read/);
  assert.equal((await run(home, 'update', '--all')).out, 'No hook packs to update.');
  assert.match((await run(home, 'runs', '--limit', 'ten')).err, /--limit must be a whole number from 1 on, not "ten"/);
  assert.match((await run(home, 'replay', 'nope')).err, /^Error: No run of "nope" is stored/);
  for (const verb of [['list'], ['check'], ['info', 'my-hook']])
    assert.equal((await run(home, ...verb, '--agent', 'x')).err, 'Error: There is no agent "x"; there is main.');
  home.config({ hooks: { internal: { enabled: true, entries: { 'my-hook': true }, load: { extraDirs: 'x' } } } });
  const warned = (await run(home, 'check')).err.split('\n');
  assert.deepEqual(warned, [
    'Warning: hooks.internal.load.extraDirs must be a list of texts; anything else is ignored.',
    'Warning: hooks.internal.entries.my-hook must be an object; it is ignored.',
  ]);
});

test('T31 info prints details and exact JSON; an unknown name exits with 1', async (t) => {
  const home = createHome(t);
  home.hook(
    'req',
    {
      metadata: {
        hookKey: 'the-key',
        requires: { bins: ['node', 'no-such-bin'], anyBins: ['a', 'b'], env: ['HOME'], config: ['workspace.dir'] },
        os: [process.platform],
        install: [{ kind: 'npm', package: 'p' }],
      },
      handler: pushes('x'),
    },
    'hooks',
  );
  const text = (await run(home, 'info', 'the-key')).out;
  for (const line of [
    '🔗 req ✗ Missing requirements',
    'Details:',
    '  Source: openclaw-managed',
    '  Path: ~/.openclaw/hooks/req/HOOK.md',
    '  Handler: ~/.openclaw/hooks/req/handler.js',
    '  Events: command:new',
    'Requirements:',
    '  Any binary: ✗ (any of: a, b)',
    '  Environment: ✓ HOME',
    '  Config: ✓ workspace.dir',
    `  OS: ✓ ${process.platform}`,
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  const json = JSON.parse((await run(home, 'info', 'req', '--json')).out);
  assert.deepEqual(Object.keys(json).slice(0, 16), [
    'name',
    'description',
    'source',
    'filePath',
    'baseDir',
    'handlerPath',
    'hookKey',
    'events',
    'always',
    'disabled',
    'eligible',
    'managedByPlugin',
    'requirements',
    'missing',
    'configChecks',
    'install',
  ]);
  assert.deepEqual(json.install, [{ id: 'npm-0', kind: 'npm', label: 'Install p (npm)', bins: [] }]);
  const unknown = await run(home, 'info', 'nope', '--json');
  assert.deepEqual([JSON.parse(unknown.out), unknown.code], [{ error: 'not found', hook: 'nope' }, 1]);
  assert.equal(
    (await run(home, 'info', 'nope')).out,
    'Hook "nope" not found. Run `openclaw hooks list` to see available hooks.',
  );
});

test('T31 check counts, explains, and flags events that nothing fires', async (t) => {
  const home = createHome(t);
  home.hook(
    'odd',
    {
      events: ['message:send', 'message_received'],
      metadata: { requires: { bins: ['no-such-bin'] } },
      handler: pushes('x'),
    },
    'hooks',
  );
  const { out } = await run(home, 'check');
  assert.match(
    out,
    /^Hooks Status\n\nTotal hooks: 2\nReady: 1\nNot ready: 1\n\nHooks not ready:\n {2}🔗 odd - bins: no-such-bin/,
  );
  const json = JSON.parse((await run(home, 'check', '--json')).out);
  assert.deepEqual(json.hooks.eligible, ['my-hook']);
  assert.deepEqual(json.unknownEvents, [
    { name: 'odd', event: 'message:send', suggestion: 'message:sent' },
    { name: 'odd', event: 'message_received', suggestion: 'message:received' },
  ]);
});

test('T32 a disabled hook can be enabled again; other keys and comments of the configuration stay', async (t) => {
  const home = createHome(t);
  home.write(
    '.openclaw/openclaw.json',
    '{\n  // mine\n  hooks: { internal: { enabled: true, entries: { "my-hook": { env: { A: "b" } } } } },\n}\n',
  );
  assert.equal((await run(home, 'disable', 'my-hook')).out, '⏸ Disabled hook: 🎯 my-hook');
  assert.equal(JSON.parse((await run(home, 'list', '--json')).out).hooks[0].disabled, true);
  assert.equal((await run(home, 'enable', 'my-hook')).out, '✓ Enabled hook: 🎯 my-hook');
  const text = readFileSync(path.join(home.state, 'openclaw.json'), 'utf8');
  assert.ok(text.includes('// mine') && text.includes('A: "b"'));
  assert.equal(JSON.parse((await run(home, 'list', '--json')).out).hooks[0].eligible, true);
  const unknown = await run(home, 'enable', 'nope');
  assert.deepEqual([unknown.err, unknown.code], ['Error: Hook "nope" not found', 1]);
  home.hook('needs', { metadata: { requires: { bins: ['no-such-bin'] } }, handler: pushes('x') }, 'hooks');
  assert.equal((await run(home, 'enable', 'needs')).err, 'Error: Hook "needs" is not eligible (missing requirements)');
});

test('a hooks block that stands in tackle.json is changed there', async (t) => {
  const home = createHome(t);
  home.write('.openclaw/openclaw.json', '{ channels: {} }');
  const file = home.write(
    '.tackle/tackle.json',
    '{ hooks: { internal: { enabled: true, entries: { other: { x: 1 } } } } }',
  );
  await run(home, 'disable', 'my-hook');
  assert.match(readFileSync(file, 'utf8'), /"my-hook": \{[\s\S]*"enabled": ?false/);
  assert.equal(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8'), '{ channels: {} }');
});

test('R-25 writers that change the configuration at the same time lose nothing', async (t) => {
  const home = createHome(t);
  const names = Array.from({ length: 8 }, (_, n) => `hook-${n}`);
  for (const name of names) home.hook(name, { handler: pushes('x') }, 'hooks');
  await Promise.all(names.map((name) => run(home, 'disable', name)));
  const { entries } = JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8')).hooks.internal;
  assert.deepEqual(Object.keys(entries).sort(), names);
});

test('install, update, uninstall and their messages', async (t) => {
  const home = createHome(t);
  home.hook('packed', { handler: pushes('x') }, '../pack');
  home.write('pack/package.json', JSON.stringify({ name: 'pack', openclaw: { hooks: ['./packed'] } }));
  const installed = await run(home, 'install', path.join(home.home, 'pack'));
  assert.match(
    installed.out,
    /^Installing to .*\/hooks\/pack…\nInstalled hooks: packed\nRestart the gateway to load hooks/,
  );
  assert.deepEqual(await run(home, 'update'), { out: '', err: 'Error: Provide a hook id or use --all.', code: 1 });
  assert.equal((await run(home, 'update', 'nope')).out, 'No install record for "nope".');
  assert.equal((await run(home, 'update', '--all')).out, 'Skipping "pack" (source: path).');
  assert.equal((await run(home, 'uninstall', 'pack')).out, 'Uninstalled pack: packed');
  assert.equal(existsSync(path.join(home.state, 'hooks/pack')), false);
  const linked = await run(home, 'install', '--link', path.join(home.home, 'pack'));
  assert.match(linked.out, new RegExp(`^Linked hook path: ${home.home}/pack\n`));
  assert.deepEqual((await run(home, 'install', '--link', 'npm-name')).err, 'Error: `--link` requires a local path.');
});

test('R-23 R-8 a new hook passes its own test, the lint and hooks test', async (t) => {
  const home = createHome(t);
  const created = await run(home, 'new', 'fresh', '--events', 'command:new,message:received');
  assert.equal(created.code, 0, created.err);
  const dir = path.join(home.workspace, 'hooks/fresh');
  const tested = await run(home, 'test', dir);
  assert.equal(tested.code, 0, tested.out);
  assert.match(tested.out, /✓ fresh \[command:new\] ok[\s\S]*✓ fresh \[message:received\] ok[\s\S]*✓ 1 hook passed/);
  assert.equal((await run(home, 'lint', dir)).out, 'No findings in 1 hook.');
  await execFileAsync(process.execPath, ['--test', path.join(dir, 'handler.test.ts')], {
    env: { ...home.env, NODE_TEST_CONTEXT: undefined } as NodeJS.ProcessEnv,
  });
  assert.match((await run(home, 'new', 'fresh')).err, /exists already/);
  assert.match((await run(home, 'new', 'typo', '--events', 'comand:new')).err, /Did you mean "command:new"\?/);
  assert.match((await run(home, 'new', '../evil')).err, /cannot be a hook's name/);
});

test('the types that hooks new brings let tsc check a hook without any package', async (t) => {
  const home = createHome(t);
  for (const name of ['one', 'two']) await run(home, 'new', name, '--dir', 'hooks');
  const compile = () =>
    execFileAsync(path.join(import.meta.dirname, '../../node_modules/.bin/tsc'), ['-p', path.join(home.home, 'hooks')]);
  const checked = (push: string) => `
import type { OpenClawPluginApi } from 'openclaw/plugin-sdk';
import { type HookHandler, isAgentBootstrapEvent } from 'clawdbot/hooks';
export const register = (api: OpenClawPluginApi) => api.on('tool_result_persist', (event) => ({ message: event.message }));
const handler: HookHandler = (event) => { if (isAgentBootstrapEvent(event)) event.context.bootstrapFiles.push(${push}); };
export default handler;`;
  home.write('hooks/one/extra.ts', checked("{ path: 'a.md' }"));
  await compile();
  home.write('hooks/one/extra.ts', checked("{ filePath: 'a.md' }"));
  await assert.rejects(compile(), { stdout: /extra\.ts\(5,\d+\): error TS2741: .*path/ });
  home.write('ts/tsconfig.json', '{}');
  await run(home, 'new', 'three', '--dir', 'ts/hooks');
  assert.equal(existsSync(path.join(home.home, 'ts/hooks/tsconfig.json')), false, 'a project keeps its own');
});

test('hooks test fails for a hook that does not load or throws', async (t) => {
  const home = createHome(t);
  const bad = home.hook('bad', { handler: 'import "nowhere-to-be-found"; export default () => {};' }, '../elsewhere');
  const throws = home.hook('throws', { handler: 'export default () => { throw new Error("no"); };' }, '../elsewhere');
  for (const dir of [bad, throws]) assert.equal((await run(home, 'test', dir)).code, 1);
  assert.match((await run(home, 'test', bad)).out, /missing dependency nowhere-to-be-found/);
});

test('R-20 lint names the mistakes that otherwise only stay silent', async (t) => {
  const home = createHome(t);
  const handlers: Record<string, { events: string[]; handler: string; code: string }> = {
    compare: {
      events: ['message:received'],
      handler: 'export default (event) => { if (event.type !== "message:received") return; };',
      code: 'type_compared_with_key',
    },
    content: {
      events: ['message:received'],
      handler: 'export default (event) => console.log(event.content);',
      code: 'unset_member',
    },
    pushes: { events: ['message:received'], handler: pushes('x'), code: 'messages_dropped' },
    filePath: {
      events: ['agent:bootstrap'],
      handler: 'export default (e) => e.context.bootstrapFiles.push({ filePath: "x" });',
      code: 'bootstrap_file_path',
    },
    family: {
      events: ['command'],
      handler: 'export default (e) => { if (e.action !== "new") return; };',
      code: 'family_for_one_action',
    },
    twice: { events: ['message', 'message:sent'], handler: 'export default () => {};', code: 'double_registration' },
    nothing: { events: ['command'], handler: 'console.log(1);', code: 'no_export' },
    named: { events: ['command'], handler: 'export const go = () => {};', code: 'no_default_export' },
    guarded: {
      events: ['message:received'],
      handler: 'export default (e) => { if (e.type !== "message" || e.action !== "sent") return; };',
      code: 'event_not_listed',
    },
    unknown: { events: ['tool:exec'], handler: 'export default () => {};', code: 'unknown_event' },
  };
  for (const [name, { events, handler, code }] of Object.entries(handlers)) {
    const dir = home.hook(name, { events, handler }, '../lint');
    const result = JSON.parse((await run(home, 'lint', dir, '--json')).out);
    assert.ok(
      result[0].lints.some((lint: { code: string }) => lint.code === code),
      `${name}: ${JSON.stringify(result)}`,
    );
  }
  const shipped = await run({ ...home, env: { ...home.env, OPENCLAW_BUNDLED_HOOKS_DIR: undefined } }, 'lint');
  assert.equal(shipped.out, 'No findings in 6 hooks.', 'what ships with the server follows its own advice');
});

test('fire runs every listener, keeps records for runs, and replay repeats failures', async (t) => {
  const home = createHome(t);
  home.hook(
    'flaky',
    {
      handler: `import fs from 'node:fs'; export default (e) => { console.log('seen ' + e.context.extra); if (!fs.existsSync(${JSON.stringify(path.join(home.home, 'ok'))})) throw new Error('not yet'); };`,
    },
    'hooks',
  );
  home.write('context.json', JSON.stringify({ extra: 'value' }));
  const preview = await run(home, 'fire', 'command:new', '--dry-run');
  assert.equal(preview.out, 'Would run flaky\nWould run my-hook');
  const fired = await run(home, 'fire', 'command:new', '--context', 'context.json');
  assert.equal(fired.code, 1);
  assert.match(fired.out, /✗ flaky \[command:new\] error[\s\S]*Error: not yet[\s\S]*\| seen value[\s\S]*✓ my-hook/);
  const failed = JSON.parse((await run(home, 'runs', '--failed', '--json')).out);
  assert.deepEqual(
    failed.map((item: { hook: string; outcome: string }) => [item.hook, item.outcome]),
    [['flaky', 'error']],
  );
  home.write('ok', '');
  assert.match((await run(home, 'replay', failed[0].id)).out, /^flaky \[command:new\] ok/);
  assert.equal((await run(home, 'fire', 'comand:new')).out, 'No hook heard comand:new. Did you mean command:new?');
  assert.match((await run(home, 'list', '--verbose')).out, /🔗 flaky .* \d{4}-\d\d-\d\dT/);
});

test('doctor walks the four questions and stops at the one that fails', async (t) => {
  const home = createHome(t);
  home.hook('missing', { metadata: { requires: { bins: ['no-such-bin'] } }, handler: pushes('x') }, 'hooks');
  home.hook('silent', { events: ['heartbeat'], handler: pushes('x') }, 'hooks');
  home.hook('broken', { handler: 'throw new Error("at import");' }, 'hooks');
  const steps = async (name: string) => {
    const { out, code } = await run(home, 'doctor', name, '--json');
    const findings = JSON.parse(out).hooks[0].findings as { step: string; ok: boolean; message: string }[];
    return [code, ...findings.map((finding) => `${finding.step}:${finding.ok}`)];
  };
  assert.deepEqual(await steps('my-hook'), [0, 'found:true', 'eligible:true', 'running:true', 'handler:true']);
  assert.deepEqual(await steps('missing'), [1, 'found:true', 'eligible:false']);
  assert.deepEqual(await steps('silent'), [1, 'found:true', 'eligible:true', 'running:false', 'handler:true']);
  assert.deepEqual(await steps('broken'), [1, 'found:true', 'eligible:true', 'running:true', 'handler:false']);
  const nowhere = await run(home, 'doctor', 'nope');
  assert.match(nowhere.out, /^✗ found: "nope" is in none of /);
});

test('migrate and its preview', async (t) => {
  const home = createHome(t);
  assert.equal((await run(home, 'migrate')).out, 'Nothing to migrate.');
  home.write('.openclaw/workspace/old.js', pushes('x'));
  home.config({ hooks: { internal: { enabled: true, handlers: [{ event: 'command:new', module: 'old.js' }] } } });
  assert.match((await run(home, 'migrate', '--dry-run')).out, /^Would migrate old\.js to /);
  assert.match((await run(home, 'migrate')).out, /^Migrated old\.js to /);
  assert.equal(existsSync(path.join(home.state, 'hooks/old/handler.js')), true);
});
