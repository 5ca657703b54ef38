// The description of an app and its page, wherever the app is reached. Real gateway process, real sandbox, real HTTP, and
// Chromium (without a window) for the page; the fixture apps run with our library and with the original one.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compileErrors, validate } from '@readme/openapi-parser';
import { type Browser, chromium, type Page } from 'playwright-core';
import { buildModes, callApi, createTestSpace, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`the description of an app (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'api-docs', mode);
    });

    it('is open where openapi() serves it, is a valid document, and is at the well-known place too', async () => {
      const spec = await space.request('/openapi.json', { anonymous: true });
      assert.equal(spec.status, 200, spec.text);
      const result = await validate(spec.json());
      assert.ok(result.valid, result.valid ? '' : compileErrors(result));
      assert.deepEqual(Object.keys(spec.json().paths), ['/echo/{name}', '/todos', '/todos/_byquery', '/todos/{ID}']);
      const wellKnown = await space.request('/.well-known/openapi', { anonymous: true });
      assert.deepEqual(wellKnown.json().paths, spec.json().paths);
    });

    it('needs a token where the app has crudlify alone, and is not at /openapi.json', async () => {
      const crud = await deployFixture(gateway, 'only-crud', mode);
      assert.equal((await crud.request('/.well-known/openapi', { anonymous: true })).status, 401);
      const spec = await crud.request('/.well-known/openapi');
      assert.equal(spec.status, 200, spec.text);
      assert.ok('/todos/{ID}' in spec.json().paths && '/hello' in spec.json().paths);
      const result = await validate(spec.json());
      assert.ok(result.valid, result.valid ? '' : compileErrors(result));
      assert.equal((await crud.request('/openapi.json')).status, 404);
      assert.equal((await crud.request('/docs')).status, 404);
    });

    it("leaves the well-known place to the app's own route, also one with a wildcard", async () => {
      const own = await deployFixture(gateway, 'own-well-known', mode);
      assert.equal((await own.request('/.well-known/openapi')).text, 'mine');
      assert.equal((await own.request('/api/description.json')).json().openapi, '3.0.3');
      const page = await own.request('/api/docs');
      assert.match(page.text, /data-spec="\.\.\/api\/description\.json"/);
      assert.match(page.text, /src="\.\.\/\.well-known\/api-docs\/viewer\.js"/);
      assert.equal((await own.request('/.well-known/api-docs/viewer.js', { anonymous: true })).status, 200);
    });

    it('has a page that loads nothing from elsewhere', async () => {
      const page = await space.request('/docs', { anonymous: true });
      assert.match(String(page.headers['content-type']), /^text\/html/);
      assert.doesNotMatch(page.text, /(?:src|href)="(?!\.{1,2}\/|data:)/);
      for (const [file, type] of [
        ['viewer.js', 'text/javascript; charset=utf-8'],
        ['viewer.css', 'text/css; charset=utf-8'],
      ]) {
        const answer = await space.request(`/.well-known/api-docs/${file}`, { anonymous: true });
        assert.deepEqual([answer.status, answer.headers['content-type']], [200, type]);
      }
      const missing = await space.request('/.well-known/api-docs/..%2Fviewer.js', { anonymous: true });
      assert.equal(missing.status, 404);
    });
  });
}

describe('OpenAPI 3.1', () => {
  it('is there for whoever asks for it', async () => {
    const space = await deployFixture(gateway, 'described', 'tackle');
    const spec = await space.request('/openapi.json?openapi=3.1');
    assert.equal(spec.json().openapi, '3.1.0');
    const result = await validate(spec.json());
    assert.ok(result.valid, result.valid ? '' : compileErrors(result));
    assert.equal((await space.request('/openapi.json')).json().openapi, '3.0.3');
    assert.equal((await space.request('/openapi.json?openapi=7')).json().openapi, '3.0.3');
  });
});

describe('the page in a browser', () => {
  let browser: Browser;
  let page: Page;
  let space: TestSpace;
  const problems: string[] = [];
  before(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    page = await browser.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    // The app of the first suite, under a name of its own.
    space = await createTestSpace(gateway, 'docs-in-browser');
    const answer = await space.deploy(join(import.meta.dirname, '../fixtures/apps/api-docs'), 'tackle');
    assert.equal(answer.status, 201, answer.text);
  });
  after(() => browser.close());

  async function tryEcho(address: string): Promise<string> {
    await page.goto(`${address}/docs#echo`);
    await page.locator('h1', { hasText: 'Things to do' }).waitFor();
    const operation = page.locator('#echo');
    await page.locator('.credentials input').first().fill(space.token);
    await operation.locator('input').first().fill('Ada Lovelace');
    await operation.locator('textarea').fill('{"text":"hello"}');
    await operation.locator('button').click();
    await operation.locator('.answer').waitFor();
    return (await operation.locator('.answer').textContent()) ?? '';
  }

  it('shows and tries operations under a space, behind /p/, and on a host of the space', async () => {
    const said = { name: 'Ada Lovelace', said: 'hello' };
    const { urls } = (await space.admin('GET', '')).json();
    for (const address of [urls.spaceBound, urls.project, `http://localhost:${gateway.port}/p/${space.project}/dev`]) {
      assert.deepEqual(JSON.parse(await tryEcho(address)), said, address);
    }
    assert.deepEqual(problems, []);
  });

  it('shows markup of the document as text', async () => {
    const text = await page.locator('header .text').textContent();
    assert.equal(text, 'What <b>remains</b> to be done.');
  });

  it('finds operations, and shows schemas', async () => {
    await page.locator('input[type=search]').fill('delete');
    assert.equal(await page.locator('details.operation:visible').count(), 2);
    await page.locator('input[type=search]').fill('');
    await page.locator('details.schema summary', { hasText: 'Todos' }).click();
    const schema = await page.locator('details.schema[open] pre').textContent();
    assert.match(schema ?? '', /title: string/);
    assert.match(schema ?? '', /done\?: boolean/);
  });
});

describe('originals under /docs', () => {
  it('name the document by a path that is right under a space', async () => {
    const created = await callApi(gateway, 'GET', '/projects');
    assert.equal(created.status, 200);
    const project = created.json().projects.find(({ name }: { name: string }) => name === 'api-docs-original');
    const answer = await send(gateway.url, '/dev/docs', {
      headers: { host: `${project.id}.localhost:${gateway.port}` },
    });
    assert.match(answer.text, /data-spec="\.\/openapi\.json"/);
  });
});
