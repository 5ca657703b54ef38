// The routes for projects, spaces and their settings, by the shapes of docs/api.md. Real are guard, projects and routes
// behind Fastify's inject; the storage is the record commands in memory.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type ApiFixture, createApiFixture } from './testing/api-fixture.ts';

let api: ApiFixture;
let project: string;
let S: string;
beforeEach(async () => {
  api = await createApiFixture();
  project = (await api.call('POST', '/projects', { name: 'todo' })).body.id;
  S = `/projects/${project}/spaces/dev`;
});
afterEach(() => api[Symbol.asyncDispose]());

test('a project comes with URLs, a space and a token, and is found by either name', async () => {
  const { body } = await api.call('GET', '/projects/todo');
  assert.equal(body.id, project);
  assert.equal(body.url, `http://${project}.localhost:3011`);
  const [space] = body.spaces;
  assert.equal(space.name, 'dev');
  assert.deepEqual(space.urls, {
    spaceBound: `http://${space.hostLabel}.localhost:3011`,
    project: `http://${project}.localhost:3011/dev`,
    path: `http://localhost:3011/p/${project}/dev`,
    domains: [],
  });
  assert.equal(space.tokens.length, 1);
  assert.deepEqual(Object.keys(space.tokens[0]).sort(), [
    'access',
    'createdAt',
    'description',
    'expiresAt',
    'key',
    'lastUsedAt',
  ]);
});

test('names that are not there are answered with what is', async () => {
  const noProject = await api.call('GET', '/projects/nope');
  assert.equal(noProject.status, 404);
  assert.match(noProject.body.error.message, new RegExp(project));
  const noSpace = await api.call('GET', `/projects/${project}/spaces/nope`);
  assert.equal(noSpace.status, 404);
  assert.match(noSpace.body.error.message, /spaces: dev/);
  const second = (await api.call('POST', '/projects', { name: 'todo' })).body;
  assert.equal(second.shortName, null, 'the first one keeps its address');
  assert.equal((await api.call('GET', `/projects/${project}`)).body.shortName, 'todo');
  const ambiguous = await api.call('GET', '/projects/todo');
  assert.equal(ambiguous.status, 404);
  assert.match(ambiguous.body.error.message, /Several projects/);
});

test('bodies are checked: types, unknown fields, JSON', async () => {
  const cases: [unknown, string][] = [
    [{ name: 5 }, 'invalid_request'],
    [{}, 'invalid_request'],
    [{ name: 'x', nmae: 'y' }, 'invalid_request'],
    [[], 'invalid_request'],
    [{ name: 'No' }, 'invalid_name'],
  ];
  for (const [body, code] of cases) {
    const answer = await api.call('POST', '/projects', body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(answer.body.error.code, code);
  }
  const headers = { 'content-type': 'application/json' };
  const broken = await api.call('POST', '/projects', '{"name":', { headers });
  assert.equal(broken.body.error.code, 'invalid_json');
  const empty = await api.call('POST', '/projects', undefined, { headers });
  assert.equal(empty.body.error.code, 'invalid_request');
  assert.equal(api.errors.length, 0);
});

test('spaces are created and removed', async () => {
  assert.equal((await api.call('POST', `/projects/${project}/spaces`, { name: 'prod' })).status, 201);
  assert.equal((await api.call('POST', `/projects/${project}/spaces`, { name: 'prod' })).status, 409);
  assert.equal((await api.call('POST', `/projects/${project}/spaces`, { name: 'api' })).status, 400);
  assert.equal((await api.call('DELETE', `/projects/${project}/spaces/prod`)).status, 204);
  const { body } = await api.call('GET', `/projects/${project}/spaces`);
  assert.deepEqual(
    body.spaces.map(({ name }: { name: string }) => name),
    ['dev'],
  );
  assert.equal((await api.call('DELETE', `/projects/${project}`)).status, 204);
  assert.equal((await api.call('GET', `/projects/${project}`)).status, 404);
});

test('tokens, variables, JWKS, allow-list, networks and quotas', async () => {
  const token = (await api.call('POST', `${S}/tokens`, { access: 'READ', description: 'x' })).body;
  assert.equal(token.access, 'READ');
  assert.equal((await api.call('POST', `${S}/tokens`)).body.access, 'READWRITE');
  assert.equal((await api.call('DELETE', `${S}/tokens/${token.key}`)).status, 204);
  assert.equal((await api.call('DELETE', `${S}/tokens/${token.key}`)).status, 404);

  const secret = (await api.call('PUT', `${S}/env/KEY`, { value: 's', encrypted: true })).body;
  assert.deepEqual(secret, { key: 'KEY', value: null, encrypted: true });
  assert.deepEqual((await api.call('GET', `${S}/env`)).body, { env: [secret] });
  assert.equal((await api.call('DELETE', `${S}/env/KEY`)).status, 204);
  assert.equal((await api.call('PUT', `${S}/env/A-B`, { value: 's' })).status, 400);

  assert.deepEqual((await api.call('PUT', `${S}/jwks`, { url: 'https://x.example.com/k' })).body, {
    url: 'https://x.example.com/k',
  });
  assert.deepEqual((await api.call('PUT', `${S}/jwks`, { url: '' })).body, { url: null });

  assert.deepEqual((await api.call('POST', `${S}/allowed-hosts`, { host: '10.0.0.0/8' })).body, {
    allowedHosts: ['10.0.0.0/8'],
  });
  assert.deepEqual((await api.call('DELETE', `${S}/allowed-hosts/10.0.0.0%2F8`)).body, { allowedHosts: [] });

  assert.deepEqual((await api.call('PUT', `${S}/egress`, { cidrs: ['10.0.0.0/8'] })).body, { cidrs: ['10.0.0.0/8'] });
  assert.equal((await api.call('PUT', `${S}/quotas`, { maxBytes: 5 })).body.maxBytes, 5);
  assert.equal((await api.call('PUT', `${S}/quotas`, { maxBytes: -5 })).status, 400);
  assert.equal((await api.call('PUT', `${S}/quotas`, { maxBites: 5 })).status, 400);
});

test('domains lead to a project or a space and show in its URLs', async () => {
  const made = await api.call('POST', '/domains', { host: 'Api.example.com', project: 'todo', space: 'dev' });
  assert.equal(made.status, 201);
  assert.equal(made.body.host, 'api.example.com');
  assert.equal(made.body.space, 'dev');
  assert.equal((await api.call('POST', '/domains', { host: 'localhost', project: 'todo' })).status, 400);
  assert.deepEqual((await api.call('GET', S)).body.urls.domains, ['http://api.example.com:3011']);
  assert.equal((await api.call('GET', '/domains?project=todo')).body.domains.length, 1);
  assert.equal((await api.call('DELETE', '/domains/api.example.com')).status, 204);
  assert.equal((await api.call('DELETE', '/domains/api.example.com')).status, 404);
});

test('the last admin token of the gateway cannot lock everybody out', async () => {
  const [token] = (await api.call('GET', '/admin-tokens')).body.adminTokens;
  assert.equal((await api.call('DELETE', `/admin-tokens/${token.id}`)).status, 409);
});

test('the audit record is paged', async () => {
  await api.call('PUT', `${S}/env/A`, { value: '1' });
  const first = (await api.call('GET', '/audit?limit=1')).body;
  assert.equal(first.entries[0].action, 'env.set');
  assert.equal(first.entries[0].target, `${project}/dev/A`);
  const second = (await api.call('GET', `/audit?limit=1&before=${encodeURIComponent(first.next)}`)).body;
  assert.equal(second.entries[0].action, 'project.create');
  assert.equal((await api.call('GET', '/audit?limit=0')).status, 400);
  assert.equal((await api.call('GET', '/audit?limit=5000')).status, 400);
});

test('a failure inside is answered without its text, and reported with the request id', async () => {
  const broken = await createApiFixture({
    logs: {
      tail: () => Promise.reject(new Error('secret detail')),
      follow: () => () => undefined,
    },
  });
  await using _ = broken;
  const { id } = (await broken.call('POST', '/projects', { name: 'x' })).body;
  const answer = await broken.call('GET', `/projects/${id}/spaces/dev/logs`);
  assert.equal(answer.status, 500);
  assert.equal(answer.body.error.code, 'internal');
  assert.ok(!answer.text.includes('secret detail'));
  assert.equal(broken.errors.length, 1);
});
