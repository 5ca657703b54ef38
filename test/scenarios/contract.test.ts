// Sentences of the contract (spec/codehooks.md 9 to 13) that no other test shows, each in both modes. Real gateway process,
// sandbox and HTTP; nothing is fake.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildModes, createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`the contract (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await createTestSpace(gateway, `contract-${mode}`);
      const answer = await space.deploy(join(import.meta.dirname, '../fixtures/apps/contract'), mode);
      assert.equal(answer.status, 201, answer.text);
    });
    const call = async (method: string, path: string, json?: unknown) => {
      const { status, text } = await space.request(path, { method, ...(json === undefined ? {} : { json }) });
      return [status, text] as const;
    };
    const visit = (path: string) => space.request(path, { anonymous: true });

    it('answers a hook that throws with 400 where a schema is checked, and else with 404', async () => {
      const made = await space.request('/api/pets', { method: 'POST', json: { _id: 'p1', name: 'rex' } });
      assert.deepEqual([made.status, made.json().post], [201, true]);
      const path = `/api/pets/${made.json()._id}`;
      assert.deepEqual(await call('POST', '/api/pets', { name: 'error' }), [400, '{}']);
      assert.deepEqual(await call('POST', '/api/pets', { name: 'text' }), [400, '"plain"']);
      assert.deepEqual(await call('PUT', path, { name: 'error' }), [400, '{}']);
      assert.deepEqual(await call('PATCH', path, { name: 'error' }), [404, 'no patch']);
      assert.deepEqual(await call('DELETE', '/api/pets/keep'), [404, 'kept']);
      const replaced = await space.request(path, { method: 'PUT', json: { name: 'new', _id: 'other' } });
      assert.deepEqual([replaced.status, replaced.json()], [200, { name: 'new', put: true, _id: made.json()._id }]);
      const patched = await space.request(path, { method: 'PATCH', json: { age: 'no number' } });
      assert.deepEqual([patched.status, patched.json().age, patched.json().patch], [200, 'no number', true]);
      assert.deepEqual(await call('DELETE', '/api/pets/_byquery?name=new'), [200, '{"count":1}']);
      assert.deepEqual(
        (await space.request('/seen')).json(),
        [
          ['afterPOST', 'rex'],
          ['beforeDELETE', 'string'],
        ],
        'deleting by query runs no hook',
      );
    });
    it('says of unknown collections and bad queries what clients look for', async () => {
      assert.deepEqual(await call('POST', '/api/none', { a: 1 }), [
        400,
        '{"error":"Collection schema not found: none"}',
      ]);
      for (const [method, path] of [
        ['GET', '/api/none'],
        ['GET', '/api/none/x'],
        ['PATCH', '/api/none/x'],
        ['PATCH', '/api/none/_byquery?a=1'],
        ['DELETE', '/api/none/x'],
      ] as const) {
        const json = method === 'PATCH' ? { a: 1 } : undefined;
        assert.deepEqual(await call(method, path, json), [404, '{"error":"Schema error for collection none"}'], path);
      }
      for (const query of ['q={', 'q={}&h=[']) {
        const [status, text] = await call('GET', `/api/pets?${encodeURI(query)}`);
        assert.deepEqual([status, /JSON/.test(text)], [400, true], text);
      }
      assert.equal((await call('POST', '/api/loose', { any: [1] }))[0], 201);
    });
    it('serves files with the headers of the route, after its hook, and only names that it may', async () => {
      for (const [path, type] of [
        ['/pub', 'text/html'],
        ['/pub/home.html', 'text/html'],
        ['/pub/x.json?a=1', 'application/json'],
      ] as const) {
        const { status, headers } = await visit(path);
        const found = [status, headers['content-type'], headers['x-static'], headers['x-hook']];
        assert.deepEqual(found, [200, type, 'yes', 'ran'], path);
      }
      const refused = await visit('/pub/data.zzz');
      assert.deepEqual([refused.status, refused.text], [403, 'Static server: /pub/data.zzz is not a valid file name']);
      const missing = await visit('/pub/none.html');
      assert.equal(missing.status, 404);
      assert.match(missing.text, /^No file here: \/public\/none\.html \(.*\/public\/none\.html\)$/);
      for (const path of ['/pub/a%20b.txt', '/pub/@x.html', '/pub/%2e%2e/index.js']) {
        assert.equal((await visit(path)).status, 401, `${path} is no path of the route`);
      }
      const open = await visit('/nf/data.zzz');
      assert.deepEqual([open.status, open.headers['content-type']], [200, 'application/octet-stream']);
      const page = await visit('/nf/none');
      assert.deepEqual([page.status, page.text], [404, '<h1>home</h1>\n']);
    });
    it('saves, lists, reads and deletes files of the app, and serves them', async () => {
      const made = await space.request('/blobs', { method: 'POST' });
      assert.deepEqual(made.json(), {
        saved: ['isDirectory', 'lastModified', 'name', 'path', 'size'],
        list: [
          ['a.bin', '/blob/a.bin', 3, false],
          ['deep', '/blob/deep', 0, true],
        ],
        buffer: [1, 2, 3],
      });
      const text = await visit('/st/deep/er/t.txt');
      assert.deepEqual([text.status, text.text, text.headers['content-type']], [200, 'hällo', 'text/plain']);
      assert.equal((await visit('/st/home.html')).status, 404, 'it shows nothing of the deployment');
      const outcomes = (await space.request('/blobs', { method: 'DELETE' })).json() as string[];
      assert.equal(outcomes[0], 'object');
      assert.match(outcomes[1]!, /not found: \/blob\/a\.bin/);
      assert.match(outcomes[2]!, /not found: \/none/);
      assert.match(outcomes[3]!, /leaves the files of the space/);
    });
    it('sums up a stream of documents, and groups within', async () => {
      assert.deepEqual((await space.request('/sums', { method: 'POST' })).json(), {
        count: 3,
        n: { sum: 6, min: 1, max: 3 },
        kind: { odd: { count: 2, n: { sum: 4 } }, even: { count: 1, n: { sum: 2 } } },
      });
    });
    it('describes itself where the app wants it, without what the app filters out', async () => {
      const { status, json } = await visit('/spec.json');
      const { openapi, info, paths, components, security } = json();
      assert.deepEqual(
        [status, openapi, info, security],
        [200, '3.0.3', { title: 'Pets', version: '9' }, [{ apiKey: [] }]],
      );
      assert.deepEqual(Object.keys(components.securitySchemes).sort(), ['apiKey', 'bearerAuth']);
      const names = Object.keys(paths);
      for (const name of ['/api/pets', '/api/pets/{ID}', '/api/pets/_byquery', '/api/loose', '/blobs']) {
        assert.ok(names.includes(name), name);
      }
      // The original lists the pages of the description itself when they are not where it puts them.
      const own = mode === 'tackle' ? ['/manual', '/spec.json'] : [];
      for (const name of ['/seen', '/api/:collection', ...own]) assert.ok(!names.includes(name), name);
      assert.deepEqual(
        [(await visit('/manual')).status, (await space.request('/rx/12')).json()],
        [200, { number: '12' }],
      );
    });
  });
}
