// Real gateway process, real sandbox, real HTTP; fixture apps that use one thing each, with our build and as an original
// bundle. Fake: the identity provider of scenario 47, a server of the test.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildModes, callApi, deployFixture } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway({ env: { TACKLE_APP_REQUEST_TIMEOUT_MS: '1500' } });
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`scenario 38: a counter (${mode})`, () => {
    it('counts on across deployments', async () => {
      const space = await deployFixture(gateway, 'visits', mode);
      const visit = async () => (await space.request('/hello')).json().visits;
      assert.deepEqual([await visit(), await visit()], [1, 2]);
      await space.deploy(join(import.meta.dirname, '../fixtures/apps/visits'), mode);
      assert.equal(await visit(), 3);
      const written = await space.request('/tomorrow');
      assert.equal(written.text, 'days left: -1');
    });
  });

  describe(`scenario 37: quotes found by an index (${mode})`, () => {
    it('answers the one that it draws, and survives drawing one that is not there', async () => {
      const space = await deployFixture(gateway, 'quotes', mode);
      const rows = Array.from({ length: 1000 }, (_, index) => ({
        quote: `Quote ${index + 1}, with "commas", and more`,
        author: `Author ${index % 7}`,
        category: '',
        rowcount: index + 1,
      }));
      const imported = await space.admin('POST', '/collections/quotes/import', rows);
      assert.deepEqual([imported.status, imported.json().imported], [200, 1000]);
      const indexed = await space.admin('POST', '/collections/quotes/indexes', { fields: ['rowcount'] });
      assert.equal(indexed.status, 201);
      const found = await space.admin('POST', '/collections/quotes/query', { query: 'rowcount=5' });
      assert.deepEqual(
        found.json().map(({ rowcount }: { rowcount: number }) => rowcount),
        [5],
      );
      const drawn = await space.request('/quote');
      assert.deepEqual(Object.keys(drawn.json()), ['quote', 'author']);
      const range = (await space.request('/range')).json() as { rowcount: number }[];
      assert.deepEqual(
        range.map(({ rowcount }) => rowcount),
        [10, 11, 12],
      );
      // The app never answers this one: the platform does, when the time for a route is over.
      const missed = await space.request('/quote?row=4000');
      assert.equal(missed.status, 504, missed.text);
      assert.equal((await space.request('/quote?row=7')).json().author, 'Author 6');
    });
  });

  describe(`scenario 47: users of an identity provider (${mode})`, () => {
    it('greets whoever has a session, asks the provider for others, and says why it refuses', async () => {
      let asked = 0;
      const provider = createServer((request, response) => {
        asked += 1;
        const known = request.headers.authorization === 'Bearer fresh';
        response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
        response.end(JSON.stringify(known ? { nickname: 'fresh one' } : { error: 'no' }));
      }).listen(0, '127.0.0.1');
      await once(provider, 'listening');
      try {
        const { port } = provider.address() as AddressInfo;
        const space = await deployFixture(gateway, 'sessions', mode, {
          USERINFO_URL: `http://127.0.0.1:${port}/userinfo`,
        });
        const path = `/projects/${space.project}/spaces/${space.space}/egress`;
        const allowed = await callApi(gateway, 'PUT', path, { cidrs: ['127.0.0.1/32'] });
        assert.equal(allowed.status, 200, allowed.text);
        await space.admin('PUT', '/kv/token-abc', { value: '{"nickname":"k"}', keyspace: 'sessions' });
        const hello = (authorization?: string) =>
          space.request('/hello', { headers: authorization === undefined ? {} : { authorization } });
        // The token of the space lets it in although the Bearer token is somebody else's.
        const known = await hello('Bearer abc');
        assert.deepEqual([known.status, known.json().message], [200, 'hello k']);
        assert.equal((await hello('Bearer fresh')).json().message, 'hello fresh one');
        assert.equal((await hello('Bearer fresh')).json().message, 'hello fresh one');
        assert.equal(asked, 1);
        const unknown = await hello('Bearer other');
        assert.equal(unknown.status, 500);
        assert.match(unknown.text, /Identity provider said 401/);
        assert.match((await hello()).text, /No authorization header/);
      } finally {
        provider.close();
      }
    });
  });
}
