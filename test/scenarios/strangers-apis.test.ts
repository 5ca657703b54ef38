// Apps as people and agents write them who know other frameworks: TypeScript with classes, CommonJS, validators, JWTs, links,
// tenants. Real gateway process, sandbox, HTTP and npm packages; deployed by the command line, and as original bundles.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { poll } from '../durable/support.ts';
import { buildModes, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { deployStranger } from '../support/strangers.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`a help desk in TypeScript with classes, JWTs and cursors (${mode})`, () => {
    let space: TestSpace;
    const tokens: Record<string, string> = {};
    before(async () => {
      space = await deployStranger(gateway, 'helpdesk', mode, { JWT_SECRET: 'quite secret' });
    });
    const call = (method: string, path: string, who?: string, json?: unknown) =>
      space.request(path, {
        method,
        json,
        anonymous: true,
        headers: who === undefined ? {} : { authorization: `Bearer ${tokens[who] ?? who}` },
      });

    it('is open where its author opened it', async () => {
      const health = await call('GET', '/health-check');
      assert.deepEqual([health.status, health.json().ok], [200, true]);
      assert.match(String(health.headers['x-request-start']), /^\d+$/);
      assert.deepEqual((await call('GET', '/tickets')).json(), { error: 'Missing token' });
      const forged = await call('GET', '/tickets', 'aaaa.bbbb.cccc');
      assert.deepEqual([forged.status, forged.json()], [401, { error: 'JsonWebTokenError' }]);
    });
    it('registers people and lets them in', async () => {
      const password = 'long enough';
      for (const role of ['agent', 'customer']) {
        const email = `${role}@example.org`;
        const created = await call('POST', '/auth/register', undefined, { email, password, role });
        assert.equal(created.status, 201, created.text);
        assert.match(created.json().id, /^[0-9a-f-]{36}$/);
        const login = await call('POST', '/auth/login', undefined, { email, password });
        tokens[role] = login.json().token;
      }
      const invalid = await call('POST', '/auth/register', undefined, { email: 'x', password: 'short' });
      assert.deepEqual([invalid.status, Object.keys(invalid.json().fields)], [422, ['email', 'password']]);
      const twice = await call('POST', '/auth/register', undefined, { email: 'agent@example.org', password });
      assert.deepEqual([twice.status, twice.json()], [409, { error: 'Email is taken' }]);
      const wrong = { email: 'agent@example.org', password: 'something else' };
      assert.equal((await call('POST', '/auth/login', undefined, wrong)).status, 401);
    });
    it('keeps tickets, page by page', async () => {
      const ids: string[] = [];
      for (const subject of ['one', 'two', 'three', 'four', 'five']) {
        const created = await call('POST', '/tickets', 'customer', { subject: `Ticket ${subject}`, dueInDays: '3' });
        assert.equal(created.status, 201, created.text);
        assert.equal(created.headers.location, `/tickets/${created.json()._id}`);
        ids.push(created.json()._id);
      }
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = (await call('GET', `/tickets?size=2${cursor && `&cursor=${cursor}`}`, 'customer')).json();
        seen.push(...page.items.map(({ _id }: { _id: string }) => _id));
        cursor = page.next;
      }
      assert.deepEqual(seen, ids);
      const closed = await call('PATCH', `/tickets/${ids[0]}`, 'agent', { status: 'closed' });
      assert.deepEqual([closed.status, closed.json().status], [200, 'closed']);
      assert.equal((await call('PATCH', `/tickets/${ids[1]}`, 'customer', { status: 'closed' })).status, 403);
      const several = (await call('GET', '/tickets?status=closed&status=pending', 'agent')).json();
      assert.deepEqual([several.items.length, several.next], [1, null]);
      const commented = await call('POST', `/tickets/${ids[1]}/comments`, 'customer', { text: 'Please' });
      assert.equal(commented.json().comments[0].text, 'Please');
      const shown = (await call('GET', `/tickets/${ids[1]}`, 'customer')).json();
      assert.deepEqual([shown.overdue, shown.comments.length], [false, 1]);
      assert.deepEqual((await call('GET', '/tickets/nope', 'customer')).json(), { error: 'Not found' });
    });
    it('answers what nobody caught, and goes on', async () => {
      for (const path of ['/boom', '/boom-later']) {
        const answer = await call('GET', path, 'agent');
        assert.deepEqual([answer.status, answer.json().fatal], [500, true]);
      }
      const { lines } = (await space.admin('GET', '/logs?level=error')).json();
      assert.ok(lines.some(({ log }: { log: string }) => /teapot/.test(log)));
      assert.ok(lines.some(({ log }: { log: string }) => /later/.test(log)));
      // Where it happened, in the file that its author wrote.
      if (mode === 'tackle') assert.ok(lines.some(({ log }: { log: string }) => /index\.ts:\d+/.test(log)));
    });
  });

  describe(`an old app in CommonJS (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployStranger(gateway, 'legacy', mode);
    });

    it('requires what it needs: JSON, packages, built-in modules, modules that need each other', async () => {
      const version = (await space.request('/version')).json();
      assert.equal(version.version, '0.3.0');
      for (const name of ['Ann', 'Jo', 'Max']) {
        const created = await space.request('/users', { method: 'POST', json: { name, password: 'p' } });
        assert.equal(created.status, 201, created.text);
        assert.deepEqual([created.json().team, created.json().password], [name.length % 2 ? 'odd' : 'even', undefined]);
      }
      assert.deepEqual((await space.request('/groups')).json(), { odd: 2, even: 1 });
      const { created } = await poll(
        async () => (await space.request('/created')).json(),
        (answer) => Number(answer.created) === 3,
      );
      assert.equal(Number(created), 3);
    });
    it('reports with moment, CSV and streams', async () => {
      const age = (await space.request('/reports/age/2024-02-01')).json();
      assert.deepEqual(age, { iso: '2024-02-01T00:00:00.000Z', fromNow: 'a month' });
      const bad = await space.request('/reports/age/tomorrow');
      assert.deepEqual([bad.status, bad.text], [400, 'bad date']);
      const csv = await space.request('/reports/users.csv');
      assert.equal(csv.text, 'name,team\nAnn,odd\nJo,even\nMax,odd\n');
      assert.equal(csv.headers['content-disposition'], 'attachment; filename="users.csv"');
      const upper = await space.request('/reports/upper', {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: 'quiet '.repeat(1000),
      });
      assert.equal(upper.headers['content-encoding'], 'gzip');
      assert.equal(gunzipSync(upper.bytes).toString(), 'QUIET '.repeat(1000));
    });
  });

  describe(`a link shortener with expressions as routes (${mode})`, () => {
    let space: TestSpace;
    let owner = '';
    before(async () => {
      space = await deployStranger(gateway, 'shortener', mode);
      owner = (await space.request('/owners/ann', { method: 'PUT' })).json().key;
    });
    const call = (method: string, path: string, json?: unknown, headers: Record<string, string> = {}) =>
      space.request(path, { method, json, anonymous: true, headers: { 'x-owner-key': owner, ...headers } });

    it('knows owners by its auth hook', async () => {
      const denied = await call('GET', '/api/links', undefined, { 'x-owner-key': 'other' });
      assert.match(denied.text, /unknown owner/);
      assert.ok([401, 403].includes(denied.status));
    });
    it('makes links, refuses nonsense, and counts clicks', async () => {
      const invalid = await call('POST', '/api/links', { url: 'no url' });
      assert.deepEqual([invalid.status, invalid.json().code], [400, 'ERR_INVALID_URL']);
      assert.equal((await call('POST', '/api/links', { url: 'javascript:alert(1)' })).status, 400);
      assert.equal((await call('POST', '/api/links', { url: 'https://example.org', slug: 'api' })).status, 409);
      const made = await call('POST', '/api/links', { url: 'https://example.org/a?b=c#d' });
      assert.equal(made.status, 201, made.text);
      const { _id, owner: name, header } = made.json();
      assert.deepEqual([/^[a-z2-9]{7}$/.test(_id), name, header], [true, 'ann', 'ann']);
      const taken = await call('POST', '/api/links', { url: 'https://example.org', slug: _id });
      assert.equal(taken.status, 409);
      const chrome =
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
      for (let click = 0; click < 3; click += 1) {
        const visited = await space.request(`/${_id}`, { anonymous: true, headers: { 'user-agent': chrome } });
        assert.deepEqual([visited.status, visited.headers.location], [301, 'https://example.org/a?b=c#d']);
        assert.equal(visited.headers['cache-control'], undefined);
      }
      const [link] = (await call('GET', '/api/links')).json();
      assert.deepEqual(link, { url: 'https://example.org/a?b=c#d', _id, clicks: 3 });
      const visits = (await space.admin('POST', '/collections/visits/query', { limit: 1 })).json();
      assert.equal(visits[0].browser, 'Chrome');
      assert.deepEqual((await space.request(`/${_id}+`, { anonymous: true })).json(), {
        leadsTo: 'https://example.org/a?b=c#d',
      });
      const removed = await call('DELETE', `/api/links/${_id}`);
      assert.deepEqual([removed.status, removed.text], [204, '']);
      assert.equal((await call('DELETE', `/api/links/${_id}`)).status, 404);
      const gone = await space.request(`/${_id}`, { anonymous: true });
      assert.deepEqual([gone.status, gone.text], [404, '<h1>No such link</h1>']);
      assert.match(String(gone.headers['content-type']), /text\/html/);
    });
  });

  describe(`an API for tenants over crudlify with Zod and hooks (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployStranger(gateway, 'tenants', mode, { ADMIN_EMAILS: 'root@example.org' });
    });
    const call = (method: string, path: string, json?: unknown, tenant = 'acme') =>
      space.request(path, { method, json, headers: tenant === '' ? {} : { 'x-tenant': tenant } });

    it('keeps tenants apart by its middleware', async () => {
      assert.equal((await call('GET', '/api/projects', undefined, '')).status, 400);
      const acme = await call('POST', '/api/projects', { name: 'Rocket' });
      assert.deepEqual([acme.status, acme.json().tenant, acme.json().color], [201, 'acme', 'red']);
      await call('POST', '/api/projects', { name: 'Anvil', color: 'green' }, 'other');
      const names = async (tenant: string) =>
        (await call('GET', '/api/projects', undefined, tenant)).json().map(({ name }: { name: string }) => name);
      assert.deepEqual([await names('acme'), await names('other')], [['Rocket'], ['Anvil']]);
    });
    it('runs hooks before and after, which may refuse', async () => {
      const [project] = (await call('GET', '/api/projects')).json();
      const created = await call('POST', '/api/tasks', { title: 'Build', project: project._id });
      assert.deepEqual([created.status, created.json().number, created.json().done], [201, 1, false]);
      const orphan = await call('POST', '/api/tasks', { title: 'Build', project: 'none' });
      assert.deepEqual([orphan.status, orphan.json()], [400, { error: 'No such project' }]);
      const invalid = await call('POST', '/api/tasks', { title: '', project: project._id });
      assert.equal(invalid.json()[0].path[0], 'title');
      const kept = await call('DELETE', `/api/projects/${project._id}`);
      assert.deepEqual([kept.status, kept.text], [404, 'The project has tasks']);
      await poll(
        async () => (await space.admin('POST', '/collections/audit/query', {})).json(),
        (list: unknown[]) => list.length === 1,
      );
    });
    it('guards a path by an expression, and validates with Joi', async () => {
      const invite = (json: unknown, user = 'root@example.org') =>
        space.request('/admin/invitations', { method: 'POST', json, headers: { 'x-user': user } });
      const refused = await invite({ email: 'a@example.org' }, 'somebody');
      assert.deepEqual([refused.status, /not an administrator/.test(refused.text)], [500, true]);
      assert.deepEqual((await invite({ email: 'a@example.org' })).json(), { email: 'a@example.org', role: 'member' });
      const invalid = await invite({ email: 'no', role: 'king' });
      assert.deepEqual([invalid.status, invalid.json().errors.length], [422, 2]);
      const debug = await space.request('/admin/debug/settings', { headers: { 'x-user': 'root@example.org' } });
      assert.equal(debug.text, "{ version: '2.1.0', features: { beta: true } }");
    });
    it('describes itself without what it hides', async () => {
      const spec = (await space.request('/openapi.json', { anonymous: true })).json();
      assert.equal(spec.info.version, '2.1.0');
      assert.equal(spec.paths['/admin/invitations'].post.summary, 'Invite somebody');
      assert.equal(spec.paths['/admin/debug/{what}'], undefined);
      assert.ok(spec.paths['/api/tasks'].post);
    });
  });
}
