// Real gateway, real Chromium (Debian's, without a window).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { callApi, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const launchOptions = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
};

describe('pages in a browser', () => {
  let gateway: GatewayProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let problems: string[] = [];
  let space: TestSpace;
  before(async () => {
    [gateway, browser] = await Promise.all([startGateway(), chromium.launch(launchOptions)]);
    space = await deployFixture(gateway, 'described', 'tackle');
    context = await browser.newContext();
    page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
  });
  after(async () => {
    await browser.close();
    await gateway.stop();
  });
  const url = (path: string) => `http://localhost:${gateway.port}${path}`;

  it('show what runs here to whoever has signed in by the link of the command line, once', async () => {
    const link = (await callApi(gateway, 'POST', '/sign-in-links')).json().url;
    await page.goto(link);
    assert.equal(await page.title(), 'Tackle');
    assert.match((await page.locator('body').textContent()) ?? '', new RegExp(space.project));
    const again = await page.goto(link);
    assert.equal(again?.status(), 401);
    problems = [];
  });

  it('describe an app at /docs, with nothing loaded from elsewhere', async () => {
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).hostname));
    await page.goto(url('/dev/docs'));
    await page.getByText('Pets').first().waitFor({ timeout: 10_000 });
    await page.getByText('/pets').first().waitFor({ timeout: 10_000 });
    assert.deepEqual([...new Set(asked)], ['localhost']);
    assert.deepEqual(problems, []);
  });

  it('keep the page of an app away from administration, even in the browser of a signed-in administrator', async () => {
    for (const origin of [`http://127.0.0.1:${gateway.port}`, `http://localhost:${gateway.port}`]) {
      await page.goto(url(`/dev/page?target=${encodeURIComponent(`${origin}/api/v1/projects`)}`));
      await page.getByText(/^(status|refused)/).waitFor({ timeout: 10_000 });
      const seen = (await page.locator('#out').textContent()) ?? '';
      assert.ok(/^refused|^status 40[13]/.test(seen), seen);
      assert.ok(!seen.includes(space.project), seen);
    }
  });
});
