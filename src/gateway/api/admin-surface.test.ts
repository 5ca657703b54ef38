// Attacks on the administration API: who may call it, from where, with what. Real are guard, sessions, projects and
// routes behind Fastify's inject; the storage is the record commands in memory, the clock a variable.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createClientAddressReader } from '../client-address.ts';
import { type ApiFixture, createApiFixture } from './testing/api-fixture.ts';

let api: ApiFixture;
beforeEach(async () => {
  api = await createApiFixture();
});
afterEach(() => api[Symbol.asyncDispose]());

const inject = (options: { method?: string; url?: string; headers?: Record<string, string>; payload?: string }) =>
  api.fastify.inject({
    method: (options.method ?? 'GET') as 'GET',
    url: options.url ?? '/api/v1/projects',
    headers: { host: '127.0.0.1:3011', ...options.headers },
    ...(options.payload === undefined ? {} : { payload: options.payload }),
  });

function assertRefused(response: { statusCode: number; body: string; headers: object }, status: number, code: string) {
  assert.equal(response.statusCode, status, response.body);
  const { error } = JSON.parse(response.body);
  assert.equal(error.code, code);
  assert.ok(error.message.length > 10);
  assert.equal(typeof error.requestId, 'string');
  const corsHeaders = Object.keys(response.headers).filter((name) => name.startsWith('access-control-'));
  assert.deepEqual(corsHeaders, []);
}

const bearer = () => ({ authorization: `Bearer ${api.token}` });

describe('hosts', () => {
  test('loopback names are served on any port, with a token as bearer or header', async () => {
    for (const host of ['127.0.0.1', '127.0.0.1:3011', 'localhost:80', 'LOCALHOST', '[::1]:3011', 'localhost.']) {
      assert.equal((await inject({ headers: { host, ...bearer() } })).statusCode, 200, host);
    }
    assert.equal((await inject({ headers: { 'x-admintoken': api.token } })).statusCode, 200);
  });

  test('DNS rebinding: a foreign name that points here is refused even with the right token', async () => {
    const hosts = [
      'evil.example.com',
      'evil.example.com:3011',
      '127.0.0.1.evil.com',
      'localhost.evil.com',
      '127.0.0.1.nip.io',
    ];
    for (const host of [
      ...hosts,
      '127.1',
      '2130706433',
      '0.0.0.0',
      '[::]',
      '127.0.0.2',
      'todo.localhost',
      '127.0.0.1@evil.com',
    ]) {
      assertRefused(await inject({ headers: { host, ...bearer() } }), 421, 'misdirected');
    }
  });

  test('a tunnel: its public name is refused, whatever it claims to forward', async () => {
    const headers = {
      host: 'quiet-river.tunnel.example',
      'x-forwarded-host': '127.0.0.1:3011',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
      forwarded: 'for=127.0.0.1;host=127.0.0.1',
    };
    assertRefused(await inject({ headers: { ...headers, ...bearer() } }), 421, 'misdirected');
    assertRefused(await inject({ url: '/', headers }), 421, 'misdirected');
  });

  test('a tunnel that rewrites the host still has no credentials', async () => {
    assertRefused(await inject({ headers: { 'x-forwarded-for': '203.0.113.9' } }), 401, 'unauthenticated');
  });

  test('an admin host is served when the gateway was told so, forwarded ones only from a trusted proxy', async () => {
    await api[Symbol.asyncDispose]();
    const readClientAddress = createClientAddressReader(['127.0.0.1']);
    api = await createApiFixture({ adminHosts: ['admin.example.com'], readClientAddress });
    assert.equal((await inject({ headers: { host: 'Admin.Example.com', ...bearer() } })).statusCode, 200);
    const forwarded = { host: 'internal', 'x-forwarded-host': 'admin.example.com', 'x-forwarded-proto': 'https' };
    assert.equal((await inject({ headers: { ...forwarded, ...bearer() } })).statusCode, 200);
    const browser = { ...forwarded, ...bearer(), origin: 'https://admin.example.com', 'sec-fetch-site': 'same-origin' };
    assert.equal((await inject({ headers: browser })).statusCode, 200);
    assertRefused(await inject({ headers: { ...browser, origin: 'http://admin.example.com' } }), 403, 'forbidden');
  });
});

describe('browsers', () => {
  test('a cross-site form is refused before its body is read', async () => {
    for (const [type, payload] of [
      ['application/x-www-form-urlencoded', 'name=evil'],
      ['text/plain', '{"name":"evil"}'],
      ['multipart/form-data; boundary=x', '--x--'],
    ] as const) {
      const headers = { 'content-type': type, origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' };
      assertRefused(await inject({ method: 'POST', headers, payload }), 403, 'forbidden');
      assertRefused(await inject({ method: 'POST', headers: { ...headers, ...bearer() }, payload }), 403, 'forbidden');
    }
    assert.deepEqual(api.projects.listProjects(), []);
  });

  test('a body that is not JSON is refused even with the token', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...bearer() };
    assertRefused(await inject({ method: 'POST', headers, payload: 'name=evil' }), 400, 'invalid_request');
  });

  test('a page of an app has no way in, wherever the app is served', async () => {
    for (const origin of [
      'http://localhost:3011',
      'http://todo.localhost:3011',
      'http://127.0.0.1:3012',
      'https://127.0.0.1:3011',
      'null',
    ]) {
      assertRefused(await inject({ headers: { origin, ...bearer() } }), 403, 'forbidden');
    }
    // The app's own origin is `localhost`; there even a same-origin request is an app's.
    const own = { host: 'localhost:3011', origin: 'http://localhost:3011', 'sec-fetch-site': 'same-origin' };
    assertRefused(await inject({ headers: { ...own, ...bearer() } }), 403, 'forbidden');
    const get = { host: 'localhost:3011', 'sec-fetch-site': 'same-origin', ...bearer() };
    assertRefused(await inject({ headers: get }), 403, 'forbidden');
  });

  test('requests without origin but from another site are refused', async () => {
    for (const site of ['cross-site', 'same-site', 'nonsense']) {
      assertRefused(await inject({ headers: { 'sec-fetch-site': site, ...bearer() } }), 403, 'forbidden');
    }
  });

  test('a preflight gets no CORS answer', async () => {
    const headers = { origin: 'https://evil.example.com', 'access-control-request-method': 'POST' };
    const response = await inject({ method: 'OPTIONS', headers });
    assertRefused(response, 403, 'forbidden');
  });
});

describe('credentials', () => {
  test('missing, wrong, expired and revoked ones are refused', async () => {
    const { call, projects, clock, token } = api;
    assertRefused(await inject({}), 401, 'unauthenticated');
    assertRefused(await inject({ headers: { authorization: 'Basic eDp5' } }), 401, 'unauthenticated');
    const made = await call('POST', '/admin-tokens', { description: 'ci', expiresAt: clock.nowMs + 5000 });
    const headers = { authorization: `Bearer ${made.body.secret}` };
    assert.equal((await inject({ headers })).statusCode, 200);
    clock.nowMs += 5000;
    assertRefused(await inject({ headers }), 401, 'unauthenticated');
    const second = await call('POST', '/admin-tokens', {});
    await call('DELETE', `/admin-tokens/${second.body.id}`);
    assertRefused(await inject({ headers: { 'x-admintoken': second.body.secret } }), 401, 'unauthenticated');
    assert.ok(!JSON.stringify(await call('GET', '/admin-tokens')).includes(token));
    assert.equal(projects.listAdminTokens().length, 2);
  });

  test('guessing is throttled per token, and locks out nobody else', async () => {
    const [, id] = api.token.split('_');
    const guess = (secret: string) =>
      inject({ headers: { authorization: `Bearer tka_${id}_${secret.padEnd(43, 'x')}` } });
    for (let attempt = 0; attempt < 10; attempt++) assertRefused(await guess(`${attempt}`), 401, 'unauthenticated');
    const refused = await guess('again');
    assertRefused(refused, 429, 'throttled');
    assert.equal(refused.headers['retry-after'], '60');
    const { body } = await (async () => {
      api.clock.nowMs += 61_000;
      const made = await api.call('POST', '/admin-tokens', {});
      for (let attempt = 0; attempt < 11; attempt++) await guess(`${attempt}`);
      return made;
    })();
    assertRefused(await inject({ headers: bearer() }), 429, 'throttled');
    assert.equal((await inject({ headers: { 'x-admintoken': body.secret } })).statusCode, 200);
    api.clock.nowMs += 61_000;
    assert.equal((await inject({ headers: bearer() })).statusCode, 200);
  });

  test('unknown tokens are throttled together, known ones go on', async () => {
    for (let attempt = 0; attempt < 10; attempt++) {
      await inject({ headers: { 'x-admintoken': `old-${attempt}` } });
    }
    assertRefused(await inject({ headers: { 'x-admintoken': 'old' } }), 429, 'throttled');
    assert.equal((await inject({ headers: bearer() })).statusCode, 200);
  });

  test('a token of one project sees and changes nothing else', async () => {
    const { call } = api;
    const mine = (await call('POST', '/projects', { name: 'mine' })).body.id;
    const other = (await call('POST', '/projects', { name: 'other' })).body.id;
    const { secret } = (await call('POST', '/admin-tokens', { project: mine })).body;
    const as = (method: string, path: string, body?: unknown) =>
      call(method, path, body, { headers: { authorization: `Bearer ${secret}` } });
    assert.deepEqual(
      (await as('GET', '/projects')).body.projects.map(({ id }: { id: string }) => id),
      [mine],
    );
    assert.equal((await as('POST', `/projects/${mine}/spaces`, { name: 'prod' })).status, 201);
    const forbidden: [string, string, unknown?][] = [
      ['GET', `/projects/${other}`],
      ['GET', '/projects/does-not-exist'],
      ['DELETE', `/projects/${mine}`],
      ['POST', `/projects/${other}/spaces`, { name: 'x' }],
      ['GET', `/projects/${other}/spaces/dev/tokens`],
      ['POST', '/projects', { name: 'x' }],
      ['PUT', `/projects/${mine}/spaces/dev/egress`, { cidrs: ['0.0.0.0/0'] }],
      ['PUT', `/projects/${mine}/spaces/dev/quotas`, { maxBytes: null }],
      ['POST', '/domains', { host: 'x.example.com', project: mine }],
      ['GET', '/admin-tokens'],
      ['POST', '/admin-tokens', {}],
      ['GET', '/audit'],
      ['GET', '/status'],
      ['POST', '/backup', {}],
      ['POST', '/sign-in-links', {}],
    ];
    for (const [method, path, body] of forbidden) {
      const answer = await as(method, path, body);
      assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
    }
    const info = (await as('GET', '/info')).body;
    assert.equal(info.home, undefined);
    assert.deepEqual(info.token.scope, { kind: 'project', projectId: mine });
  });

  test('unknown paths tell nothing to those without credentials', async () => {
    assertRefused(await inject({ url: '/api/v1/nothing' }), 401, 'unauthenticated');
    assertRefused(await inject({ url: '/api/v1/nothing', headers: bearer() }), 404, 'not_found');
  });
});

describe('sessions of pages', () => {
  async function signIn(): Promise<{ cookie: string; link: URL }> {
    const link = new URL((await api.call('POST', '/sign-in-links')).body.url);
    const response = await inject({ url: link.pathname + link.search, headers: { 'sec-fetch-site': 'none' } });
    assert.equal(response.statusCode, 303);
    assert.equal(response.headers.location, '/');
    return { cookie: String(response.headers['set-cookie']), link };
  }
  const cookieOf = (header: string) => header.split(';')[0]!;

  test('a link signs in once, with a cookie that no script reads and no other site sends', async () => {
    const { cookie, link } = await signIn();
    assert.match(cookie, /^tackle_session_3011=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    assertRefused(await inject({ url: link.pathname + link.search }), 401, 'unauthenticated');
    const session = await inject({ url: '/api/v1/session', headers: { cookie: cookieOf(cookie) } });
    assert.equal(JSON.parse(session.body).actor.kind, 'session');
  });

  test('a link is good for ten minutes, on the origin of the pages only', async () => {
    const link = new URL((await api.call('POST', '/sign-in-links')).body.url);
    const url = link.pathname + link.search;
    assertRefused(await inject({ url, headers: { host: 'localhost:3011' } }), 403, 'forbidden');
    assertRefused(await inject({ url, headers: { 'sec-fetch-site': 'cross-site' } }), 403, 'forbidden');
    api.clock.nowMs += 10 * 60_000;
    assertRefused(await inject({ url }), 401, 'unauthenticated');
  });

  test('changes need the CSRF token and the own origin', async () => {
    const { cookie } = await signIn();
    const headers = { cookie: cookieOf(cookie), 'content-type': 'application/json' };
    const { csrfToken } = JSON.parse(
      (await inject({ url: '/api/v1/session', headers: { cookie: headers.cookie } })).body,
    );
    const post = (extra: Record<string, string>) =>
      inject({ method: 'POST', headers: { ...headers, ...extra }, payload: '{"name":"todo"}' });
    assertRefused(await post({}), 403, 'forbidden');
    assertRefused(await post({ 'x-csrf-token': 'wrong' }), 403, 'forbidden');
    assertRefused(await post({ 'x-csrf-token': csrfToken, origin: 'http://localhost:3011' }), 403, 'forbidden');
    const own = { 'x-csrf-token': csrfToken, origin: 'http://127.0.0.1:3011', 'sec-fetch-site': 'same-origin' };
    assert.equal((await post(own)).statusCode, 201);
    const [entry] = await api.projects.audit.list({ limit: 1 });
    assert.equal(entry?.actor.kind, 'session');
  });

  test('the cookie is worth nothing on the origin of apps', async () => {
    const { cookie } = await signIn();
    const headers = { cookie: cookieOf(cookie), host: 'localhost:3011' };
    assertRefused(await inject({ headers }), 401, 'unauthenticated');
  });

  test('a session ends by signing out, with its token, and with time', async () => {
    const first = cookieOf((await signIn()).cookie);
    const { csrfToken } = JSON.parse((await inject({ url: '/api/v1/session', headers: { cookie: first } })).body);
    const out = await inject({
      method: 'DELETE',
      url: '/api/v1/session',
      headers: { cookie: first, 'x-csrf-token': csrfToken },
    });
    assert.equal(out.statusCode, 204);
    assert.match(String(out.headers['set-cookie']), /Max-Age=0$/);
    assertRefused(await inject({ headers: { cookie: first } }), 401, 'unauthenticated');

    const second = cookieOf((await signIn()).cookie);
    api.clock.nowMs += 12 * 3_600_000;
    assertRefused(await inject({ headers: { cookie: second } }), 401, 'unauthenticated');

    const other = (await api.call('POST', '/admin-tokens', {})).body;
    const third = cookieOf((await signIn()).cookie);
    const [, id] = api.token.split('_');
    await api.call('DELETE', `/admin-tokens/${id}`, undefined, {
      headers: { authorization: `Bearer ${other.secret}` },
    });
    assertRefused(await inject({ headers: { cookie: third } }), 401, 'unauthenticated');
  });
});

describe('the landing page', () => {
  test('shows what runs here, escapes what users wrote, and allows nothing but its own style', async () => {
    await api.call('POST', '/projects', { name: 'todo', description: '<script>alert(1)</script>' });
    const response = await inject({ url: '/' });
    assert.equal(response.statusCode, 200);
    const [space] = api.projects.listSpaces(api.projects.listProjects()[0]!.id);
    assert.ok(response.body.includes(`http://${space!.projectId}.localhost:3011/dev`));
    assert.ok(!response.body.includes('<script'));
    assert.ok(!response.body.includes(api.projects.listTokens(space!.id)[0]!.key));
    const csp = String(response.headers['content-security-policy']);
    assert.match(
      csp,
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
  });

  test('is reached by a link from anywhere, but not under a foreign name', async () => {
    assert.equal((await inject({ url: '/', headers: { 'sec-fetch-site': 'cross-site' } })).statusCode, 200);
    assertRefused(await inject({ url: '/', headers: { host: 'evil.example.com' } }), 421, 'misdirected');
  });
});
