// Real gateway process, real sandbox, real HTTP; fixture apps around crudlify, each with our build and as an original bundle.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

function fixturePath(name: string): string {
  return join(import.meta.dirname, '../fixtures/apps', name);
}

for (const mode of buildModes) {
  describe(`scenario 1: CRUD with schemas in the database (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'shop', mode);
      const again = await space.deploy(fixturePath('shop'), mode);
      assert.equal(again.status, 201, again.text);
    });
    const post = (collection: string, json: unknown) => space.request(`/api/${collection}`, { method: 'POST', json });

    it('serves a route beside the generic ones, after the second deploy too', async () => {
      const answer = await space.request('/test');
      assert.deepEqual([answer.status, answer.text], [200, 'Hello World']);
      assert.equal((await space.request('/test', { anonymous: true })).status, 401);
      assert.equal((await space.request('/api/products', { anonymous: true })).status, 401);
    });
    it('stores what satisfies the schema and says which rule the rest breaks', async () => {
      const created = await post('products', { name: 'A', price: 1.5 });
      assert.equal(created.status, 201, created.text);
      const { _id, ...stored } = created.json();
      assert.deepEqual(stored, { name: 'A', price: 1.5 });
      assert.match(_id, /^[0-9a-f]{24}$/);
      for (const [collection, document, keyword] of [
        ['products', { name: 'A' }, 'required'],
        ['products', { name: 'A', price: 1, x: 1 }, 'additionalProperties'],
        ['products', { name: '', price: 1 }, 'minLength'],
        ['customers', { name: 'C', email: 'nobody' }, 'format'],
        ['customers', { name: 'C', email: 'c@example.org', address: {} }, 'required'],
      ] as const) {
        const refused = await post(collection, document);
        assert.equal(refused.status, 400, refused.text);
        assert.equal(refused.json().schemaError[0].keyword, keyword);
      }
    });
    it('knows no other collections', async () => {
      const created = await post('other', {});
      assert.deepEqual([created.status, created.json()], [400, { error: 'Collection schema not found: other' }]);
      const listed = await space.request('/api/other');
      assert.deepEqual([listed.status, listed.json()], [404, { error: 'Schema error for collection other' }]);
    });
    it('patches, replaces, lists and deletes', async () => {
      const { _id } = (await post('products', { name: 'B', price: 10, tags: ['x'] })).json();
      const path = `/api/products/${_id}`;
      const patched = await space.request(path, { method: 'PATCH', json: { price: 20 } });
      assert.deepEqual([patched.status, patched.json()], [200, { name: 'B', price: 20, tags: ['x'], _id }]);
      const refused = await space.request(path, { method: 'PATCH', json: { price: 'x' } });
      assert.deepEqual([refused.status, refused.json().schemaError[0].keyword], [400, 'type']);
      const replaced = await space.request(path, { method: 'PUT', json: { name: 'C', price: 30 } });
      assert.deepEqual([replaced.status, replaced.json()], [200, { name: 'C', price: 30, _id }]);
      const listed = await space.request('/api/products?price>1&sort=-price&limit=1');
      assert.equal(listed.headers['content-type'], 'application/json');
      assert.deepEqual(listed.json(), [{ name: 'C', price: 30, _id }]);
      const removed = await space.request(path, { method: 'DELETE' });
      assert.deepEqual([removed.status, removed.json()], [200, { _id }]);
      const gone = await space.request(path);
      assert.equal(gone.status, 404);
      assert.match(gone.text, /Not found/);
    });
    it('has the collections that its startup hook made, with schema, cap and indexes', async () => {
      const { collections } = (await space.admin('GET', '/collections')).json();
      const products = collections.find(({ name }: { name: string }) => name === 'products');
      assert.deepEqual([products.cap, products.indexes.toSorted()], [1000, ['name', 'price']]);
      assert.deepEqual(products.schema.required, ['name', 'price']);
    });
  });

  describe(`scenario 28: Yup schemas of the old crudlify package (${mode})`, () => {
    it('answers what Yup says about a bad document, and stores a good one with defaults', async () => {
      const space = await deployFixture(gateway, 'users-yup', mode);
      const refused = await space.request('/user', { method: 'POST', json: { name: 'a', email: 'x' } });
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.text, /email/);
      const created = await space.request('/user', { method: 'POST', json: { name: 'a', email: 'a@example.org' } });
      assert.equal(created.status, 201, created.text);
      const { _id, ...user } = created.json();
      assert.deepEqual(user, { name: 'a', email: 'a@example.org', active: true, visits: 0 });
      const listed = await space.request('/user?email=a@example.org');
      assert.deepEqual(listed.json(), [{ ...user, _id }]);
    });
  });

  describe(`scenario 29: middleware that changes the body (${mode})`, () => {
    it('computes a field before the generic route stores the document', async () => {
      const space = await deployFixture(gateway, 'sales', mode);
      const products = [
        { name: 'p', price: 2 },
        { name: 'q', price: 3 },
      ];
      const create = (path: string, json: unknown) => space.request(path, { method: 'POST', json });
      const created = await create('/customer', { name: 'n', status: 'open', products });
      assert.deepEqual([created.status, created.json().balance], [201, 5]);
      const refused = await create('/customer', { name: 'n', status: 'lost' });
      assert.equal(refused.status, 400);
      const anything = await create('/product', { any: { thing: [1] } });
      assert.deepEqual([anything.status, anything.json().any], [201, { thing: [1] }]);
    });
  });

  describe(`scenario 42: what browser clients send to plain crudlify (${mode})`, () => {
    it('lists newest first, takes whole items back, and changes and deletes by query', async () => {
      const space = await deployFixture(gateway, 'todo-client', mode);
      const items: { _id: string; title: string; completed: boolean }[] = [];
      for (const title of ['a', 'b', 'c']) {
        const created = await space.request('/todo', { method: 'POST', json: { title, completed: false } });
        assert.equal(created.status, 201);
        items.push(created.json());
      }
      const titles = async (path: string) =>
        (await space.request(path)).json().map(({ title }: { title: string }) => title);
      assert.deepEqual(await titles('/todo?sort=-_id'), ['c', 'b', 'a']);
      const [first, second, third] = items as [(typeof items)[0], (typeof items)[0], (typeof items)[0]];
      const whole = { ...first, title: 'A' };
      const patched = await space.request(`/todo/${first._id}`, { method: 'PATCH', json: whole });
      assert.deepEqual([patched.status, patched.json()], [200, whole]);
      // As browsers send it: only what a URL cannot hold is escaped.
      const query = `{"_id":{"$in":["${first._id}","${second._id}"]}}`.replaceAll('"', '%22');
      const many = await space.request(`/todo/_byquery?q=${query}`, { method: 'PATCH', json: { completed: true } });
      assert.equal(many.json().count, 2);
      assert.deepEqual(await titles('/todo?completed=true'), ['A', 'b']);
      const cleared = await space.request('/todo/_byquery?completed=true', { method: 'DELETE' });
      assert.equal(cleared.json().count, 2);
      const removed = await space.request(`/todo/${third._id}`, { method: 'DELETE' });
      assert.deepEqual(removed.json(), { _id: third._id });
      assert.deepEqual((await space.request('/todo')).json(), []);
    });
  });

  describe(`scenario 50: crudlify with Yup and OpenAPI, as the first example of the guide (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'seed-crud', mode);
    });
    it('refuses what Yup refuses, and stores the rest', async () => {
      const create = (json: unknown) => space.request('/products', { method: 'POST', json });
      const refused = await create({ name: 'x', price: -1, category: 'books' });
      assert.deepEqual([refused.status, refused.json().name], [400, 'ValidationError']);
      assert.match(refused.json().message, /price must be a positive number/);
      const created = await create({ name: 'x', price: 1, category: 'books' });
      assert.equal(created.status, 201);
      assert.deepEqual([created.json().inStock, created.json().category], [true, 'books']);
    });
    it('describes itself', async () => {
      const answer = await space.request('/openapi.json', { anonymous: true });
      assert.equal(answer.status, 200, answer.text);
      const spec = answer.json();
      assert.equal(spec.info.title, 'Products');
      assert.ok(spec.paths['/products'].post && spec.paths['/products/{ID}'].patch, Object.keys(spec.paths).join());
      assert.deepEqual(spec.components.schemas.Products.required.toSorted(), ['category', 'name', 'price']);
      const page = await space.request('/docs', { anonymous: true });
      assert.deepEqual(
        [page.status, /api-docs\/viewer\.js/.test(page.text), /unpkg/.test(page.text)],
        [200, true, false],
      );
    });
    it('describes itself at the well-known address too', async () => {
      const answer = await space.request('/.well-known/openapi', { anonymous: true });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.json().openapi, /^3\./);
    });
  });

  describe(`scenario 52: a deployment by a tool (${mode})`, () => {
    it('answers its route, and shows it among the deployments', async () => {
      const space = await deployFixture(gateway, 'deploy-test', mode);
      assert.equal((await space.request('/test-deployment')).json().message, 'Deployment works');
      const { deployments } = (await space.admin('GET', '/deployments')).json();
      assert.ok(deployments[0].routes.includes('GET /test-deployment'));
    });
  });
}
