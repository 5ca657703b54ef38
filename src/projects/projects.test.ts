// Projects over the record commands in memory; real are the directory, the changes, the audit trail and AES-GCM.
// Fake are the clock (a variable) and outgoing HTTP (a function that answers with a key set).
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { TackleError } from '../core/errors.ts';
import type { OutboundHttp, OutboundRequest } from '../ports/outbound-http.ts';
import type { Storage } from '../ports/storage.ts';
import { type Actor, createProjects, createSecrets, type Project, type Projects, type Space } from './index.ts';
import { createMemoryRecords } from './testing/memory-records.ts';

const actor: Actor = { kind: 'admin-token', id: 't1', name: 'test', address: '127.0.0.1' };
const secrets = createSecrets(Buffer.alloc(32, 7));
const DAY_MS = 86_400_000;

let storage: Storage;
let nowMs: number;
let projects: Projects;
let requests: OutboundRequest[];
let answer: () => { status: number; body: string };

const http: OutboundHttp = {
  async request(request) {
    requests.push(request);
    const { status, body } = answer();
    const stream = new Blob([body]).stream();
    return { status, headers: [], url: request.url, redirected: false, body: stream };
  },
  [Symbol.asyncDispose]: async () => undefined,
};

const open = (options = {}) =>
  createProjects(
    { storage, secrets, http },
    { clock: { now: () => nowMs }, reservedHosts: ['admin.example.com'], ...options },
  );

beforeEach(async () => {
  storage = createMemoryRecords();
  nowMs = Date.UTC(2026, 10, 20);
  requests = [];
  answer = () => ({ status: 500, body: '' });
  projects = await open();
});

async function createTodo(): Promise<{ project: Project; space: Space }> {
  const project = await projects.admin.createProject({ name: 'todo' }, actor);
  return { project, space: projects.findSpace(project.id, 'dev')! };
}

const rejectsWith = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error: unknown) => error instanceof TackleError && error.code === code);

describe('projects and spaces', () => {
  test('a new project has a unique name, the space dev, a host of its own and one token', async () => {
    const { project, space } = await createTodo();
    assert.match(project.id, /^todo-[0-9a-f]{4}$/);
    assert.match(space.hostLabel, /^[a-z]+-[a-z]+-[0-9a-f]{4}$/);
    const [token, ...others] = projects.listTokens(space.id);
    assert.equal(others.length, 0);
    assert.equal(token?.access, 'READWRITE');
    assert.deepEqual(projects.authenticateToken(space.id, token!.key), { key: token!.key, access: 'READWRITE' });
  });

  test('a given name finds its project while only one has it, the unique name always', async () => {
    const { project } = await createTodo();
    assert.equal(projects.findProject('todo')?.id, project.id);
    const second = await projects.admin.createProject({ name: 'todo' }, actor);
    assert.equal(projects.findProject('todo'), null);
    assert.equal(projects.findProject(second.id)?.id, second.id);
    assert.equal(projects.listProjectsNamed('todo').length, 2);
    await projects.admin.removeProject(second.id, actor);
    assert.equal(projects.findProject('todo')?.id, project.id);
  });

  test('a project keeps the addresses of its given name when another one is created under that name', async () => {
    const { project } = await createTodo();
    // A clock that is set right.
    nowMs -= 5_000;
    const second = await projects.admin.createProject({ name: 'todo' }, actor);
    const hostOf = (label: string) => {
      const target = projects.resolveHost(`${label}.localhost`);
      return target?.kind === 'project' ? target.project.id : null;
    };
    assert.equal(projects.findProjectAt('todo')?.id, project.id);
    assert.equal(hostOf('todo'), project.id);
    assert.equal(hostOf(second.id), second.id);
    await projects.admin.removeProject(project.id, actor);
    assert.equal(projects.findProjectAt('todo')?.id, second.id);
    assert.equal(hostOf('todo'), second.id);
  });

  test('names that break URLs, hosts or the gateway are refused', async () => {
    const { project } = await createTodo();
    for (const name of ['', 'A', 'a_b', '-a', 'a-', 'a'.repeat(41), 'a.b', 'ä', 'a/b']) {
      await rejectsWith(projects.admin.createProject({ name }, actor), 'invalid_name');
    }
    const reserved = [
      'health',
      'p',
      'api',
      'hooks',
      'webhook',
      'plugins',
      'mcp',
      'llms.txt',
      'chat',
      '_A_D_M_x',
      '_a_d_m_',
    ];
    for (const name of [...reserved, '', '..', 'a/b', '-a', '_x', 'a'.repeat(41), 'a b']) {
      await rejectsWith(projects.admin.createSpace({ projectId: project.id, name }, actor), 'invalid_name');
    }
    await rejectsWith(projects.admin.createSpace({ projectId: project.id, name: 'dev' }, actor), 'conflict');
    await rejectsWith(projects.admin.createSpace({ projectId: 'none', name: 'x' }, actor), 'not_found');
  });

  test('two creations of the same space at once: one wins', async () => {
    const { project } = await createTodo();
    const create = () => projects.admin.createSpace({ projectId: project.id, name: 'prod' }, actor);
    const results = await Promise.allSettled([create(), create()]);
    assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  });

  test('a project cannot take the generated host name of a space', async () => {
    const { space } = await createTodo();
    await rejectsWith(projects.admin.createProject({ name: space.hostLabel }, actor), 'conflict');
  });

  test('a removed space takes its tokens, variables and domains along, and its data is purged even after a crash', async () => {
    const { project, space } = await createTodo();
    const [token] = projects.listTokens(space.id);
    await projects.admin.setEnv({ spaceId: space.id, key: 'A', value: '1', encrypted: true }, actor);
    await projects.admin.addDomain({ host: 'todo.example.com', projectId: project.id, spaceId: space.id }, actor);
    await projects.admin.removeSpace(space.id, actor);
    assert.equal(projects.getSpace(space.id), null);
    assert.equal(projects.authenticateToken(space.id, token!.key), null);
    assert.equal(projects.resolveHost('todo.example.com'), null);
    assert.deepEqual(projects.getEnv(space.id), {});

    const again = await projects.admin.createSpace({ projectId: project.id, name: 'dev' }, actor);
    assert.notEqual(again.id, space.id);
    const purged: string[] = [];
    await using reopened = await open({ purgeSpace: async (spaceId: string) => void purged.push(spaceId) });
    await reopened.maintain();
    await reopened.maintain();
    assert.deepEqual(purged, [space.id]);
    for (const type of ['token', 'env', 'domain']) {
      const left = await storage.read({ kind: 'record.list', type, prefix: '', limit: 10 });
      assert.equal(left.filter(({ key }) => key.startsWith(space.id) || key === 'todo.example.com').length, 0);
    }
  });
});

describe('hosts', () => {
  test('every kind of host leads to its project or space', async () => {
    const { project, space } = await createTodo();
    await projects.admin.addDomain({ host: 'API.Example.com', projectId: project.id, spaceId: null }, actor);
    await projects.admin.addDomain({ host: 'dev.example.com', projectId: project.id, spaceId: space.id }, actor);
    for (const host of [
      `${project.id}.api.codehooks.io`,
      `${project.id}.api.codehooks.local.io`,
      `${project.id}.localhost:3011`,
      'TODO.LOCALHOST',
      'todo.localhost.',
      'api.example.com:8443',
    ]) {
      assert.deepEqual(projects.resolveHost(host), { kind: 'project', project }, host);
    }
    for (const host of [`${space.hostLabel}.codehooks.io`, `${space.hostLabel}.localhost:1`, 'dev.example.com']) {
      assert.deepEqual(projects.resolveHost(host), { kind: 'space', project, space }, host);
    }
    for (const host of ['localhost', 'LocalHost:3011', '127.0.0.1:3011', '[::1]', '[::1]:3011']) {
      assert.deepEqual(projects.resolveHost(host), { kind: 'local', project }, host);
    }
  });

  test('what is not served has no target', async () => {
    const { project } = await createTodo();
    const hosts = [
      'evil.example.com',
      'a.todo.localhost',
      'todo.api.codehooks.io.evil.com',
      '127.0.0.2',
      '[::2]',
      '0.0.0.0',
      'localhost.evil.com',
      '',
      'todo.localhost@evil.com',
      'todo.localhost/x',
      'todo .localhost',
      '[::1',
      `${project.id}.codehooks.io`,
    ];
    for (const host of hosts) assert.equal(projects.resolveHost(host), null, host);
  });

  test('localhost names no project when there are two', async () => {
    await createTodo();
    await projects.admin.createProject({ name: 'shop' }, actor);
    assert.deepEqual(projects.resolveHost('localhost'), { kind: 'local', project: null });
  });

  test('domains that would take over the gateway or another project are refused', async () => {
    const { project } = await createTodo();
    const add = (host: string) => projects.admin.addDomain({ host, projectId: project.id, spaceId: null }, actor);
    for (const host of [
      'localhost',
      '127.0.0.1',
      '[::1]',
      'x.localhost',
      'a.api.codehooks.io',
      '*.example.com',
      'a b',
      '',
      'x:80',
    ]) {
      await rejectsWith(add(host), 'invalid_name');
    }
    await rejectsWith(add('admin.example.com'), 'conflict');
    await add('x.example.com');
    await rejectsWith(add('X.example.com'), 'conflict');
  });

  test('no host header makes the lookup throw', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (host) => {
        projects.resolveHost(host);
      }),
    );
  });
});

describe('settings', () => {
  test('an encrypted variable is masked in lists, plain for the app, and unreadable in the storage', async () => {
    const { space } = await createTodo();
    await projects.admin.setEnv({ spaceId: space.id, key: 'PLAIN', value: 'p1', encrypted: false }, actor);
    await projects.admin.setEnv({ spaceId: space.id, key: 'SECRET', value: 's3cr3t', encrypted: true }, actor);
    assert.deepEqual(projects.listEnv(space.id), [
      { key: 'PLAIN', value: 'p1', encrypted: false },
      { key: 'SECRET', value: null, encrypted: true },
    ]);
    assert.deepEqual(projects.getEnv(space.id), { PLAIN: 'p1', SECRET: 's3cr3t' });
    assert.equal(projects.getEnv(space.id), projects.getEnv(space.id));
    const everything = JSON.stringify(await dumpRecords());
    assert.ok(!everything.includes('s3cr3t'));
    assert.ok(!everything.includes(projects.listTokens(space.id)[0]!.key));
    await projects.admin.removeEnv(space.id, 'SECRET', actor);
    assert.deepEqual(projects.getEnv(space.id), { PLAIN: 'p1' });
    await rejectsWith(projects.admin.removeEnv(space.id, 'SECRET', actor), 'not_found');
    await rejectsWith(
      projects.admin.setEnv({ spaceId: space.id, key: '1x', value: '', encrypted: false }, actor),
      'invalid_name',
    );
  });

  test('everything is the same after a restart', async () => {
    const { project, space } = await createTodo();
    await projects.admin.setEnv({ spaceId: space.id, key: 'K', value: 'v', encrypted: true }, actor);
    await projects.admin.addAllowedHost(space.id, '10.1.2.3', actor);
    await projects.admin.setQuotas(space.id, { maxBytes: 10 }, actor);
    await projects.admin.addDomain({ host: 'x.example.com', projectId: project.id, spaceId: null }, actor);
    projects.authenticateToken(space.id, projects.listTokens(space.id)[0]!.key);
    const { token } = await projects.admin.createAdminToken({ scope: { kind: 'home' } }, actor);
    await projects[Symbol.asyncDispose]();
    await using reopened = await open();
    const view = (from: Projects) => ({
      projects: from.listProjects(),
      spaces: from.listSpaces(project.id),
      tokens: from.listTokens(space.id),
      env: from.getEnv(space.id),
      domains: from.listDomains(),
      adminTokens: from.listAdminTokens(),
    });
    assert.deepEqual(view(reopened), view(projects));
    assert.equal(reopened.listTokens(space.id)[0]?.lastUsedAt, nowMs);
    assert.equal(reopened.listAdminTokens()[0]?.id, token.id);
  });

  test('an allow-list of addresses and networks decides who may call, also in IPv6 spelling', async () => {
    const { space } = await createTodo();
    assert.ok(projects.isAllowedAddress(space.id, '8.8.8.8'));
    await projects.admin.addAllowedHost(space.id, '10.0.0.0/8', actor);
    await projects.admin.addAllowedHost(space.id, '1.2.3.4', actor);
    assert.ok(projects.isAllowedAddress(space.id, '10.255.0.1'));
    assert.ok(projects.isAllowedAddress(space.id, '::ffff:1.2.3.4'));
    assert.ok(!projects.isAllowedAddress(space.id, '1.2.3.5'));
    assert.ok(!projects.isAllowedAddress(space.id, '::1'));
    assert.ok(!projects.isAllowedAddress(space.id, 'garbage'));
    await projects.admin.removeAllowedHost(space.id, '10.0.0.0/8', actor);
    assert.ok(!projects.isAllowedAddress(space.id, '10.255.0.1'));
    for (const host of ['x', '1.2.3', '1.2.3.4/33', '1.2.3.4/8/8', '::1', '01.2.3.4']) {
      await rejectsWith(projects.admin.addAllowedHost(space.id, host, actor), 'invalid_request');
    }
  });

  test('quotas, networks and JWKS URLs are checked before they are stored', async () => {
    const { space } = await createTodo();
    const changed = await projects.admin.setQuotas(space.id, { maxDocuments: 5, maxRequestsPerSecond: null }, actor);
    assert.equal(changed.quotas.maxDocuments, 5);
    assert.equal(changed.quotas.maxBytes, null);
    await rejectsWith(projects.admin.setQuotas(space.id, { maxBytes: -1 }, actor), 'invalid_request');
    await rejectsWith(projects.admin.setQuotas(space.id, { maxBytes: 1.5 }, actor), 'invalid_request');
    await rejectsWith(projects.admin.setEgressCidrs(space.id, ['10.0.0.0/99'], actor), 'invalid_request');
    for (const url of ['http://example.com/jwks', 'ftp://x', 'nope', 'https://u:p@example.com/']) {
      await rejectsWith(projects.admin.setJwksUrl(space.id, url, actor), 'invalid_request');
    }
  });
});

describe('tokens', () => {
  test('expiry, revocation and foreign spaces are refused, last use is noted', async () => {
    const { project, space } = await createTodo();
    const other = await projects.admin.createSpace({ projectId: project.id, name: 'prod' }, actor);
    const token = await projects.admin.createToken(
      { spaceId: space.id, access: 'READ', description: 'phone', expiresAt: nowMs + 1000 },
      actor,
    );
    assert.equal(projects.authenticateToken(space.id, token.key)?.access, 'READ');
    assert.equal(projects.authenticateToken(other.id, token.key), null);
    assert.equal(projects.listTokens(space.id).find(({ key }) => key === token.key)?.lastUsedAt, nowMs);
    nowMs += 1000;
    assert.equal(projects.authenticateToken(space.id, token.key), null);
    await projects.admin.removeToken(space.id, token.key, actor);
    await rejectsWith(projects.admin.removeToken(space.id, token.key, actor), 'not_found');
    await rejectsWith(
      projects.admin.createToken({ spaceId: space.id, access: 'READ', expiresAt: nowMs }, actor),
      'invalid_request',
    );
  });

  test('an admin token is shown once, kept as a hash, and revocable', async () => {
    const { token, secret } = await projects.admin.createAdminToken(
      { scope: { kind: 'home' }, description: 'ci' },
      actor,
    );
    const grant = projects.authenticateAdmin(secret);
    assert.equal(grant.status === 'granted' && grant.token.id, token.id);
    const stored = JSON.stringify(await dumpRecords());
    assert.ok(!stored.includes(secret) && !stored.includes(secret.split('_')[2]!));
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
    assert.deepEqual(projects.authenticateAdmin(wrong), { status: 'refused', reason: 'wrong', tokenId: token.id });
    assert.deepEqual(projects.authenticateAdmin('x'), { status: 'refused', reason: 'unknown', tokenId: null });
    await projects.admin.removeAdminToken(token.id, actor);
    assert.equal(projects.authenticateAdmin(secret).status, 'refused');
  });

  test('tokens of a project end with it', async () => {
    const { project } = await createTodo();
    const scope = { kind: 'project', projectId: project.id } as const;
    const { secret } = await projects.admin.createAdminToken({ scope }, actor);
    assert.equal(projects.authenticateAdmin(secret).status, 'granted');
    await projects.admin.removeProject(project.id, actor);
    assert.equal(projects.authenticateAdmin(secret).status, 'refused');
  });
});

describe('audit', () => {
  test('every change has an entry in its commit, without secret values, newest first, paged', async () => {
    const { space } = await createTodo();
    await projects.admin.setEnv({ spaceId: space.id, key: 'K', value: 'hidden-value', encrypted: true }, actor);
    await projects.admin.setEnv({ spaceId: space.id, key: 'L', value: 'hidden-too', encrypted: false }, actor);
    await projects.audit.append({ actor, action: 'deployment.create', target: 'todo/dev', details: { version: 1 } });
    const entries = await projects.audit.list({ limit: 10 });
    assert.deepEqual(
      entries.map((entry) => entry.action),
      ['deployment.create', 'env.set', 'env.set', 'project.create'],
    );
    assert.ok(!JSON.stringify(entries).includes('hidden'));
    const [first] = await projects.audit.list({ limit: 1 });
    const rest = await projects.audit.list({ limit: 10, before: first!.id });
    assert.deepEqual(rest, entries.slice(1));
    await rejectsWith(projects.audit.list({ limit: 1, before: 'x' }), 'invalid_request');
  });

  test('a refused change leaves no entry', async () => {
    await rejectsWith(projects.admin.createProject({ name: 'NO' }, actor), 'invalid_name');
    assert.deepEqual(await projects.audit.list({ limit: 10 }), []);
  });

  test('entries go after their retention, by the day', async () => {
    await createTodo();
    nowMs += 91 * DAY_MS;
    await projects.admin.createProject({ name: 'later' }, actor);
    await projects.maintain();
    const entries = await projects.audit.list({ limit: 10 });
    assert.deepEqual(
      entries.map((entry) => entry.details),
      [{ name: 'later' }],
    );
  });
});

test('listeners hear of a change after the directory shows it', async () => {
  const { space } = await createTodo();
  const seen: unknown[] = [];
  const stop = projects.onChange((change) => seen.push([change.kind, change.action, projects.getEnv(space.id)]));
  await projects.admin.setEnv({ spaceId: space.id, key: 'A', value: '1', encrypted: false }, actor);
  stop();
  await projects.admin.removeEnv(space.id, 'A', actor);
  assert.deepEqual(seen, [['env', 'created', { A: '1' }]]);
});

describe('JWT by JWKS', () => {
  const url = 'https://issuer.example.com/jwks.json';

  async function createSigner(kid: string) {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256' };
    const sign = (expiresAtMs: number, claims = {}) =>
      new SignJWT({ sub: 'u1', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid })
        .setExpirationTime(Math.floor(expiresAtMs / 1000))
        .sign(privateKey);
    return { jwk, sign };
  }

  test('a token of the issuer is accepted until it expires; the key set is fetched once', async () => {
    const { space } = await createTodo();
    const signer = await createSigner('k1');
    answer = () => ({ status: 200, body: JSON.stringify({ keys: [signer.jwk] }) });
    const token = await signer.sign(nowMs + 60_000);
    assert.equal(await projects.verifyJwt(space.id, token), null);
    await projects.admin.setJwksUrl(space.id, url, actor);
    const claims = await Promise.all([projects.verifyJwt(space.id, token), projects.verifyJwt(space.id, token)]);
    assert.deepEqual(
      claims.map((claim) => claim?.sub),
      ['u1', 'u1'],
    );
    assert.equal(requests.length, 1);
    nowMs += 120_000;
    assert.equal(await projects.verifyJwt(space.id, token), null);
  });

  test('a token of another key, without expiry, with an HMAC or none is refused', async () => {
    const { space } = await createTodo();
    const signer = await createSigner('k1');
    const forger = await createSigner('k1');
    answer = () => ({ status: 200, body: JSON.stringify({ keys: [signer.jwk] }) });
    await projects.admin.setJwksUrl(space.id, url, actor);
    assert.equal(await projects.verifyJwt(space.id, await forger.sign(nowMs + 60_000)), null);
    const good = await signer.sign(nowMs + 60_000);
    const [, payload] = good.split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    assert.equal(await projects.verifyJwt(space.id, none), null);
    const hmac = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setExpirationTime('1h')
      .sign(Buffer.from(JSON.stringify(signer.jwk)));
    assert.equal(await projects.verifyJwt(space.id, hmac), null);
    assert.equal(await projects.verifyJwt(space.id, 'not.a.jwt'), null);
  });

  test('a rotated key is fetched, but an unknown key id cannot make the gateway hammer the issuer', async () => {
    const { space } = await createTodo();
    const first = await createSigner('k1');
    const second = await createSigner('k2');
    let keys = [first.jwk];
    answer = () => ({ status: 200, body: JSON.stringify({ keys }) });
    await projects.admin.setJwksUrl(space.id, url, actor);
    assert.ok(await projects.verifyJwt(space.id, await first.sign(nowMs + 600_000)));
    keys = [second.jwk];
    const token = await second.sign(nowMs + 600_000);
    assert.equal(await projects.verifyJwt(space.id, token), null);
    assert.equal(requests.length, 1);
    nowMs += 31_000;
    assert.ok(await projects.verifyJwt(space.id, token));
    assert.equal(requests.length, 2);
  });

  test('an issuer that is down refuses tokens, is reported, and is asked again only later', async () => {
    const warnings: string[] = [];
    await using watched = await open({ onWarning: (message: string) => warnings.push(message) });
    const project = await watched.admin.createProject({ name: 'todo' }, actor);
    const space = watched.findSpace(project.id, 'dev')!;
    await watched.admin.setJwksUrl(space.id, url, actor);
    const signer = await createSigner('k1');
    const token = await signer.sign(nowMs + 600_000);
    assert.equal(await watched.verifyJwt(space.id, token), null);
    assert.equal(await watched.verifyJwt(space.id, token), null);
    assert.equal(requests.length, 1);
    assert.equal(warnings.length, 2);
    answer = () => ({ status: 200, body: JSON.stringify({ keys: [signer.jwk] }) });
    nowMs += 31_000;
    assert.ok(await watched.verifyJwt(space.id, token));
  });
});

async function dumpRecords(): Promise<unknown> {
  const types = ['project', 'space', 'token', 'env', 'domain', 'admin-token', 'audit'];
  return Promise.all(types.map((type) => storage.read({ kind: 'record.list', type, prefix: '', limit: 1000 })));
}
