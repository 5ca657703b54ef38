// Projects on the real SQLite engine in a temporary directory, closed and opened again; the clock is a variable.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TackleError } from '../core/errors.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import { openSqliteStorage } from '../storage/sqlite/open-sqlite-storage.ts';
import { createProjects, openSecrets, type Projects } from './index.ts';

const actor = { kind: 'admin-token', id: 't1', name: 'test', address: '127.0.0.1' } as const;
const http: OutboundHttp = {
  request: () => Promise.reject(new Error('no network in this test')),
  [Symbol.asyncDispose]: async () => undefined,
};
const DAY_MS = 86_400_000;

let home: string;
let nowMs = Date.UTC(2026, 10, 20);
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'tackle-projects-'));
});
after(() => rm(home, { recursive: true }));

async function open(options: { keyFromEnv?: string; purgeSpace?: (spaceId: string) => Promise<void> } = {}) {
  const storage = await openSqliteStorage({ directory: home });
  try {
    const secrets = await openSecrets({ home, storage, keyFromEnv: options.keyFromEnv });
    const projects = await createProjects({ storage, secrets, http }, { clock: { now: () => nowMs }, ...options });
    return {
      projects,
      close: async () => {
        await projects[Symbol.asyncDispose]();
        await storage[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
}

const snapshot = (projects: Projects) =>
  projects.listProjects().map((project) => ({
    project,
    domains: projects.listDomains(project.id),
    spaces: projects.listSpaces(project.id).map((space) => ({
      space,
      tokens: projects.listTokens(space.id),
      env: projects.getEnv(space.id),
    })),
  }));

test('what was set is there after a restart, a wrong key is refused, a removal is finished, old audit entries go', async () => {
  const first = await open();
  const { admin } = first.projects;
  const names = ['todo', 'shop', 'chat-bot'];
  const made = await Promise.all(names.map((name) => admin.createProject({ name }, actor)));
  const space = first.projects.findSpace(made[0]!.id, 'dev')!;
  await Promise.all([
    admin.setEnv({ spaceId: space.id, key: 'SECRET', value: 's3cr3t', encrypted: true }, actor),
    admin.addAllowedHost(space.id, '10.0.0.0/8', actor),
    admin.addAllowedHost(space.id, '192.0.2.1', actor),
    admin.setQuotas(space.id, { maxBytes: 1000 }, actor),
    admin.addDomain({ host: 'todo.example.com', projectId: made[0]!.id, spaceId: space.id }, actor),
  ]);
  const { secret } = await admin.createAdminToken({ scope: { kind: 'home' } }, actor);
  first.projects.authenticateToken(space.id, first.projects.listTokens(space.id)[0]!.key);
  const expected = snapshot(first.projects);
  assert.equal((await first.projects.audit.list({ limit: 100 })).length, 9);
  await first.close();

  const wrongKey = Buffer.alloc(32, 1).toString('base64');
  await assert.rejects(
    open({ keyFromEnv: wrongKey }),
    (error) => error instanceof TackleError && error.code === 'secret_key_mismatch',
  );

  const second = await open();
  assert.deepEqual(snapshot(second.projects), expected);
  assert.equal(second.projects.authenticateAdmin(secret).status, 'granted');
  assert.deepEqual(second.projects.resolveHost('todo.example.com')?.kind, 'space');
  await second.projects.admin.removeSpace(space.id, actor);
  await second.close();

  nowMs += 100 * DAY_MS;
  const purged: string[] = [];
  const third = await open({ purgeSpace: async (spaceId) => void purged.push(spaceId) });
  await third.projects.admin.createSpace({ projectId: made[0]!.id, name: 'dev' }, actor);
  await third.projects.maintain();
  assert.deepEqual(purged, [space.id]);
  assert.deepEqual(
    (await third.projects.audit.list({ limit: 100 })).map((entry) => entry.action),
    ['space.create'],
  );
  await third.close();
});
