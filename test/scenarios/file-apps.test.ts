// Real gateway process, real sandbox, real HTTP; fixture apps of the shape of public ones, each with our build and as an
// original bundle. Their files are uploaded as the command line does it.
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildModes, deployFixture, makeTemporaryDirectory, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const fixtures = join(import.meta.dirname, '../fixtures/apps');
let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`a website before private data (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'site-over-data', mode);
      assert.equal((await space.request('/orders', { method: 'POST', json: { item: 'tea' } })).status, 201);
    });

    it('opens its pages, and nothing else by a slash at the end', async () => {
      for (const path of ['/', '/setup']) {
        assert.match((await space.request(path, { anonymous: true })).text, /<title>Orders/, path);
      }
      for (const [method, path] of [
        ['GET', '/orders/'],
        ['GET', '/report/'],
        ['POST', '/orders/'],
        ['PATCH', '/orders/_byquery/'],
        ['DELETE', '/orders/_byquery/'],
      ] as const) {
        const answer = await space.request(path, {
          method,
          anonymous: true,
          ...(method[0] === 'P' ? { json: {} } : {}),
        });
        assert.ok([401, 403].includes(answer.status), `${method} ${path}: ${answer.status} ${answer.text}`);
      }
      assert.equal((await space.request('/orders')).json().length, 1);
    });
    if (mode === 'tackle') {
      it('has the page of a route with and without the slash', async () => {
        assert.match((await space.request('/setup/', { anonymous: true })).text, /<title>Orders/);
      });
      it('lets nobody write who only may read files', async () => {
        const written = await space.request('/orders.json', { method: 'POST', anonymous: true, json: {} });
        assert.equal(written.status, 403, written.text);
      });
    }
  });
}

for (const mode of buildModes) {
  describe(`a website of static files (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'site', mode, {}, 'server.js');
    });
    const get = (path: string) => space.request(path, { anonymous: true });

    it('serves its pages to everybody, and directories by their index', async () => {
      for (const path of ['/', '/index.html']) {
        const page = await get(path);
        assert.equal(page.status, 200, page.text);
        assert.match(String(page.headers['content-type']), /^text\/html/);
        assert.match(page.text, /<title>Home Page<\/title>/);
      }
      // Without a token the original library refuses names without an extension.
      assert.match((await space.request('/docs/')).text, /<title>Docs<\/title>/);
    });
    it('gives every file its type, byte for byte', async () => {
      const image = await get('/img/dot.png');
      assert.equal(image.headers['content-type'], 'image/png');
      assert.ok(image.bytes.equals(await readFile(join(fixtures, 'site/web/img/dot.png'))));
      assert.match(String((await get('/style.css')).headers['content-type']), /^text\/css/);
    });
    it('says that there is no such file', async () => {
      const missing = await get('/nope.html');
      assert.equal(missing.status, 404);
      assert.match(missing.text, /^No file here/);
    });
    it('does not leave its directory, and does not show its code', async () => {
      for (const path of [
        '/../server.js',
        '/..%2fserver.js',
        '/%2e%2e/server.js',
        '/..',
        '/server.js',
        '/package.json',
      ]) {
        const answer = await get(path);
        assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
        assert.doesNotMatch(answer.text, /codehooks-js/);
      }
    });
    it('keeps its other routes as they are', async () => {
      assert.equal((await get('/api/version')).status, 403);
      assert.deepEqual((await space.request('/api/version')).json(), { version: 1 });
    });
  });

  describe(`a browser app with its API (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'bff', mode);
    });

    it('redirects from an auth hook, and serves its page with the headers that it wants', async () => {
      const about = await space.request('/about', { anonymous: true });
      assert.deepEqual([about.status, about.headers.location], [302, '/']);
      const page = await space.request('/', { anonymous: true });
      assert.match(page.text, /<title>Todo<\/title>/);
      assert.equal(page.headers['cache-control'], 'max-age=60');
    });
    it('keeps its collections behind the token', async () => {
      const created = await space.request('/api/todo', { method: 'POST', json: { a: 1 } });
      assert.equal(created.status, 201, created.text);
      assert.equal((await space.request('/api/todo')).json().length, 1);
      assert.ok((await space.request('/api/todo', { method: 'POST', anonymous: true, json: {} })).status >= 401);
    });
  });

  describe(`an open form (${mode})`, () => {
    it('serves its pages, one for what is missing too, and takes messages, all without a token', async () => {
      const space = await deployFixture(gateway, 'open-form', mode);
      const lost = await space.request('/lost.html', { anonymous: true });
      assert.equal(lost.status, 404);
      assert.match(lost.text, /<title>Lost<\/title>/);
      assert.match(String(lost.headers['content-type']), /^text\/html/);
      assert.match((await space.request('/', { anonymous: true })).text, /<title>Write to us<\/title>/);
      const sent = await space.request('/send', { method: 'POST', anonymous: true, json: { name: 'n', text: 't' } });
      assert.equal(sent.status, 201);
    });
  });

  describe(`a data browser with a page imported as text (${mode})`, () => {
    it('fills in its template under every path, and serves its assets', async () => {
      const space = await deployFixture(gateway, 'data-pages', mode);
      for (const path of ['/app', '/app/x/y']) {
        const page = await space.request(path, { anonymous: true });
        assert.equal(page.status, 200, page.text);
        assert.match(page.text, /href="\/dev\/assets\/css\/styles\.css"/);
        assert.doesNotMatch(page.text, /\{\{/);
      }
      const style = await space.request('/assets/css/styles.css', { anonymous: true });
      assert.deepEqual([style.status, style.text], [200, 'table {\n  width: 100%;\n}\n']);
      const created = await space.request('/anything', { method: 'POST', json: { a: 1 } });
      assert.equal(created.status, 201);
      assert.equal((await space.request(`/anything/${created.json()._id}`)).json().a, 1);
    });
  });

  describe(`a counter behind an auth hook that looks at the method (${mode})`, () => {
    it('counts, refuses with its own words, and serves its page', async () => {
      const space = await deployFixture(gateway, 'message-counter', mode);
      for (const expected of [1, 2, 3]) {
        const answer = await space.request('/api/message', { anonymous: true });
        assert.equal(answer.json().count, expected);
      }
      const refused = await space.request('/api/message', { method: 'POST', anonymous: true, json: {} });
      assert.ok(refused.status >= 400);
      assert.match(refused.text, /^Only GET/);
      assert.match((await space.request('/', { anonymous: true })).text, /<title>Counter<\/title>/);
    });
  });

  describe(`an app that renders views (${mode})`, () => {
    it('with Handlebars and a layout', async () => {
      const space = await deployFixture(gateway, 'views', mode);
      const page = await space.request('/hello/J%26J', { anonymous: true });
      assert.equal(page.text, '<html><body><h1>Hello J&amp;J</h1></body></html>');
      assert.match(String(page.headers['content-type']), /^text\/html/);
      assert.equal((await space.request('/nothing', { anonymous: true })).status, 500);
    });
    it('with EJS', async () => {
      const space = await deployFixture(gateway, 'views-ejs', mode);
      const page = await space.request('/hello/J%26J', { anonymous: true });
      assert.equal(page.text, '<h1>Hello J&amp;J</h1>');
    });
  });
}

describe('views of the original library, which keeps their text in the key-value store', () => {
  it('are those of the version that is live, after a deploy and after a rollback', async () => {
    const space = await deployFixture(gateway, 'views', 'original');
    const show = async () => (await space.request('/hello/you', { anonymous: true })).text;
    assert.equal(await show(), '<html><body><h1>Hello you</h1></body></html>');
    const changed = await makeTemporaryDirectory('views');
    await cp(join(fixtures, 'views'), changed, { recursive: true });
    await writeFile(join(changed, 'views/hello.hbs'), '{{#> layout}}<p>Bye {{name}}</p>{{/layout}}');
    const answer = await space.deploy(changed, 'original');
    assert.equal(answer.status, 201, answer.text);
    assert.equal(await show(), '<html><body><p>Bye you</p></body></html>');
    await space.admin('POST', '/deployments/rollback', {});
    assert.equal(await show(), '<html><body><h1>Hello you</h1></body></html>');
    await rm(changed, { recursive: true });
  });
});
