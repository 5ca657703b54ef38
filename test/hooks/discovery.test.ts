/** Scanning real directories with links, packs, doubles and rubbish in them. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { buildHookCatalog } from '../../src/hooks/catalog.ts';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import { discoverHooks } from '../../src/hooks/discovery/discover-hooks.ts';
import { createBinFinder } from '../../src/hooks/discovery/find-bin.ts';
import { createListReport } from '../../src/hooks/reports.ts';
import { enableHook } from '../../src/hooks/toggle.ts';
import { createTestHome, pushes, startEngine, type TestHome } from './support.ts';

const noop = pushes('x');

async function catalogOf(home: TestHome, profile: 'seed' | 'current' = 'seed') {
  const config = loadHookConfig({ env: home.env, profile });
  return buildHookCatalog(config, { env: home.env, bundledHooksDir: path.join(home.home, 'bundled') });
}

const scan = (dir: string) =>
  discoverHooks([{ dir, kind: 'managed' }], { trustedSymlinkRoots: [], lenientMetadata: false });

test('T16 four roots hold one name; each is removed in turn', async (t) => {
  const home = createTestHome(t);
  const extra = path.join(home.home, 'extra');
  home.config({ hooks: { internal: { enabled: true, load: { extraDirs: ['~/extra'] } } } });
  const places = { workspace: 'workspace/hooks', managed: 'hooks', bundled: '../bundled', extra: '../extra' };
  const dirs = Object.entries(places).map(([kind, place]) => ({
    kind,
    dir: home.hook('dup', { handler: noop }, place),
  }));
  for (const { kind, dir } of dirs) {
    const catalog = await catalogOf(home);
    const winner = catalog.hooks.find((item) => item.shadowedBy === undefined);
    assert.equal(winner?.hook.rootKind, kind);
    const hidden = createListReport(catalog, { includeShadowed: true }).hooks.filter(
      (item) => item.shadowedBy !== undefined,
    );
    assert.equal(hidden.length, catalog.hooks.length - 1);
    rmSync(dir, { recursive: true });
  }
  assert.ok(extra);
});

test('T16 current: a workspace hook hides nothing and needs to be enabled by name', async (t) => {
  const home = createTestHome(t);
  home.hook('dup', { handler: noop }, 'hooks');
  home.hook('dup', { handler: noop });
  home.hook('own', { handler: noop });
  const catalog = await catalogOf(home, 'current');
  assert.equal(catalog.hooks.find((item) => item.loadable)?.hook.rootKind, 'managed');
  assert.equal(
    catalog.hooks.find((item) => item.hook.name === 'own')?.blockedReason,
    'workspace hook (disabled by default)',
  );
});

test('T17 an extra directory may be a collection, a hook or a pack', async (t) => {
  const home = createTestHome(t);
  home.hook('one', { handler: noop }, '../collection');
  home.hook('single', { handler: noop }, '..');
  home.hook('packed', { handler: noop }, '../pack/hooks');
  home.hook('not-listed', { handler: noop }, '../pack/hooks');
  home.write('pack/package.json', JSON.stringify({ name: 'pack', openclaw: { hooks: ['./hooks/packed'] } }));
  home.config({ hooks: { internal: { enabled: true, load: { extraDirs: ['~/collection', '~/single', '~/pack'] } } } });
  const catalog = await catalogOf(home);
  assert.deepEqual(
    catalog.hooks.map((item) => item.hook.name),
    ['one', 'single', 'packed'],
  );
});

test('S1 pack entries that leave the pack are ignored with a message', async (t) => {
  const home = createTestHome(t);
  home.hook('outside', { handler: noop }, '../root');
  home.hook('inside', { handler: noop }, '../root/pack');
  home.write('root/pack/package.json', JSON.stringify({ openclaw: { hooks: ['../outside', './linked', './inside'] } }));
  symlinkSync(path.join(home.home, 'root/outside'), path.join(home.home, 'root/pack/linked'));
  rmSync(path.join(home.home, 'root/outside/HOOK.md'));
  const found = await scan(path.join(home.home, 'root'));
  assert.deepEqual(
    found.hooks.map((hook) => hook.name),
    ['inside'],
  );
  assert.deepEqual(
    found.problems.map((problem) => /Ignoring out-of-package hook path "(.+)" in/.exec(problem.message)?.[1]),
    ['../outside', './linked'],
  );
});

test('S2 S3 linked handlers and HOOK.md files are refused', async (t) => {
  const home = createTestHome(t);
  const target = home.write('elsewhere.js', noop);
  const symlinked = home.hook('symlinked', {}, 'hooks');
  symlinkSync(target, path.join(symlinked, 'handler.js'));
  const hardlinked = home.hook('hardlinked', {}, 'hooks');
  linkSync(target, path.join(hardlinked, 'handler.js'));
  const md = path.join(home.hook('linked-md', { handler: noop }, 'hooks'), 'HOOK.md');
  rmSync(md);
  linkSync(home.write('HOOK.md', '---\nname: x\n---\n'), md);
  const found = await scan(path.join(home.state, 'hooks'));
  assert.deepEqual(found.hooks, []);
  assert.equal(found.problems.filter((problem) => problem.message.includes('fails boundary checks')).length, 3);
});

test('R-15 directory links are followed inside the root and below trusted roots only', async (t) => {
  const home = createTestHome(t);
  const real = home.hook('real', { handler: noop }, '../elsewhere');
  mkdirSync(path.join(home.state, 'hooks'), { recursive: true });
  symlinkSync(real, path.join(home.state, 'hooks', 'real'));
  symlinkSync(home.home, path.join(home.state, 'hooks', 'no-hook'));
  const untrusted = await scan(path.join(home.state, 'hooks'));
  assert.equal(untrusted.hooks.length, 0);
  assert.equal(untrusted.problems.length, 1, 'a link to something else is nobody’s business');
  assert.match(untrusted.problems[0]?.message ?? '', /^Ignoring linked hook directory .*real.*trustedSymlinkRoots/);
  home.config({ hooks: { internal: { enabled: true, load: { trustedSymlinkRoots: ['~/elsewhere'] } } } });
  assert.deepEqual(
    (await catalogOf(home)).hooks.map((item) => item.hook.name),
    ['real'],
  );
});

test('hidden directories, node_modules and files are no hooks; a missing handler is a problem with a name', async (t) => {
  const home = createTestHome(t);
  for (const name of ['.openclaw-install-stage-x', 'node_modules', 'good']) home.hook(name, { handler: noop }, 'hooks');
  home.hook('empty', {}, 'hooks');
  home.write('.openclaw/hooks/file.md', 'x');
  const found = await scan(path.join(home.state, 'hooks'));
  assert.deepEqual(
    found.hooks.map((hook) => hook.name),
    ['good'],
  );
  assert.match(found.problems[0]?.message ?? '', /^Hook "empty" has HOOK\.md but no handler file in /);
});

test('handler files are taken in the order of the original, then ours', async (t) => {
  const home = createTestHome(t);
  home.hook('both', { files: { 'handler.ts': noop, 'handler.js': noop, 'index.js': noop } }, 'hooks');
  home.hook('module', { files: { 'handler.mjs': noop } }, 'hooks');
  const { hooks } = await scan(path.join(home.state, 'hooks'));
  assert.deepEqual(
    hooks.map((hook) => path.basename(hook.handlerPath)),
    ['handler.ts', 'handler.mjs'],
  );
  assert.equal(hooks[0]?.fallbackHandlerPath?.endsWith('handler.js'), true);
  assert.ok(hooks[1]?.lints.some((lint) => lint.code === 'handler_name'));
});

test('two hooks of one name in one root: the later wins and both are told', async (t) => {
  const home = createTestHome(t);
  const md = '---\nname: same\nmetadata: {"openclaw":{"events":["command"]}}\n---\n';
  home.hook('a', { md, handler: noop }, 'hooks');
  home.hook('b', { md, handler: noop }, 'hooks');
  const catalog = await catalogOf(home);
  const winner = catalog.hooks.find((item) => item.loadable);
  assert.equal(path.basename(winner?.hook.baseDir ?? ''), 'b');
  assert.ok(catalog.hooks.some((item) => item.hook.lints.some((lint) => lint.code === 'duplicate_name')));
});

test('bad input: huge, binary and monstrous HOOK.md files, a thousand events, a directory that vanishes', async (t) => {
  const home = createTestHome(t);
  home.hook('huge', { md: `---\nname: huge\n---\n${'x'.repeat(10 * 1024 * 1024)}`, handler: noop }, 'hooks');
  home.hook('binary', { md: '---\nname: \u0000\u0001\u0002\n---\n', handler: noop }, 'hooks');
  const levels = Array.from(
    { length: 20 },
    (_, i) =>
      `k${i}: &a${i} [${Array(9)
        .fill(i === 0 ? 'x' : `*a${i - 1}`)
        .join(',')}]`,
  );
  home.hook('bomb', { md: `---\n${levels.join('\n')}\n---\n`, handler: noop }, 'hooks');
  home.hook('many', { events: Array.from({ length: 1_000 }, (_, i) => `custom:${i}`), handler: noop }, 'hooks');
  const startedAt = Date.now();
  const pending = scan(path.join(home.state, 'hooks'));
  const { hooks, problems } = await pending;
  assert.ok(Date.now() - startedAt < 2_000);
  assert.deepEqual(hooks.map((hook) => hook.name).sort(), ['bomb', 'many']);
  assert.equal(hooks.find((hook) => hook.name === 'many')?.events.length, 1_000);
  assert.equal(problems.length, 2);
  for (let n = 0; n < 20; n += 1) home.hook(`gone-${n}`, { handler: noop }, 'hooks');
  const racing = scan(path.join(home.state, 'hooks'));
  rmSync(path.join(home.state, 'hooks'), { recursive: true, force: true });
  await racing;
});

test('S10 control characters in names never reach a listing or a log', async (t) => {
  const home = createTestHome(t);
  home.hook(
    'forged',
    {
      md: '---\nname: "evil\\u001b[2J\\ninjected"\nmetadata: {"openclaw":{"events":["command"]}}\n---\n',
      handler: noop,
    },
    'hooks',
  );
  assert.deepEqual(
    (await scan(path.join(home.state, 'hooks'))).hooks.map((hook) => hook.name),
    ['evil injected'],
  );
});

test('R-16 a bundled directory that is not there is reported', async (t) => {
  const catalog = await catalogOf(createTestHome(t));
  assert.equal(catalog.lints[0]?.code, 'bundled_missing');
});

test('R-19 always does not skip the system: list, info, check, enable and the loader agree', async (t) => {
  const home = createTestHome(t);
  const metadata = { always: true, os: [process.platform === 'win32' ? 'linux' : 'win32'] };
  home.hook('elsewhere', { metadata, handler: pushes('x') });
  const engine = await startEngine(t, home);
  assert.deepEqual(
    engine.list().hooks.map((hook) => [hook.eligible, hook.missing.os]),
    [[false, metadata.os]],
  );
  assert.equal(engine.info('elsewhere')?.eligible, false);
  assert.deepEqual(engine.check().hooks.eligible, []);
  assert.deepEqual(engine.getRegisteredEventKeys(), []);
  await assert.rejects(enableHook(await catalogOf(home), 'elsewhere'), /is not eligible/);
});

test('R-27 programs are found with PATHEXT on Windows and without it elsewhere', () => {
  const files = new Set(['C:\\tools\\node.EXE', 'C:\\tools\\run.cmd', '/bin/node']);
  const isExecutable = (file: string) => files.has(file);
  const windows = createBinFinder({
    platform: 'win32',
    env: { Path: 'C:\\other;C:\\tools', PATHEXT: '.EXE;.cmd' },
    isExecutable,
  });
  assert.deepEqual(['node', 'run', 'run.cmd', 'none', '..\\node'].map(windows), [true, true, true, false, false]);
  const posix = createBinFinder({ platform: 'linux', env: { PATH: '/usr/bin:/bin', PATHEXT: '.EXE' }, isExecutable });
  assert.deepEqual(['node', 'run', '../bin/node'].map(posix), [true, false, false]);
});

test('an existing home is used in place: includes, references, workspaces, hidden agents', async (t) => {
  const home = createTestHome(t);
  home.write(
    '.openclaw/extra.json5',
    '{ hooks: { internal: { enabled: true, entries: { a: { env: { TOKEN: "${REAL_TOKEN}" } } } } } } // comment',
  );
  writeFileSync(
    path.join(home.state, 'openclaw.json'),
    '{ $include: "./extra.json5", agents: { list: [{ id: "Main", default: true }, { id: "Two", workspace: "~/two" }] } }',
  );
  home.hook('a', { handler: noop, metadata: { requires: { env: ['TOKEN'] } } }, '../two/hooks');
  const env = { ...home.env, REAL_TOKEN: 'r' };
  const config = loadHookConfig({ env });
  assert.equal(config.places.stateDir, home.state);
  assert.deepEqual(
    config.agents.map((agent) => [agent.agentId, agent.workspaceDir]),
    [
      ['main', home.workspace],
      ['two', path.join(home.home, 'two')],
    ],
  );
  const catalog = await buildHookCatalog(config, { env, bundledHooksDir: '/none' });
  assert.deepEqual(
    catalog.hooks.map((item) => [item.hook.name, item.loadable, item.agents]),
    [['a', true, ['two']]],
  );
  assert.throws(() => loadHookConfig({ env: home.env }), /REAL_TOKEN/);
});

test('switches of ours may stand in tackle.json, so that a shared openclaw.json stays readable for OpenClaw', (t) => {
  const home = createTestHome(t);
  home.config({ hooks: { internal: { enabled: true, entries: { a: { enabled: true } } } } });
  home.write(
    '.tackle/tackle.json',
    '{ hooks: { internal: { tackle: { profile: "current", compat: { cancel: true } } } } }',
  );
  const config = loadHookConfig({ env: home.env });
  assert.equal(config.profile, 'current');
  assert.equal(config.settings.cancel, true);
  assert.deepEqual(config.config.hooks, {
    internal: {
      enabled: true,
      entries: { a: { enabled: true } },
      tackle: { profile: 'current', compat: { cancel: true } },
    },
  });
});
