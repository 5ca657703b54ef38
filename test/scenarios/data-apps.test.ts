// Real gateway process, real sandbox, real HTTP; fixture apps, each with our build and as an original bundle.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`an app of the first years of the library (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'older-calls', mode);
      for (const [name, cook, vegan] of [
        ['soup', 'ann', true],
        ['pie', 'bob', false],
      ]) {
        const stored = await space.request('/dishes', { method: 'POST', json: { name, cook, vegan } });
        assert.deepEqual([stored.status, stored.json().name], [201, name], 'a promise is answered with what it brings');
      }
    });
    const get = async (path: string, headers: Record<string, string> = {}) =>
      (await space.request(path, { headers })).json();

    it('names its query among the options', async () => {
      assert.equal((await get('/first/1')).length, 1);
      assert.equal((await get('/first/5')).length, 2);
      assert.deepEqual(await get('/count'), { count: 2 });
      assert.equal((await get('/vegan'))[0].name, 'soup');
    });
    it('finds and removes nothing for a cook of whom it was told nothing', async () => {
      assert.deepEqual(await get('/mine'), { found: null });
      assert.deepEqual((await space.request('/mine', { method: 'DELETE' })).json(), { count: 0 });
      assert.equal((await get('/mine', { 'x-cook': 'bob' })).found.name, 'pie');
      const headers = { 'x-cook': 'bob' };
      assert.deepEqual((await space.request('/mine', { method: 'DELETE', headers })).json(), { count: 1 });
      assert.deepEqual(await get('/count'), { count: 1 });
    });
  });
}

for (const mode of buildModes) {
  describe(`an API over the datastore (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'products', mode);
    });
    const create = (json: unknown) => space.request('/products', { method: 'POST', json });

    it('can be deployed again: its startup hook runs again over what is there', async () => {
      const again = await space.deploy(join(import.meta.dirname, '../fixtures/apps/products'), mode);
      assert.equal(again.status, 201, again.text);
      const answer = await space.request('/test');
      assert.deepEqual([answer.status, answer.text], [200, 'Hello World']);
    });
    it('stores what satisfies the schema and explains what does not', async () => {
      const good = await create({ name: 'A', price: 1.5 });
      assert.equal(good.status, 201);
      assert.match(good.json()._id, /^[0-9a-f]{24}$/);
      const keywordOf = async (json: unknown) => {
        const answer = await create(json);
        assert.equal(answer.status, 400, answer.text);
        return answer.json().schemaError[0].keyword;
      };
      assert.equal(await keywordOf({ name: 'A' }), 'required');
      assert.equal(await keywordOf({ name: 'A', price: 1, x: 1 }), 'additionalProperties');
      assert.equal(await keywordOf({ name: 'A', price: 1, email: 'no' }), 'format');
    });
    it('updates, replaces, lists and removes', async () => {
      const { _id } = (await create({ name: 'B', price: 20 })).json();
      const patched = await space.request(`/products/${_id}`, { method: 'PATCH', json: { price: 30 } });
      assert.deepEqual(patched.json(), { name: 'B', price: 30, _id });
      const refused = await space.request(`/products/${_id}`, { method: 'PATCH', json: { price: 'x' } });
      assert.equal(refused.status, 400);
      assert.equal(refused.json().schemaError[0].keyword, 'type');
      const replaced = await space.request(`/products/${_id}`, { method: 'PUT', json: { name: 'C', price: 40 } });
      assert.deepEqual(replaced.json(), { name: 'C', price: 40, _id });
      const listed = await space.request('/products?min=1&limit=1');
      assert.deepEqual(listed.json(), [{ name: 'C', price: 40, _id }]);
      const removed = await space.request(`/products/${_id}`, { method: 'DELETE' });
      assert.equal(removed.json()._id, _id);
      const gone = await space.request(`/products/${_id}`);
      assert.equal(gone.status, 404);
      assert.match(gone.text, /Not found/);
    });
    it('needs a token', async () => {
      assert.equal((await space.request('/test', { anonymous: true })).status, 401);
      assert.equal((await space.request(`/test?apikey=${space.token}`, { anonymous: true })).status, 200);
    });
  });

  describe(`an app that streams bytes (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'streams', mode);
    });

    it('echoes a megabyte unchanged, piped directly and through a stream of its own', async () => {
      const bytes = randomBytes(1024 * 1024);
      const headers = { 'content-type': 'application/x-foo' };
      const direct = await space.request('/bin', { method: 'POST', body: bytes, headers });
      assert.equal(direct.status, 200);
      assert.equal(direct.headers['content-type'], 'application/x-foo');
      assert.ok(direct.bytes.equals(bytes));
      const through = await space.request('/bin-through', { method: 'POST', body: bytes, headers });
      assert.ok(through.bytes.equals(bytes));
    });
    it('reads a multipart form, also after an await', async () => {
      const form = new FormData();
      form.set('title', 'Ünïcödé');
      form.set('a', new Blob([randomBytes(70_000)]), 'a.bin');
      form.set('b', new Blob(['hello']), 'b.txt');
      const encoded = new Response(form);
      const answer = await space.request('/multi', {
        method: 'POST',
        anonymous: true,
        headers: { 'content-type': encoded.headers.get('content-type') as string },
        body: new Uint8Array(await encoded.arrayBuffer()),
      });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(JSON.parse(answer.text.replace(/^<pre>|<\/pre>$/g, '')), {
        files: { a: { filename: 'a.bin', size: 70_000 }, b: { filename: 'b.txt', size: 5 } },
        fields: { title: 'Ünïcödé' },
        body: {},
      });
    });
    it('serves a page imported as text, and refuses another content type by itself', async () => {
      const page = await space.request('/multi', { anonymous: true });
      assert.equal(page.headers['content-type'], 'text/html');
      assert.match(page.text, /<title>Upload<\/title>/);
      const refused = await space.request('/multi', {
        method: 'POST',
        anonymous: true,
        headers: { 'content-type': 'text/plain' },
        body: 'x',
      });
      assert.deepEqual([refused.status, refused.text], [400, 'Not multipart-form data']);
    });
  });

  describe(`an app with a route for all methods (${mode})`, () => {
    it('answers every verb, OPTIONS included, beside an old crudlify library', async () => {
      const space = await deployFixture(gateway, 'all-methods', mode);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const answer = await space.request('/myroute', { method });
        assert.deepEqual([method, answer.status, answer.text], [method, 200, 'All of me']);
      }
      const unknown = await space.request('/nowhere/at/all');
      assert.equal(unknown.status, 404);
      assert.equal(unknown.headers['access-control-allow-origin'], '*');
    });
  });
}
