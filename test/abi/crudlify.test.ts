/**
 * CRUD routes (spec/codehooks.md 9) with Yup, Zod and JSON Schema: of our library and of the original codehooks-js 1.4.3, by the
 * same assertions. Real: both libraries, the ABI, the validators, query language and updates. Fake: the gateway (in memory);
 * routes are called by their place, so matching is not part of it.
 */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import * as yup from 'yup';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import type { Codehooks } from '../../packages/sdk/src/index.ts';
import { type Answer, startApp, startOriginalApp, type TestApp } from './run-app.ts';

type Register = (app: Codehooks) => unknown;

// The original tells on the console whatever it does.
for (const name of ['debug', 'log', 'error'] as const) mock.method(console, name, () => {});

interface Client {
  readonly app: TestApp;
  send(verb: string, path: string, body?: unknown, query?: Record<string, string>): Promise<Answer>;
}

/** Finds the route that the gateway would: by collection, `_byquery`, ID. */
function createClient(app: TestApp): Client {
  const { routes } = app.load().manifest;
  return {
    app,
    send(verb, path, body, query = {}) {
      const [collection, id] = path.split('/') as [string, string?];
      const suffix = id === undefined ? '' : id === '_byquery' ? '/_byquery' : '/:ID';
      const route = routes.findIndex((key) => key.startsWith(`${verb} `) && key.endsWith(`/:collection${suffix}`));
      assert.ok(route >= 0, `${verb} ${path}`);
      return app.request({
        route,
        method: verb,
        query,
        params: id === undefined ? { collection } : { collection, ID: id },
        headers: { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
    },
  };
}

const schemas: Record<string, Record<string, unknown>> = {
  Yup: { user: yup.object({ name: yup.string().required(), active: yup.boolean().default(true) }), free: null },
  Zod: { user: z.object({ name: z.string().min(1), active: z.boolean().default(true) }), free: null },
  'Zod 3': { user: z3.object({ name: z3.string().min(1), active: z3.boolean().default(true) }), free: null },
  'JSON Schema': {
    user: { type: 'object', properties: { name: { type: 'string', format: 'email' } }, required: ['name'] },
    free: null,
  },
};

const libraries = [
  { name: 'our library', startLibrary: startApp },
  { name: 'codehooks-js', startLibrary: startOriginalApp },
] as const;

for (const { name, startLibrary } of libraries) {
  const isOriginal = name === 'codehooks-js';
  const start = async (register: Register): Promise<Client> => createClient(await startLibrary(register));

  describe(`crudlify of ${name} without schemas`, () => {
    it('serves every collection with all verbs', async () => {
      const { send } = await start((app) => app.crudlify({}, { prefix: '/api' }));
      const created = await send('POST', 'todo', { a: 1 });
      assert.equal(created.status, 201);
      const { _id } = created.json as { _id: string };
      assert.deepEqual((await send('GET', `todo/${_id}`)).json, { a: 1, _id });
      assert.deepEqual((await send('PATCH', `todo/${_id}`, { b: 2 })).json, { a: 1, b: 2, _id });
      assert.deepEqual((await send('PATCH', `todo/${_id}`, { $inc: { a: 1 } })).json, { a: 2, b: 2, _id });
      assert.deepEqual((await send('PUT', `todo/${_id}`, { _id: 'other', c: 3 })).json, { c: 3, _id });
      assert.deepEqual((await send('DELETE', `todo/${_id}`)).json, { _id });
      const missing = await send('GET', `todo/${_id}`);
      assert.deepEqual([missing.status, /Not found/.test(missing.text)], [404, true]);
      for (const verb of ['PUT', 'PATCH', 'DELETE']) assert.equal((await send(verb, `todo/${_id}`, {})).status, 404);
    });

    it('answers lists by the query language of URLs', async () => {
      const { send } = await start((app) => app.crudlify());
      for (const age of [1, 2, 3]) await send('POST', 'people', { age, name: `n${age}` });
      const listed = await send('GET', 'people', undefined, { 'age>': '2', sort: '-age', limit: '1' });
      assert.deepEqual(
        (listed.json as { age: number }[]).map(({ age }) => age),
        [3],
      );
      const filtered = await send('GET', 'people', undefined, { q: '{"age":{"$lte":2}}', h: '{"$sort":{"age":-1}}' });
      assert.deepEqual(
        (filtered.json as { age: number }[]).map(({ age }) => age),
        [2, 1],
      );
      assert.deepEqual((await send('GET', 'people', undefined, { h: '{"count":true}' })).json, [{ count: 3 }]);
      assert.equal((await send('GET', 'people', undefined, { q: '{' })).status, 400);
      assert.equal((await send('GET', 'people', undefined, { 'name:nonsense': '1' })).status, 400);
    });

    it('changes and deletes by query', async () => {
      const { send } = await start((app) => app.crudlify());
      for (const n of [1, 2, 3]) await send('POST', 'c', { n });
      const query = { q: '{"n":{"$gt":1}}' };
      assert.deepEqual((await send('PATCH', 'c/_byquery', { done: true }, query)).json, { count: 2 });
      assert.deepEqual((await send('DELETE', 'c/_byquery', undefined, { done: 'true' })).json, { count: 2 });
      assert.equal(((await send('GET', 'c')).json as unknown[]).length, 1);
    });
  });

  for (const [library, schema] of Object.entries(schemas)) {
    describe(`crudlify of ${name} with schemas of ${library}`, () => {
      it('refuses what does not fit with what the library says', async () => {
        const { send, app } = await start((target) => target.crudlify(schema));
        const { status, json } = await send('POST', 'user', { active: true });
        assert.equal(status, 400);
        if (library === 'Yup') assert.equal((json as { name: string }).name, 'ValidationError');
        else assert.ok(Array.isArray(json));
        assert.equal((await send('PUT', 'user/x', { active: 1 })).status, 400);
        assert.equal(app.gateway.collections.has('user'), false);
      });

      it('stores what fits, with defaults, and what has no schema as it is', async () => {
        const { send } = await start((target) => target.crudlify(schema));
        const { status, json } = await send('POST', 'user', { name: 'a@example.org' });
        assert.equal(status, 201);
        const { _id, ...stored } = json as Record<string, unknown>;
        const defaults = library === 'JSON Schema' ? {} : { active: true };
        assert.deepEqual(stored, { name: 'a@example.org', ...defaults });
        assert.equal((await send('POST', 'free', { any: 1 })).status, 201);
        const put = await send('PUT', `user/${_id}`, { name: 'b@example.org', _id });
        assert.deepEqual(put.json, { name: 'b@example.org', _id });
        // The original answers 400 with an empty object, which tells nobody what is wrong.
        const missing = await send('PUT', 'user/nope', { name: 'b@example.org' });
        assert.equal(missing.status, isOriginal ? 400 : 404);
      });

      it('knows no other collections', async () => {
        const { send } = await start((target) => target.crudlify(schema));
        const created = await send('POST', 'other', {});
        assert.deepEqual([created.status, created.json], [400, { error: 'Collection schema not found: other' }]);
        for (const [verb, path] of [
          ['GET', 'other'],
          ['GET', 'other/1'],
          ['DELETE', 'other/_byquery'],
          // What every object inherits is no collection; the original takes it for one.
          ...(isOriginal ? [] : [['GET', 'constructor'] as const]),
        ] as const) {
          const { status, json } = await send(verb, path);
          assert.equal(status, 404);
          assert.deepEqual(json, { error: `Schema error for collection ${path.split('/')[0]}` });
        }
      });
    });
  }

  describe(`hooks of ${name}`, () => {
    it('run before and after, may change the document, and may prevent', async () => {
      const calls: string[] = [];
      const { send } = await start(async (app) => {
        const hooks = await app.crudlify();
        hooks
          .beforePOST('c', (document) => {
            document.stamped = true;
          })
          .afterPOST('c', ({ _id }) => calls.push(`posted ${typeof _id}`))
          .beforePATCH('c', () => {
            throw new Error('read only');
          })
          .beforeDELETE('c', (id) => calls.push(`deleting ${id}`));
      });
      // Hooks are registered when the promise of crudlify has resolved.
      await Promise.resolve();
      const { json } = await send('POST', 'c', {});
      const { _id, stamped } = json as { _id: string; stamped: boolean };
      assert.equal(stamped, true);
      const refused = await send('PATCH', `c/${_id}`, { a: 1 });
      assert.deepEqual([refused.status, refused.text], [404, 'read only']);
      await send('DELETE', `c/${_id}`);
      assert.deepEqual(calls, ['posted string', `deleting ${_id}`]);
    });

    it('answer violations of the schema of the collection as 400', async () => {
      const { send, app } = await start((target) => target.crudlify());
      const violation = [{ instancePath: '/price', keyword: 'type' }];
      for (const method of ['documents.insert', 'documents.updateOne', 'documents.replaceOne']) {
        app.gateway.answer(method, () => {
          throw Object.assign(new Error('no'), { code: 'schema_violation', details: { schemaError: violation } });
        });
      }
      for (const [verb, path] of [
        ['POST', 'c'],
        ['PATCH', 'c/1'],
        ['PUT', 'c/1'],
      ] as const) {
        const { status, json } = await send(verb, path, { price: 'x' });
        assert.deepEqual([status, json], [400, { schemaError: violation }]);
      }
    });
  });
}
