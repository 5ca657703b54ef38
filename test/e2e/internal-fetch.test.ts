// Real gateway process, real sandbox, real HTTP: apps of two projects that call each other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { json as readJson } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let callee: TestSpace;
let calleeUrl: string;
before(async () => {
  gateway = await startGateway();
  callee = await deployFixture(gateway, 'caller', 'tackle');
  calleeUrl = `http://${callee.project}.localhost:${gateway.port}/${callee.space}`;
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`internalFetch (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'caller', mode);
    });
    const call = async (json: object) => (await space.request('/call', { method: 'POST', json })).json();

    it('reaches an app of another project by its host, with method, headers and body', async () => {
      const answer = await call({
        url: `${calleeUrl}/echo?a=1&apikey=${callee.token}`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"ünï":[1]}',
      });
      assert.equal(answer.status, 201, JSON.stringify(answer));
      assert.match(answer.type, /^application\/json/);
      const { method, body, query, host } = JSON.parse(answer.text);
      assert.deepEqual([method, body, query.a, host], ['POST', { ünï: [1] }, '1', new URL(calleeUrl).host]);
    });
    it('needs the token that everybody needs', async () => {
      assert.equal((await call({ url: `${calleeUrl}/echo` })).status, 401);
      const headers = { 'x-apikey': callee.token };
      assert.equal((await call({ url: `${calleeUrl}/echo`, headers })).status, 201);
    });
    it('does not reach the administration, nor hosts that are not served here', async () => {
      const own = await call({
        url: `http://127.0.0.1:${gateway.port}/api/v1/projects`,
        headers: { authorization: `Bearer ${gateway.adminToken}` },
      });
      assert.equal(own.status, 404);
      assert.doesNotMatch(own.text, /"projects"/);
      assert.equal((await call({ url: 'http://example.com/' })).status, 421);
    });
    it('ends circles', async () => {
      const headers = { host: `${space.project}.localhost:${gateway.port}` };
      const answer = await send(gateway.url, `/${space.space}/loop?apikey=${space.token}`, { headers });
      assert.equal(answer.status, 500);
      // Lines are written in groups, a moment after they were said.
      let refusals: unknown[] = [];
      for (let tries = 0; tries < 50 && refusals.length === 0; tries += 1) {
        const { lines } = (await space.admin('GET', '/logs?tail=200')).json();
        refusals = lines.filter(({ log }: { log: string }) =>
          log.includes('16 calls and events led to this request already'),
        );
        if (refusals.length === 0) await sleep(50);
      }
      assert.equal(refusals.length, 1, 'the last one is refused, and the others pass its answer on');
    });
    it('passes the allow-list of its own space, and of others only as a program on this machine', {
      // The test must be able to come from another address than apps do.
      skip: process.platform !== 'linux',
    }, async () => {
      const own = `http://${space.project}.localhost:${gateway.port}/${space.space}`;
      for (const listed of [space, callee]) await listed.admin('POST', '/allowed-hosts', { host: '127.0.0.2' });
      try {
        const callFromAfar = (url: string, { token }: TestSpace) => {
          const json = { url: `${url}/echo`, headers: { 'x-apikey': token } };
          return postFrom('127.0.0.2', space, '/call', json) as Promise<{ status: number }>;
        };
        assert.equal((await callFromAfar(own, space)).status, 201);
        assert.equal((await callFromAfar(calleeUrl, callee)).status, 403);
        await callee.admin('POST', '/allowed-hosts', { host: '127.0.0.1' });
        assert.equal((await callFromAfar(calleeUrl, callee)).status, 201);
      } finally {
        for (const listed of [space, callee]) {
          for (const host of ['127.0.0.1', '127.0.0.2']) await listed.admin('DELETE', `/allowed-hosts/${host}`);
        }
      }
    });
    it('says that an answer is too large', async () => {
      const answer = await call({ url: `${calleeUrl}/large`, headers: { 'x-apikey': callee.token } });
      assert.match(answer.message, /larger/);
    });
  });
}

async function postFrom(localAddress: string, space: TestSpace, path: string, body: object): Promise<unknown> {
  const request = httpRequest({
    host: '127.0.0.1',
    port: gateway.port,
    localAddress,
    method: 'POST',
    path: `/p/${space.project}/${space.space}${path}`,
    headers: { 'x-apikey': space.token, 'content-type': 'application/json' },
  });
  request.end(JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return readJson(response);
}
