// Real gateway process, real sandbox, real HTTP: apps of two projects that call each other.
import assert from 'node:assert/strict';
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
    it('says that an answer is too large', async () => {
      const answer = await call({ url: `${calleeUrl}/large`, headers: { 'x-apikey': callee.token } });
      assert.match(answer.message, /larger/);
    });
  });
}
