// Real gateway process and real HTTP. The files of our build are served by the gateway itself, those of the original bundle
// by its library in the sandbox.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, type RawRequest, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let space: TestSpace;
before(async () => {
  gateway = await startGateway();
  space = await deployFixture(gateway, 'site', 'tackle', {}, 'server.js');
});
after(() => gateway.stop());

const get = (path: string, options: RawRequest = {}) => space.request(path, { anonymous: true, ...options });
const style = 'body {\n  color: teal;\n}\n';

describe('a static file', () => {
  it('is served while the app is busy for ever', async () => {
    const spinning = space.request('/api/spin');
    assert.equal((await get('/style.css')).text, style);
    assert.equal((await spinning).status, 503);
  });
  it('says its size, type, version and age, and may be kept if it is asked about again', async () => {
    const { headers } = await get('/style.css');
    assert.equal(headers['content-type'], 'text/css');
    assert.equal(headers['content-length'], String(style.length));
    assert.match(String(headers.etag), /^"[0-9a-f]{32}"$/);
    assert.ok(!Number.isNaN(Date.parse(String(headers['last-modified']))));
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['access-control-allow-origin'], '*');
  });
  it('is not sent again to who has it', async () => {
    const first = await get('/style.css');
    const etag = String(first.headers.etag);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get('/style.css', { headers: { 'if-none-match': tag } });
      assert.deepEqual([again.status, again.text], [304, ''], tag);
    }
    const modified = String(first.headers['last-modified']);
    assert.equal((await get('/style.css', { headers: { 'if-modified-since': modified } })).status, 304);
    assert.equal((await get('/style.css', { headers: { 'if-none-match': '"other"' } })).status, 200);
  });
  it('is served in part', async () => {
    const part = await get('/style.css', { headers: { range: 'bytes=0-3' } });
    assert.deepEqual([part.status, part.text], [206, 'body']);
    assert.equal(part.headers['content-range'], `bytes 0-3/${style.length}`);
    assert.equal((await get('/style.css', { headers: { range: 'bytes=-2' } })).text, '}\n');
    assert.equal((await get('/style.css', { headers: { range: `bytes=${style.length - 2}-` } })).text, '}\n');
    const beyond = await get('/style.css', { headers: { range: 'bytes=9999-' } });
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${style.length}`]);
    for (const range of ['bytes=3-1', 'bytes=-', 'lines=1-2', 'bytes=0-1,3-4']) {
      assert.equal((await get('/style.css', { headers: { range } })).status, 200, range);
    }
    const stale = await get('/style.css', { headers: { range: 'bytes=0-3', 'if-range': '"other"' } });
    assert.deepEqual([stale.status, stale.text], [200, style]);
  });
  it('answers HEAD with its headers alone', async () => {
    const head = await get('/style.css', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', String(style.length)]);
  });
  it('is no target of other methods', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) assert.ok((await get('/style.css', { method })).status >= 400);
  });
  it('is read by a path without tricks', async () => {
    for (const path of [
      '/%00style.css',
      `/${'a'.repeat(300)}.css`,
      '/img/../style.css',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/%c0%ae',
    ]) {
      const answer = await get(path);
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status} ${answer.text}`);
    }
  });
});

describe('the original library in the sandbox', () => {
  it('serves the same bytes', async () => {
    const original = await deployFixture(gateway, 'site', 'original', {}, 'server.js');
    for (const path of ['/', '/style.css', '/img/dot.png']) {
      const [ours, theirs] = [await get(path), await original.request(path, { anonymous: true })];
      assert.ok(ours.bytes.equals(theirs.bytes), path);
      assert.equal(ours.status, theirs.status);
    }
  });
});
