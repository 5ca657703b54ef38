// Real gateway process, real sandbox, real HTTP: an app of the shape of a public newsletter, with our build and as an
// original bundle. No mail is sent.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`a newsletter (${mode})`, () => {
    const emails = Array.from({ length: 120 }, (_, n) => `reader${String(n).padStart(3, '0')}@example.com`);
    let space: TestSpace;
    let cookie: string;
    const login = (password: string) =>
      space.request('/admin/api/login', { method: 'POST', anonymous: true, json: { password } });
    const admin = (path: string, options: { method?: string; json?: unknown } = {}) =>
      space.request(`/admin/api${path}`, { anonymous: true, headers: { cookie }, ...options });

    before(async () => {
      space = await deployFixture(gateway, 'newsletter', mode, {
        ADMIN_PASSWORD: 'correct',
        JWT_SECRET: 'jwt secret',
        SENDING_PAUSED: 'true',
      });
      const answer = await login('correct');
      assert.equal(answer.status, 200, answer.text);
      const [set] = answer.headers['set-cookie'] as string[];
      cookie = (set as string).split(';')[0] as string;
    });

    it('shows its page to everybody and its data to who is signed in', async () => {
      for (const path of ['/admin', '/admin/panel.html']) {
        assert.match((await space.request(path, { anonymous: true })).text, /<title>Newsletter admin<\/title>/);
      }
      assert.equal((await space.request('/admin/api/stats', { anonymous: true })).status, 401);
      assert.equal((await admin('/stats')).status, 200);
    });
    it('has every list once', async () => {
      assert.equal((await admin('/lists', { method: 'POST', json: { name: 'News' } })).status, 200);
      assert.equal((await admin('/lists', { method: 'POST', json: { name: 'News' } })).status, 409);
    });
    it('imports its readers in batches, and once', async () => {
      for (let round = 0; round < 2; round += 1) {
        const queued = await admin('/import', { method: 'POST', json: { emails, list: 'news' } });
        assert.deepEqual(queued.json(), { queued: 120 });
        await poll(async () => (await admin('/stats')).json().confirmed === 120);
      }
      // Whatever would store them twice has been worked off.
      await poll(async () => {
        const { topics } = (await space.admin('GET', '/topics')).json();
        const counts = topics as { counts: Record<string, number> }[];
        return counts.every(
          ({ counts: { ready, running, scheduled } }) => ready === 0 && running === 0 && scheduled === 0,
        );
      });
      assert.deepEqual((await admin('/stats')).json(), { confirmed: 120 });
      const page = (await admin('/subscribers?limit=10&offset=110&search=@')).json();
      assert.deepEqual(
        page.map(({ email }: { email: string }) => email),
        emails.slice(110),
      );
    });
    it('keeps its settings', async () => {
      const changed = await admin('/settings', { method: 'PUT', json: { title: 'Tägliches' } });
      assert.equal(changed.json().title, 'Tägliches');
      assert.deepEqual((await admin('/settings')).json(), { title: 'Tägliches', color: '#336699' });
      assert.equal((await space.request('/branding', { anonymous: true })).json().title, 'Tägliches');
    });
    it('stores images, serves them to everybody, and deletes them', async () => {
      const png = await readFile(join(import.meta.dirname, '../fixtures/apps/site/web/img/dot.png'));
      const json = { name: 'A dot.png', data: png.toString('base64') };
      const { url } = (await admin('/images', { method: 'POST', json })).json();
      assert.equal(url, '/images/a-dot.png');
      const served = await space.request(url, { anonymous: true });
      assert.deepEqual([served.status, served.headers['content-type']], [200, 'image/png']);
      assert.ok(served.bytes.equals(png));
      assert.equal((await admin('/images/a-dot.png', { method: 'DELETE' })).status, 200);
      assert.equal((await space.request(url, { anonymous: true })).status, 404);
      assert.equal((await admin('/images', { method: 'POST', json: {} })).status, 400);
    });
    it('takes readers for lists that it has', async () => {
      const subscribe = (json: unknown) => space.request('/subscribe', { method: 'POST', anonymous: true, json });
      assert.equal((await subscribe({ email: 'new@example.com', list: 'news' })).status, 201);
      assert.equal((await subscribe({ email: 'new@example.com', list: 'unknown' })).status, 400);
      assert.equal((await subscribe({ email: 'nonsense', list: 'news' })).status, 400);
    });
    it('lets nobody guess its password', async () => {
      for (let n = 0; n < 10; n += 1) assert.equal((await login('wrong')).status, 401);
      assert.equal((await login('wrong')).status, 429);
    });
  });
}

async function poll(isDone: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await isDone())) {
    assert.ok(Date.now() < deadline, 'it took longer than 10 s');
    await sleep(50);
  }
}
