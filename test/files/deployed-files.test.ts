// Real gateway process, the real command line, real HTTP: files that travel with deployments.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { launcher, run } from '../cli/run-cli.ts';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let directory: string;
let space: TestSpace;
let number = 0;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());
afterEach(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  number += 1;
  space = await createTestSpace(gateway, `deployed-${number}`);
  directory = await mkdtemp(join(tmpdir(), 'tackle-deployed-'));
  await write('index.js', appText(1));
  await write('package.json', '{ "type": "module" }');
  await write('web/index.html', 'version 1');
  await write('secret/notes.txt', 'version 1');
});

const appText = (version: number) => `
import { app, filestore } from 'codehooks-js';
import { helper } from './lib/helper.js';
app.auth('/version', (req, res, next) => next());
app.get('/version', async (req, res) => {
  res.json({ code: ${version}, file: await filestore.readFile('/web/index.html', { source: true }), helper });
});
app.static({ route: '/all', directory: '/' });
let atStart = '';
app.get('/at-start', (req, res) => res.end(atStart));
export default app.init(async () => {
  atStart = await filestore.readFile('/web/index.html', { source: true }).catch((error) => error.message);
});
`;

async function write(name: string, text: string): Promise<void> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  if (name === 'index.js') {
    await mkdir(join(directory, 'lib'), { recursive: true });
    await writeFile(join(directory, 'lib/helper.js'), "export const helper = 'code';\n");
  }
}

async function tackle(...args: string[]): Promise<string> {
  const result = await run(launcher, [...args, '--home', gateway.home, '--project', space.project], { cwd: directory });
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

const version = async () => (await space.request('/version', { anonymous: true })).json();
const page = async (path: string) => space.request(`/all${path}`, { anonymous: true });
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const putAsset = (at: TestSpace, hash: string, body: string) =>
  send(gateway.url, `/api/v1/projects/${at.project}/spaces/${at.space}/assets/${hash}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${gateway.adminToken}` },
    body,
  });

describe('files that travel with a deployment', () => {
  it('switch with the code, and come back with a rollback', async () => {
    await tackle('deploy');
    assert.deepEqual(await version(), { code: 1, file: 'version 1', helper: 'code' });
    await write('index.js', appText(2));
    await write('web/index.html', 'version 2');
    await tackle('deploy');
    assert.deepEqual(await version(), { code: 2, file: 'version 2', helper: 'code' });
    assert.equal((await page('/web/index.html')).text, 'version 2');
    await tackle('rollback');
    assert.deepEqual(await version(), { code: 1, file: 'version 1', helper: 'code' });
    assert.equal((await page('/web/index.html')).text, 'version 1');
  });
  it('are there for the startup hook of their own version', async () => {
    await tackle('deploy');
    await write('web/index.html', 'version 2');
    await tackle('deploy');
    assert.equal((await space.request('/at-start')).text, 'version 2');
  });
  it('are never mixed with those of another version while one takes over', async () => {
    await tackle('deploy');
    await write('index.js', appText(2));
    await write('web/index.html', 'version 2');
    const deploying = tackle('deploy');
    let isDone = false;
    const watched = deploying.then(() => {
      isDone = true;
    });
    while (!isDone) {
      const { code, file } = await version();
      assert.equal(file, `version ${code}`);
    }
    await watched;
    assert.equal((await version()).code, 2);
  });
  it('do not include code, secrets and what the project does not want to upload', async () => {
    await write('.env', 'SECRET=1');
    await write('.git/config', 'x');
    await write('node_modules/x/index.js', 'x');
    await write('config.json', '{}');
    await write('drafts/a.txt', 'x');
    await write('web/app.js', 'console.log(1)');
    await write('.tackleignore', '# comment\ndrafts/\n*.md\n');
    await write('deep/readme.md', 'x');
    await symlink('/etc/hostname', join(directory, 'web/hostname.txt'));
    await tackle('deploy');
    const listed = JSON.parse(await tackle('file-list', '--recursive', '--json'));
    const paths = listed.map(({ path }: { path: string }) => path);
    assert.deepEqual(paths, ['/secret/notes.txt', '/web/app.js', '/web/index.html']);
    for (const path of ['/index.js', '/lib/helper.js', '/package.json', '/.env', '/web/hostname.txt']) {
      assert.ok((await page(path)).status >= 400, path);
    }
    assert.equal((await page('/web/app.js')).text, 'console.log(1)');
  });
  it('stay as they are with --no-upload', async () => {
    await tackle('deploy');
    await write('index.js', appText(2));
    await write('web/index.html', 'version 2');
    await tackle('deploy', '--no-upload');
    assert.deepEqual(await version(), { code: 2, file: 'version 1', helper: 'code' });
  });
  it('are uploaded once', async () => {
    await tackle('deploy');
    const hashes = [hashOf('version 1'), hashOf('never seen')];
    const asked = await space.admin('POST', '/assets/missing', { hashes });
    assert.deepEqual(asked.json().missing, [hashOf('never seen')]);
  });
});

describe('a list of files for a deployment', () => {
  const deploy = (assets: unknown) =>
    space.admin('POST', '/deployments', { bundle: 'globalThis.__tackleExports = {};', assets });

  it('is refused when bytes are missing, also when another space has them', async () => {
    await putAsset(space, hashOf('shared secret'), 'shared secret');
    const other = await createTestSpace(gateway, 'other');
    const assets = [{ path: '/stolen.txt', hash: hashOf('shared secret') }];
    const refused = await other.admin('POST', '/deployments', { bundle: 'x', assets });
    assert.deepEqual([refused.status, refused.json().error.code], [400, 'invalid_request']);
    assert.match(refused.json().error.message, /were not uploaded/);
    const asked = await other.admin('POST', '/assets/missing', { hashes: [hashOf('shared secret')] });
    assert.equal(asked.json().missing.length, 1);
  });
  it('is refused when it is malformed', async () => {
    const hash = hashOf('x');
    await putAsset(space, hash, 'x');
    for (const assets of [
      [{ path: '/../x', hash }],
      [{ path: '/a\0', hash }],
      [{ path: '/x', hash: 'short' }],
      [{ path: '/x' }],
      {},
    ]) {
      const answer = await deploy(assets);
      assert.equal(answer.status, 400, JSON.stringify(assets));
    }
  });
  it('holds bytes that have the hash that they are sent under', async () => {
    const wrong = await putAsset(space, hashOf('x'), 'y');
    assert.deepEqual([wrong.status, wrong.json().error.code], [400, 'invalid_request']);
    assert.equal((await putAsset(space, 'nonsense', 'y')).status, 400);
  });
});
