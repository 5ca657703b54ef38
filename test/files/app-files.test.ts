// Real gateway process, real sandbox, real HTTP, the real command line: an app that reads and writes files, with our build
// and as an original bundle.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eachInParallel } from '../../src/core/each-in-parallel.ts';
import { launcher, run } from '../cli/run-cli.ts';
import { poll } from '../durable/support.ts';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let directory: string;
before(async () => {
  gateway = await startGateway();
  directory = await mkdtemp(join(tmpdir(), 'tackle-upload-'));
  await writeFile(join(directory, 'a.html'), '<h1>A</h1>');
  await writeFile(join(directory, 'b.css'), 'b { color: red }');
  await writeFile(join(directory, '.env'), 'SECRET=1');
});
after(async () => {
  await gateway.stop();
  await rm(directory, { recursive: true });
});

const tackle = (space: TestSpace, args: readonly string[]) =>
  run(launcher, [...args, '--home', gateway.home, '--project', space.project], { cwd: directory });

for (const mode of buildModes) {
  describe(`an app with files (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'file-demo', mode);
    });

    it('serves what the command line uploads, piece by piece', async () => {
      const uploaded = await tackle(space, ['file-upload', '--src', '.', '--target', '/static']);
      assert.equal(uploaded.code, 0, uploaded.stderr);
      const page = await space.request('/web/a.html', { anonymous: true });
      assert.deepEqual([page.status, page.headers['content-type'], page.text], [200, 'text/html', '<h1>A</h1>']);
      const missing = await space.request('/web/nope.html', { anonymous: true });
      assert.deepEqual([missing.status, missing.text], [404, 'Not found!']);
      assert.equal((await space.request('/web/.env', { anonymous: true })).status, 404);
    });
    it('saves, lists, reads and deletes', async () => {
      const text = { method: 'POST', headers: { 'content-type': 'text/plain' } };
      const saved = await space.request('/notes/one.txt', { ...text, body: 'Ünïcödé' });
      assert.equal(saved.status, 201, saved.text);
      const entry = saved.json();
      assert.deepEqual(
        [entry.name, entry.path, entry.size, entry.isDirectory],
        ['one.txt', '/notes/one.txt', 11, false],
      );
      assert.ok(!Number.isNaN(Date.parse(entry.lastModified)));
      await space.request('/notes/one.txt', { ...text, body: 'again' });
      const listed = (await space.request('/notes')).json();
      assert.deepEqual(
        listed.map(({ name }: { name: string }) => name),
        ['one.txt'],
      );
      assert.equal((await space.request('/notes/one.txt')).text, 'again');
      const served = await space.request('/files/one.txt', { anonymous: true });
      assert.deepEqual([served.status, served.text, served.headers['content-type']], [200, 'again', 'text/plain']);
      assert.equal((await space.request('/notes/one.txt', { method: 'DELETE' })).status, 200);
      assert.equal((await space.request('/notes/one.txt', { method: 'DELETE' })).status, 500);
      assert.equal((await space.request('/files/one.txt', { anonymous: true })).status, 404);
    });
    it('stores a request as it streams in', async () => {
      const bytes = Buffer.alloc(3_000_000, 'x');
      const headers = { 'content-type': 'application/x-bytes' };
      const saved = await space.request('/stream/large.bin', { method: 'PUT', body: bytes, headers });
      assert.equal(saved.json().size, bytes.length);
      const back = await space.request('/files/large.bin', { anonymous: true });
      assert.ok(back.bytes.equals(bytes));
    });
    it('keeps nothing of a request that is cut in the middle', async () => {
      await cutOff(space, '/stream/cut.bin');
      const listed = (await space.request('/notes')).json();
      assert.ok(!listed.some(({ name }: { name: string }) => name === 'cut.bin'));
      assert.deepEqual(await readdir(join(gateway.home, 'blobs/incoming')), []);
    });
    it('is told what is wrong with a name', async () => {
      for (const path of ['/../x', '/a\0b', `/${'n'.repeat(300)}`, '/notes/', '/']) {
        const answer = await space.request('/any-name', { method: 'POST', json: { path } });
        assert.equal(answer.status, 400, JSON.stringify(path));
        assert.match(answer.json().message, /no path of a file/);
      }
    });
    it('does not find what it stored among its source files, and finds what was uploaded', async () => {
      assert.match((await space.request('/source?path=/notes/large.bin')).text, /^missing/);
      assert.equal((await space.request('/source?path=/static/a.html')).text, '<h1>A</h1>');
    });
    it('is listed and cleaned up by the command line', async () => {
      const listed = await tackle(space, ['file-list', '/static', '--json']);
      assert.equal(listed.code, 0, listed.stderr);
      const names = JSON.parse(listed.stdout).map(({ path }: { path: string }) => path);
      assert.deepEqual(names, ['/static/a.html', '/static/b.css']);
      const dry = await tackle(space, ['file-delete', '--match', '\\.css$', '--dryrun']);
      assert.deepEqual([dry.code, dry.stdout], [0, '/static/b.css\n']);
      const deleted = await tackle(space, ['delete', '/static/b.css']);
      assert.deepEqual([deleted.code, deleted.stdout], [0, '/static/b.css\n']);
      assert.equal((await tackle(space, ['delete', '/static/b.css'])).code, 1);
      const plan = await tackle(space, ['upload', '--dryrun', '--ext', 'html']);
      assert.deepEqual([plan.code, plan.stdout], [0, 'a.html -> /a.html\n']);
      const one = await tackle(space, ['upload', 'a.html', '/pages/renamed.html', '--json']);
      assert.equal(JSON.parse(one.stdout)[0].path, '/pages/renamed.html');
      const another = await tackle(space, ['upload', '--src', 'a.html', '--target', '/pages', '--json']);
      assert.equal(JSON.parse(another.stdout)[0].path, '/pages/a.html');
    });
  });
}

describe('removing files that match', () => {
  let space: TestSpace;
  before(async () => {
    space = await deployFixture(gateway, 'file-demo', 'tackle');
    const putPath = `/api/v1/projects/${space.project}/spaces/${space.space}/files/content?path=`;
    const names = Array.from({ length: 1_050 }, (_, index) => `/many/${String(index).padStart(4, '0')}.txt`);
    await eachInParallel([...names, '/many/keep.md'], 32, async (name) => {
      const headers = { authorization: `Bearer ${gateway.adminToken}` };
      const answer = await send(gateway.url, putPath + name, { method: 'PUT', headers, body: 'x' });
      assert.equal(answer.status, 201, answer.text);
    });
  });

  it('takes a bounded number with one request and says where to go on', async () => {
    const first = (await space.admin('DELETE', '/files?match=txt$&limit=20')).json();
    assert.deepEqual([first.deleted.length, first.deleted[0], first.next], [20, '/many/0000.txt', '/many/0019.txt']);
    const second = (await space.admin('DELETE', `/files?match=txt$&limit=20&dryRun=true&after=${first.next}`)).json();
    assert.deepEqual([second.deleted.length, second.deleted[0]], [20, '/many/0020.txt']);
    assert.equal((await space.admin('DELETE', '/files?match=md$&dryRun=true')).json().next, null);
    assert.equal((await space.admin('DELETE', '/files?match=txt$&limit=10001')).status, 400);
  });
  it('takes all of them from the command line', async () => {
    const dry = await tackle(space, ['file-delete', '--match', 'txt$', '--dryrun', '--json']);
    assert.equal(JSON.parse(dry.stdout).deleted.length, 1_030);
    const deleted = await tackle(space, ['file-delete', '--match', 'txt$']);
    assert.equal(deleted.stdout.trim().split('\n').length, 1_030);
    assert.match(deleted.stderr, /Deleted 1030 files/);
    const { files } = (await space.admin('GET', '/files?recursive=true')).json();
    assert.deepEqual(
      files.map(({ path }: { path: string }) => path),
      ['/many/keep.md'],
    );
  });
});

describe('uploads to the administration API', () => {
  it('keep nothing when they are cut in the middle, and refuse bad names', async () => {
    const space = await deployFixture(gateway, 'file-demo', 'tackle');
    const api = `/api/v1/projects/${space.project}/spaces/${space.space}`;
    const authorization = `Bearer ${gateway.adminToken}`;
    await cutOff(space, `${api}/files/content?path=/cut.bin`, { authorization });
    assert.deepEqual((await space.admin('GET', '/files?recursive=true')).json().files, []);
    assert.deepEqual(await readdir(join(gateway.home, 'blobs/incoming')), []);
    for (const path of ['/../x', '/a%00b', `/${'n'.repeat(300)}`, '/a/']) {
      const put = `${api}/files/content?path=${path}`;
      const answer = await send(gateway.url, put, { method: 'PUT', headers: { authorization }, body: 'x' });
      assert.deepEqual([answer.status, answer.json().error.code], [400, 'invalid_name'], path);
    }
  });
  it('respect the quota of the space', async () => {
    const space = await deployFixture(gateway, 'file-demo', 'tackle');
    await space.admin('PUT', '/quotas', { maxBytes: 1_000 });
    const put = (bytes: number) =>
      send(gateway.url, `/api/v1/projects/${space.project}/spaces/${space.space}/files/content?path=/x`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${gateway.adminToken}` },
        body: Buffer.alloc(bytes),
      });
    const refused = await put(1_001);
    assert.deepEqual([refused.status, refused.json().error.code], [429, 'quota_exceeded']);
    assert.equal((await put(900)).status, 201);
    const app = await space.request('/notes/more.txt', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x'.repeat(200),
    });
    assert.equal(app.status, 500);
  });
});

/** Announces a megabyte, sends half of it, and closes the connection. Resolves when the gateway has noticed. */
async function cutOff(space: TestSpace, path: string, headers: Record<string, string> = {}): Promise<void> {
  const { hostname, port } = new URL(gateway.url);
  const isApi = path.startsWith('/api/');
  const request = httpRequest({
    hostname,
    port,
    path: isApi ? path : `/p/${space.project}/${space.space}${path}`,
    method: 'PUT',
    agent: false,
    headers: {
      'x-apikey': space.token,
      'content-length': 1_000_000,
      'content-type': 'application/x-bytes',
      ...headers,
    },
  });
  request.on('error', () => undefined);
  const countUploads = async () => (await readdir(join(gateway.home, 'blobs/incoming'))).length;
  request.write(Buffer.alloc(500_000));
  await poll(countUploads, (count) => count > 0);
  request.destroy();
  await poll(countUploads, (count) => count === 0);
}
