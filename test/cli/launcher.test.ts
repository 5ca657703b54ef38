/**
 * bin/tackle and scripts/ensure-installed.mjs as programs. Real: shell, launcher, Node, files. Fake: the `npm` that the
 * installer calls, which only notes down how it was called.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { launcher, repositoryRoot, run } from './run-cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'tackle-launcher-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
/** As a machine has it on which nothing of ours is on the PATH. */
const systemPath = '/usr/local/bin:/usr/bin:/bin';

describe('the launcher', () => {
  it('works from any directory, and through links to links', async () => {
    mkdirSync(join(directory, 'bin dir'));
    symlinkSync(launcher, join(directory, 'bin dir/first'));
    symlinkSync('bin dir/first', join(directory, 'second'));
    for (const program of [launcher, join(directory, 'bin dir/first'), './second']) {
      const result = await run(program, ['--version'], { cwd: directory, env: { PATH: systemPath } });
      assert.deepEqual(result, { code: 0, stdout: `${version}\n`, stderr: '' }, program);
    }
  });

  it('is called coho and codehooks too', async () => {
    for (const name of ['coho', 'codehooks']) {
      const { stdout } = await run(join(dirname(launcher), name), ['--version'], { cwd: directory });
      assert.equal(stdout, `${version}\n`);
    }
  });

  it('runs on the Node of the dependencies, whatever is on the PATH', async () => {
    const bin = join(directory, 'old-node');
    mkdirSync(bin);
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho an old node was used >&2\nexit 9\n');
    chmodSync(join(bin, 'node'), 0o755);
    const { code, stderr } = await run(launcher, ['--version'], { env: { PATH: `${bin}:${systemPath}` } });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  it('starts within 120 ms once its code is compiled', async () => {
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const startedAt = performance.now();
      await run(launcher, ['--version']);
      times.push(performance.now() - startedAt);
    }
    // The fastest of ten: what else this machine does at the moment is not the launcher's.
    assert.ok(Math.min(...times) < 120, `${times.map((time) => time.toFixed(0)).join(' ')} ms`);
  });

  it('says what is missing when there is no Node', async () => {
    const root = createCheckout('empty', { lock: false });
    const result = await run(join(root, 'bin/tackle'), ['--version'], { env: { PATH: join(directory, 'nothing') } });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /no Node\.js 24\.16 or newer was found/);
  });

  it('installs first when nothing is installed', async () => {
    const root = createCheckout('fresh', { lock: true });
    const npm = createFakeNpm(root);
    const env = { PATH: `${npm.bin}:${systemPath}`, npm_execpath: undefined };
    const result = await run(join(root, 'bin/tackle'), ['--version'], { env });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /installing dependencies \(the first time only\)/);
    assert.match(npm.calls(), /^install --no-save /);
  });
});

describe('the installer', () => {
  it('does nothing when everything is as package-lock.json says', async () => {
    const root = createCheckout('complete', { lock: true, installed: { 'node_modules/a': '1.0.0' } });
    const npm = createFakeNpm(root);
    const result = await runInstaller(root, npm.bin);
    assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });
    assert.equal(npm.calls(), '');
  });

  it('installs when a package has another version or its directory is gone', async () => {
    const other = createCheckout('other-version', { lock: true, installed: { 'node_modules/a': '0.9.0' } });
    const gone = createCheckout('gone', { lock: true, installed: { 'node_modules/a': '1.0.0' } });
    rmSync(join(gone, 'node_modules/a'), { recursive: true });
    for (const root of [other, gone]) {
      const npm = createFakeNpm(root);
      const result = await runInstaller(root, npm.bin);
      assert.match(result.stderr, /1 dependencies differ from package-lock\.json \(a\)/);
      assert.match(npm.calls(), /^install --no-save/);
      assert.match(result.stderr, /npm finished, but these are still missing: a\./);
      assert.equal(result.code, 1);
    }
  });

  it('does not ask for packages of other platforms', async () => {
    const root = createCheckout('platforms', {
      lock: true,
      installed: { 'node_modules/a': '1.0.0' },
      also: { 'node_modules/b': { version: '1.0.0', optional: true, os: ['aix'], cpu: 'ppc64' } },
    });
    assert.deepEqual(await runInstaller(root, createFakeNpm(root).bin), { code: 0, stdout: '', stderr: '' });
  });

  it('reports that npm failed', async () => {
    const root = createCheckout('npm-fails', { lock: true });
    const { code, stderr } = await runInstaller(root, createFakeNpm(root, 'exit 3').bin);
    assert.equal(code, 1);
    assert.match(stderr, /npm install failed \(see above\)/);
  });

  it('takes less than 50 ms more than Node itself when there is nothing to do', async () => {
    const measure = async (args: readonly string[]): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const startedAt = performance.now();
        assert.equal((await run(process.execPath, args)).code, 0);
        times.push(performance.now() - startedAt);
      }
      return Math.min(...times);
    };
    const bare = await measure(['-e', '0']);
    const check = await measure([join(repositoryRoot, 'scripts/ensure-installed.mjs')]);
    assert.ok(check - bare < 50, `${check.toFixed(0)} ms, bare Node ${bare.toFixed(0)} ms`);
  });
});

interface CheckoutOptions {
  readonly lock: boolean;
  /** Versions by path, as if npm had installed them. */
  readonly installed?: Readonly<Record<string, string>>;
  readonly also?: Readonly<Record<string, object>>;
}

/** A directory with our two programs, and a package-lock.json that wants a@1.0.0. */
function createCheckout(name: string, { lock, installed, also = {} }: CheckoutOptions): string {
  const root = join(directory, name);
  for (const file of ['bin/tackle', 'scripts/ensure-installed.mjs']) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(join(repositoryRoot, file), join(root, file));
  }
  const packages = { '': {}, 'node_modules/a': { version: '1.0.0' }, ...also };
  if (lock) writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  if (installed === undefined) return root;
  for (const path of Object.keys(installed)) mkdirSync(join(root, path), { recursive: true });
  const entries = Object.entries(installed).map(([path, installedVersion]) => [path, { version: installedVersion }]);
  const noted = JSON.stringify({ packages: Object.fromEntries(entries) });
  writeFileSync(join(root, 'node_modules/.package-lock.json'), noted);
  return root;
}

function createFakeNpm(root: string, script = 'exit 0'): { readonly bin: string; calls(): string } {
  const bin = join(root, 'fake-bin');
  const log = join(root, 'npm-calls');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$*" >> '${log}'\n${script}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
  return { bin, calls: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}

function runInstaller(root: string, bin: string) {
  const script = join(root, 'scripts/ensure-installed.mjs');
  return run(process.execPath, [script], {
    cwd: directory,
    env: { PATH: `${bin}:${systemPath}`, npm_execpath: undefined },
  });
}
