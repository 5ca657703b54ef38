/** Packs from directories, archives and npm. The npm is real; the registry behind it is a small one of our own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import * as tar from 'tar';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import {
  getHooksDir,
  installPack,
  linkPack,
  listInstallRecords,
  uninstallPack,
  updatePack,
} from '../../src/hooks/packs/install-pack.ts';
import { createNpmClient, type NpmClient } from '../../src/hooks/packs/npm-client.ts';
import { assertStableConsent, parseNpmSpec } from '../../src/hooks/packs/npm-spec.ts';
import { createTestHome, pushes, startEngine, type TestHome } from './support.ts';

const noNpm: NpmClient = {
  fetch: () => Promise.reject(new Error('npm must not be started')),
  installDependencies: () => Promise.reject(new Error('npm must not be started')),
};

function toolsOf(home: TestHome, npm: NpmClient = noNpm) {
  const progress: string[] = [];
  return {
    config: loadHookConfig({ env: home.env }),
    npm,
    progress,
    onProgress: (line: string) => void progress.push(line),
  };
}

const readConfig = (home: TestHome) => JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8'));

/** A pack of two hooks in `<home>/<dir>`. */
function writePack(home: TestHome, dir: string, manifest: object = {}, text = 'packed'): string {
  home.hook('alpha', { handler: pushes(`${text} alpha`) }, `../${dir}/hooks`);
  home.hook('beta', { handler: pushes(`${text} beta`) }, `../${dir}/hooks`);
  home.write(
    `${dir}/package.json`,
    JSON.stringify({
      name: '@scope/my-pack',
      version: '1.0.0',
      openclaw: { hooks: ['./hooks/alpha', './hooks/beta'] },
      ...manifest,
    }),
  );
  return path.join(home.home, dir);
}

function assertUntouched(home: TestHome): void {
  const dir = path.join(home.state, 'hooks');
  assert.deepEqual(existsSync(dir) ? readdirSync(dir) : [], []);
  assert.equal(readConfig(home).hooks.internal.installs, undefined);
}

test('T30 a pack from a directory is copied, enabled, recorded and runs', async (t) => {
  const home = createTestHome(t);
  const dir = writePack(home, 'src-pack');
  const tools = toolsOf(home);
  const result = await installPack(dir, {}, tools);
  assert.deepEqual(result, {
    id: 'my-pack',
    hooks: ['alpha', 'beta'],
    installPath: path.join(home.state, 'hooks/my-pack'),
    version: '1.0.0',
  });
  const { internal } = readConfig(home).hooks;
  assert.deepEqual(internal.entries, { alpha: { enabled: true }, beta: { enabled: true } });
  const { installedAt, ...record } = internal.installs['my-pack'];
  assert.ok(!Number.isNaN(Date.parse(installedAt)));
  assert.deepEqual(record, {
    source: 'path',
    sourcePath: dir,
    installPath: result.installPath,
    version: '1.0.0',
    hooks: ['alpha', 'beta'],
  });
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['packed alpha', 'packed beta']);
  await assert.rejects(
    installPack(dir, {}, tools),
    /^TackleError: hook pack already exists: .*my-pack \(delete it first\)$/,
  );
});

test('a directory without package.json is a single hook', async (t) => {
  const home = createTestHome(t);
  const dir = home.hook('solo', { handler: pushes('x') }, '../elsewhere');
  assert.equal((await installPack(dir, {}, toolsOf(home))).id, 'solo');
  await assert.rejects(installPack(dir, {}, toolsOf(home)), /hook already exists/);
});

test('T30 archives of every kind install, whatever their root is called', async (t) => {
  for (const file of ['pack.tgz', 'pack.tar', 'pack.tar.gz', 'pack.zip']) {
    const home = createTestHome(t);
    writePack(home, 'package');
    const archive = path.join(home.home, file);
    if (file.endsWith('.zip')) writeFileSync(archive, createZip(home, 'package'));
    else await tar.create({ file: archive, cwd: home.home, gzip: file.endsWith('gz') }, ['package']);
    const result = await installPack(archive, {}, toolsOf(home));
    assert.deepEqual(result.hooks, ['alpha', 'beta'], file);
    assert.equal(readConfig(home).hooks.internal.installs['my-pack'].source, 'archive');
  }
});

test('every invalid pack is refused with the words of the original and nothing is left behind', async (t) => {
  const cases: [object, RegExp, ((home: TestHome) => void)?][] = [
    [{ openclaw: {} }, /package\.json missing openclaw\.hooks/],
    [{ openclaw: { hooks: [] } }, /package\.json openclaw\.hooks is empty/],
    [{ openclaw: { hooks: ['../x'] } }, /openclaw\.hooks entry escapes package directory: \.\.\/x/],
    [
      { openclaw: { hooks: ['./out'] } },
      /openclaw\.hooks entry resolves outside package directory: \.\/out/,
      (home) => symlinkSync('/tmp', path.join(home.home, 'p/out')),
    ],
    [{ openclaw: { hooks: ['./none'] } }, /HOOK\.md missing in .*none/],
    [
      {},
      /handler\.ts\/handler\.js\/index\.ts\/index\.js missing in .*alpha/,
      (home) => rmSync(path.join(home.home, 'p/hooks/alpha/handler.js')),
    ],
    [{ name: '..' }, /invalid hook name: \.\./],
    [{ name: 'a\\b' }, /invalid hook name: a\\b/],
    [{}, /link that leads outside/, (home) => symlinkSync('/etc/passwd', path.join(home.home, 'p/hooks/alpha/data'))],
    [
      {},
      /two hooks of the pack are called "alpha"/,
      (home) => void home.write('p/hooks/beta/HOOK.md', '---\nname: alpha\n---\n'),
    ],
  ];
  for (const [manifest, error, prepare] of cases) {
    const home = createTestHome(t);
    const dir = writePack(home, 'p', manifest);
    prepare?.(home);
    await assert.rejects(installPack(dir, {}, toolsOf(home)), error);
    assertUntouched(home);
  }
  const home = createTestHome(t);
  writePack(home, 'p');
  home.write('p/package.json', '{ broken');
  await assert.rejects(installPack(path.join(home.home, 'p'), {}, toolsOf(home)), /invalid package\.json: /);
  await assert.rejects(installPack(home.write('x.txt', ''), {}, toolsOf(home)), /unsupported hook file: /);
  await assert.rejects(installPack('./not/there', {}, toolsOf(home)), /Path not found: /);
});

test('S5 archives with traversal, absolute paths, links or devices are refused with nothing left behind', async (t) => {
  const entry = (header: object, body = '') => ({
    header: { mode: 0o644, size: Buffer.byteLength(body), ...header },
    body,
  });
  const bad = [
    entry({ path: '../escape.js', type: 'File' }, 'x'),
    entry({ path: '/tmp/absolute.js', type: 'File' }, 'x'),
    entry({ path: 'package/a', type: 'SymbolicLink', linkpath: '/etc/passwd' }),
    entry({ path: 'package/a', type: 'Link', linkpath: '../../etc/passwd' }),
    entry({ path: 'package/dev', type: 'CharacterDevice' }),
  ];
  for (const item of bad) {
    const home = createTestHome(t);
    const file = path.join(home.home, 'bad.tar');
    writeFileSync(file, createTar([entry({ path: 'package/HOOK.md', type: 'File' }, '---\nname: a\n---\n'), item]));
    await assert.rejects(installPack(file, {}, toolsOf(home)), /is refused/);
    assertUntouched(home);
  }
  const home = createTestHome(t);
  const zip = createZipOf({ '../escape.js': 'x' });
  const file = path.join(home.home, 'bad.zip');
  writeFileSync(file, zip);
  await assert.rejects(installPack(file, {}, toolsOf(home)), /is refused/);
  writeFileSync(file, 'not an archive');
  await assert.rejects(installPack(file, {}, toolsOf(home)), /is refused/);
  assertUntouched(home);
});

test('S6 specs that are not names of registry packages are refused before anything starts', async (t) => {
  const home = createTestHome(t);
  const specs = [
    'git+https://x/y',
    'https://x/y.js',
    'github:a/b',
    'file:x',
    'a@^1.0.0',
    'a@1.x',
    'a@>=1',
    'a@*',
    'a b',
    'a#b',
    'npm:a@1',
    '@/x',
    'a@',
    'a@~1.2.3',
    'a@1',
  ];
  for (const spec of specs) await assert.rejects(installPack(spec, {}, toolsOf(home)), /unsupported npm spec/, spec);
  assert.deepEqual(parseNpmSpec('@s/a@v1.2.3-beta.1'), {
    raw: '@s/a@v1.2.3-beta.1',
    name: '@s/a',
    version: '1.2.3-beta.1',
  });
  assert.deepEqual(parseNpmSpec('a@next'), { raw: 'a@next', name: 'a', tag: 'next' });
});

test('a prerelease needs consent', () => {
  for (const spec of ['a', 'a@latest', 'a@1.0.0'])
    assert.throws(() => assertStableConsent(parseNpmSpec(spec), '1.0.0-rc.1'), /@beta or @rc/);
  for (const spec of ['a@beta', 'a@1.0.0-rc.1']) assertStableConsent(parseNpmSpec(spec), '1.0.0-rc.1');
  assertStableConsent(parseNpmSpec('a'), '1.0.0');
});

test('--link uses a directory in place, once, and uninstall takes it out again', async (t) => {
  const home = createTestHome(t);
  const dir = writePack(home, 'linked');
  await linkPack(dir, toolsOf(home));
  await linkPack(dir, toolsOf(home));
  assert.deepEqual(readConfig(home).hooks.internal.load.extraDirs, [dir]);
  const engine = await startEngine(t, home);
  assert.deepEqual((await engine.emit('command', 'new', 's')).messages, ['packed alpha', 'packed beta']);
  await uninstallPack('my-pack', toolsOf(home));
  const { internal } = readConfig(home).hooks;
  assert.deepEqual([internal.load.extraDirs, internal.installs], [[], {}]);
  assert.ok(existsSync(dir));
  await assert.rejects(linkPack('some-package', toolsOf(home)), /`--link` requires a local path\./);
  await assert.rejects(
    linkPack(path.join(dir, 'package.json'), toolsOf(home)),
    /Linked hook paths must be directories\./,
  );
});

test('S11 an install that fails or was interrupted leaves the old tree or the new one', async (t) => {
  const home = createTestHome(t);
  const dir = writePack(home, 'p', { dependencies: { 'not-there': '1.0.0' } });
  await assert.rejects(installPack(dir, {}, toolsOf(home)), /npm must not be started/);
  assertUntouched(home);
  const hooksDir = getHooksDir(toolsOf(home).config);
  mkdirSync(path.join(hooksDir, '.openclaw-install-backup-lost/hooks'), { recursive: true });
  await installPack(writePack(home, 'q'), {}, toolsOf(home));
  assert.deepEqual(readdirSync(hooksDir).sort(), ['lost', 'my-pack']);
  // A configuration that cannot be written takes the copied directory with it.
  home.write('.openclaw/openclaw.json', '{ broken');
  home.hook('solo', { handler: pushes('x') }, '../elsewhere');
  const tools = {
    ...toolsOf(createTestHome(t)),
    config: {
      ...loadHookConfig({ env: createTestHome(t).env }),
      places: placesOf(home),
      hooksFile: placesOf(home).configPath,
    },
  };
  await assert.rejects(installPack(path.join(home.home, 'elsewhere/solo'), {}, tools), /not valid JSON5/);
  assert.equal(existsSync(path.join(hooksDir, 'solo')), false);
});

function placesOf(home: TestHome) {
  return {
    homeDir: home.home,
    stateDir: home.state,
    configPath: path.join(home.state, 'openclaw.json'),
    tackleHome: path.join(home.home, '.tackle'),
  };
}

test('T30 S7 npm: install, pin, up to date, update, drift, roll back; scripts never run', async (t) => {
  const home = createTestHome(t);
  const marker = path.join(home.home, 'script-ran');
  const registry = await startRegistry(t, home, marker);
  await registry.publish('1.0.0', 'v1');
  const env = {
    ...home.env,
    npm_config_registry: registry.url,
    npm_config_cache: path.join(home.home, 'npm-cache'),
    npm_config_userconfig: '/dev/null',
  };
  const npm = createNpmClient(env as NodeJS.ProcessEnv);
  const tools = () => toolsOf(home, npm);
  const first = await installPack('@scope/my-pack', { pin: false }, tools());
  assert.equal(first.version, '1.0.0');
  const record = readConfig(home).hooks.internal.installs['my-pack'];
  assert.deepEqual(
    [record.source, record.spec, record.resolvedSpec, record.version],
    ['npm', '@scope/my-pack', '@scope/my-pack@1.0.0', '1.0.0'],
  );
  assert.match(record.integrity, /^sha512-/);
  assert.equal(existsSync(marker), false);
  const accept = { confirmDrift: async () => true, warn: () => undefined };
  const recordOf = () => listInstallRecords(tools().config)[0] as NonNullable<ReturnType<typeof listInstallRecords>[0]>;
  assert.equal(await updatePack(recordOf(), { ...accept, dryRun: true }, tools()), 'my-pack is up to date (1.0.0).');
  assert.equal(await updatePack(recordOf(), accept, tools()), 'my-pack already at 1.0.0.');
  await registry.publish('1.1.0', 'v2');
  assert.equal(
    await updatePack(recordOf(), { ...accept, dryRun: true }, tools()),
    'Would update my-pack: 1.0.0 → 1.1.0.',
  );
  assert.equal(await updatePack(recordOf(), accept, tools()), 'Updated my-pack: 1.0.0 → 1.1.0.');
  const handler = () => readFileSync(path.join(home.state, 'hooks/my-pack/hooks/alpha/handler.js'), 'utf8');
  assert.match(handler(), /v2/);
  await registry.publish('1.1.0', 'tampered');
  rmSync(path.join(home.home, 'npm-cache'), { recursive: true, force: true });
  const warnings: string[] = [];
  const refuse = { confirmDrift: async () => false, warn: (line: string) => void warnings.push(line) };
  await assert.rejects(updatePack(recordOf(), refuse, tools()), /drift was not accepted/);
  assert.match(warnings[0] ?? '', /expected sha512-.* got sha512-/);
  assert.match(handler(), /v2/);
  await registry.publish('2.0.0', 'renamed', { name: '@scope/my-pack', openclaw: { hooks: ['../x'] } });
  await assert.rejects(
    updatePack(recordOf(), accept, tools()),
    /Failed to update my-pack: openclaw\.hooks entry escapes/,
  );
  assert.match(handler(), /v2/);
  await uninstallPack('my-pack', tools());
  await registry.publish('3.0.0-beta.1', 'pre');
  await assert.rejects(installPack('@scope/my-pack', {}, tools()), /resolves to the prerelease 3\.0\.0-beta\.1/);
  const pinned = await installPack('@scope/my-pack@3.0.0-beta.1', { pin: true }, tools());
  assert.equal(pinned.version, '3.0.0-beta.1');
  assert.equal(recordOf().spec, '@scope/my-pack@3.0.0-beta.1');
  assert.equal(existsSync(marker), false);
});

/** Serves one package, the latest publication of each version. */
async function startRegistry(t: TestContext, home: TestHome, marker: string) {
  const versions: Record<string, { manifest: Record<string, unknown>; tarball: Buffer }> = {};
  let latest = '';
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const file = /\/-\/my-pack-(.+)\.tgz$/.exec(request.url ?? '')?.[1];
    if (file !== undefined) {
      response.end(versions[file]?.tarball);
      return;
    }
    const list = Object.entries(versions).map(([version, { manifest, tarball }]) => {
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      const shasum = createHash('sha1').update(tarball).digest('hex');
      return [
        version,
        {
          ...manifest,
          dist: { tarball: `http://127.0.0.1:${port}/@scope/my-pack/-/my-pack-${version}.tgz`, integrity, shasum },
        },
      ];
    });
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ name: '@scope/my-pack', 'dist-tags': { latest }, versions: Object.fromEntries(list) }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    publish: async (version: string, text: string, more: object = {}) => {
      const scripts = { preinstall: `touch ${marker}`, postinstall: `touch ${marker}`, prepack: `touch ${marker}` };
      rmSync(path.join(home.home, 'publish'), { recursive: true, force: true });
      writePack(home, 'publish/package', { version, scripts, ...more }, text);
      const file = path.join(home.home, 'publish/p.tgz');
      await tar.create({ file, cwd: path.join(home.home, 'publish'), gzip: true, portable: true }, ['package']);
      const manifest = JSON.parse(readFileSync(path.join(home.home, 'publish/package/package.json'), 'utf8'));
      versions[version] = { manifest, tarball: readFileSync(file) };
      latest = version;
    },
  };
}

/** A tar file from raw headers, so that it can hold what no honest tool writes. */
function createTar(entries: readonly { header: Record<string, unknown>; body: string }[]): Buffer {
  const parts: Buffer[] = [];
  for (const { header, body } of entries) {
    const block = Buffer.alloc(512);
    new tar.Header({ ...header, mtime: new Date(0) } as ConstructorParameters<typeof tar.Header>[0] & object).encode(
      block,
      0,
    );
    const padded = Buffer.alloc(Math.ceil(Buffer.byteLength(body) / 512) * 512);
    padded.write(body);
    parts.push(block, padded);
  }
  return Buffer.concat([...parts, Buffer.alloc(1_024)]);
}

function createZip(home: TestHome, dir: string): Buffer {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(path.join(home.home, dir), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    files[path.relative(home.home, file).replaceAll(path.sep, '/')] = readFileSync(file, 'utf8');
  }
  return createZipOf(files);
}

/** A zip file with deflated entries. */
function createZipOf(files: Readonly<Record<string, string>>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = deflateRawSync(Buffer.from(text));
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(Buffer.from(text)), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(Buffer.byteLength(text), 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const head = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, nameBytes, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), common, tail, nameBytes]));
    local.push(head);
    offset += head.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\u0005\u0006'), end]);
}
