/** Installing packs on a disk that is full. Real: a small tmpfs in a namespace of its own, the command line, the archives. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as tar from 'tar';
import { createTestHome, pushes, type TestHome } from './support.ts';

const cli = path.join(import.meta.dirname, '../../src/cli/main.ts');
const noNamespaces = findNoNamespaces();

function findNoNamespaces(): string | false {
  try {
    execFileSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this machine does not permit user and mount namespaces (unshare -Urm)';
  }
}

/** Installs the packs one after the other into a state directory of 1 MB; answers what each said, and what is there then. */
function installOnSmallDisk(
  home: TestHome,
  packs: readonly string[],
): { exits: number[]; said: string; files: string[] } {
  const script = [
    'disk=$1; node=$2; cli=$3; shift 3',
    'mount -t tmpfs -o size=1m tmpfs "$disk"',
    'export OPENCLAW_STATE_DIR="$disk" HOME="$disk" TMPDIR="$disk"',
    'for pack; do "$node" --disable-warning=ExperimentalWarning "$cli" hooks install "$pack" 2>&1; echo "EXIT $?"; done',
    'echo FILES; cd "$disk" && find . -type f -o -type l | sort',
  ].join('\n');
  const args = ['-Urm', 'sh', '-c', script, 'sh', home.state, process.execPath, cli, ...packs];
  const env = { ...process.env, TACKLE_HOME: undefined, NODE_COMPILE_CACHE: undefined };
  const { stdout, status, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
  const [said = '', listed = ''] = stdout.split('FILES\n');
  const exits = [...said.matchAll(/^EXIT (\d+)$/gm)].map((match) => Number(match[1]));
  return { exits, said, files: listed.split('\n').filter((line) => line !== '') };
}

function writePack(home: TestHome, name: string, extraBytes: number): string {
  home.hook(`${name}-hook`, { handler: pushes(name) }, `../${name}/hooks`);
  home.write(
    `${name}/package.json`,
    JSON.stringify({ name, version: '1.0.0', openclaw: { hooks: [`./hooks/${name}-hook`] } }),
  );
  if (extraBytes > 0) home.write(`${name}/data.txt`, randomBytes(extraBytes / 2).toString('hex'));
  return path.join(home.home, name);
}

test('a pack that does not fit on the disk leaves nothing behind, and one that fits installs afterwards', {
  skip: noNamespaces,
}, async (t) => {
  const home = createTestHome(t);
  const large = writePack(home, 'large', 3 * 1024 * 1024);
  const small = writePack(home, 'small', 0);
  const archive = path.join(home.home, 'large.tgz');
  await tar.create({ gzip: true, cwd: home.home, file: archive }, ['large']);

  const { exits, said, files } = installOnSmallDisk(home, [large, archive, small]);

  assert.deepEqual(exits, [1, 1, 0], said);
  assert.equal(said.match(/no space left|disk is full/gi)?.length, 2, said);
  assert.deepEqual(
    files.filter((file) => /large|stag|tmp|\.old|data\.txt/i.test(file)),
    [],
  );
  assert.ok(
    files.some((file) => file.endsWith('small-hook/HOOK.md')),
    files.join('\n'),
  );
});
