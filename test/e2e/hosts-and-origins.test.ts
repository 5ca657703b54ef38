// Real gateway; requests as a rebound name, a foreign page, an app's page, a tunnel or a proxy would send them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { callApi, deployFixture, makeTemporaryDirectory, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

describe('hosts and origins', () => {
  let gateway: GatewayProcess;
  let space: TestSpace;
  before(async () => {
    gateway = await startGateway({ args: ['--public-url', 'https://hooks.example.com'] });
    space = await deployFixture(gateway, 'products', 'tackle');
  });
  after(() => gateway.stop());

  const admin = (headers: Record<string, string>, method = 'GET', path = '/api/v1/projects') =>
    send(gateway.url, path, { method, headers: { authorization: `Bearer ${gateway.adminToken}`, ...headers } });
  const app = (headers: Record<string, string>, path: string) =>
    send(gateway.url, path, { headers: { 'x-apikey': space.token, ...headers } });

  it('refuse administration under a rebound name, whatever the token', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${gateway.port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ]) {
      assert.equal((await admin({ host })).status, 421, host);
    }
    assert.equal((await admin({ host: `127.0.0.1:${gateway.port}` })).status, 200);
    assert.equal((await admin({ host: 'localhost' })).status, 200);
  });
  it('refuse administration through a tunnel: the public name serves apps only', async () => {
    const answer = await admin({ host: 'hooks.example.com' });
    assert.notEqual(answer.status, 200);
    const forwarded = await admin({ host: 'hooks.example.com', 'x-forwarded-host': '127.0.0.1' });
    assert.notEqual(forwarded.status, 200);
    const served = await app({ host: 'hooks.example.com' }, `/p/${space.project}/dev/test`);
    assert.deepEqual([served.status, served.text], [200, 'Hello World']);
  });
  it('refuse foreign pages, forms of foreign pages, and pages of apps', async () => {
    const foreign = await admin({ origin: 'https://evil.example' });
    assert.equal(foreign.status, 403);
    assert.equal(foreign.headers['access-control-allow-origin'], undefined);
    assert.equal((await admin({ 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal(
      (await admin({ 'sec-fetch-site': 'same-site', origin: `http://localhost:${gateway.port}` })).status,
      403,
    );
    const form = await send(gateway.url, '/api/v1/projects', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'null', 'sec-fetch-site': 'cross-site' },
      body: 'name=evil',
    });
    assert.ok([401, 403].includes(form.status), String(form.status));
    const names = (await callApi(gateway, 'GET', '/projects'))
      .json()
      .projects.map((project: { name: string }) => project.name);
    assert.ok(!names.includes('evil'));
  });
  it('keep app pages off the origin of our own pages', async () => {
    const answer = await send(gateway.url, '/dev/test', {
      headers: { host: `127.0.0.1:${gateway.port}`, 'sec-fetch-dest': 'document', 'x-apikey': space.token },
    });
    assert.deepEqual([answer.status, answer.headers.location], [307, `//localhost:${gateway.port}/dev/test`]);
  });
  it('select project and space by host, and take every path there for the app', async () => {
    const urls = (await space.admin('GET', '')).json();
    const hosts: [string, string][] = [
      [`${space.project}.localhost:${gateway.port}`, '/dev/test'],
      [`${space.project}.api.codehooks.io`, '/dev/test'],
      [`${space.project}.api.codehooks.local.io`, '/dev/test'],
      [`${urls.hostLabel}.localhost`, '/test'],
      ['localhost', '/dev/test'],
      ['[::1]', '/dev/test'],
    ];
    for (const [host, path] of hosts) assert.deepEqual([host, (await app({ host }, path)).text], [host, 'Hello World']);
    const health = await app({ host: `${space.project}.localhost` }, '/health');
    assert.equal(health.status, 404);
    const unknown = await app({ host: 'nobody-0000.localhost' }, '/dev/test');
    assert.equal(unknown.status, 421);
  });
  it('serve a custom domain once it is mapped, and not before', async () => {
    assert.equal((await app({ host: 'api.shop.example' }, '/test')).status, 421);
    const added = await callApi(gateway, 'POST', '/domains', {
      host: 'api.shop.example',
      project: space.project,
      space: 'dev',
    });
    assert.equal(added.status, 201, added.text);
    assert.equal((await app({ host: 'api.shop.example' }, '/test')).text, 'Hello World');
  });
  it('believe forwarded headers of trusted proxies only', async () => {
    await space.admin('POST', '/allowed-hosts', { host: '203.0.113.7' });
    const forged = await app({ 'x-forwarded-for': '203.0.113.7' }, `/p/${space.project}/dev/test`);
    assert.equal(forged.status, 403);
    await space.admin('DELETE', '/allowed-hosts/203.0.113.7');
  });
});

describe('tokens of a space', () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.stop());

  it('read only when they say so, and belong to their space', async () => {
    const space = await deployFixture(gateway, 'products', 'tackle');
    const other = await deployFixture(gateway, 'inserts', 'tackle');
    const readOnly = (await space.admin('POST', '/tokens', { access: 'READ' })).json().key;
    const withKey = (key: string, method = 'GET') =>
      space.request('/test', { anonymous: true, method, headers: { 'x-apikey': key } });
    assert.equal((await withKey(readOnly)).status, 200);
    assert.equal((await withKey(readOnly, 'POST')).status, 403);
    assert.equal((await withKey(other.token)).status, 401);
    await space.admin('DELETE', `/tokens/${readOnly}`);
    assert.equal((await withKey(readOnly)).status, 401);
  });
  it('are not needed by whoever administrates the gateway, whose token the app never sees', async () => {
    const space = await deployFixture(gateway, 'echo', 'tackle');
    const answer = await space.request('/echo', {
      anonymous: true,
      headers: { authorization: `Bearer ${gateway.adminToken}` },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(!answer.text.includes(gateway.adminToken));
  });
});

describe('TLS', () => {
  it('is served with the certificate that was given', async () => {
    const directory = await makeTemporaryDirectory('tls');
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const subject = [
      '-subj',
      '/CN=localhost',
      '-days',
      '2',
      '-nodes',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
    ];
    execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const gateway = await startGateway({ args: ['--tls-cert', cert, '--tls-key', key] });
    try {
      assert.match(gateway.url, /^https:/);
      const status = await new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: gateway.port, path: '/health', rejectUnauthorized: false };
        httpsRequest(options, (response) => resolve(response.resume().statusCode))
          .on('error', reject)
          .end();
      });
      assert.equal(status, 200);
    } finally {
      await gateway.stop();
      await rm(directory, { recursive: true });
    }
  });
});

describe('a second gateway on one home', () => {
  it('refuses to start and says which one has it', async () => {
    const gateway = await startGateway();
    try {
      await assert.rejects(startGateway({ home: gateway.home }), (error: Error) => {
        assert.match(error.message, new RegExp(`${gateway.pid}`));
        assert.match(error.message, new RegExp(gateway.url));
        return true;
      });
      assert.equal((await send(gateway.url, '/ready')).status, 200);
    } finally {
      await gateway.stop();
    }
  });
});
