// The routes for deployments, logs, backup and status. Real are guard, projects and routes; the app service, the log
// store and the backup are small stand-ins that record what they are asked. Streams go over a real socket.
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Deployment, DeployUpload } from '../../apps/deployment.ts';
import { TackleError } from '../../core/errors.ts';
import type { LogLine } from './services.ts';
import { type ApiFixture, createApiFixture } from './testing/api-fixture.ts';

let api: ApiFixture;
let S: string;
let uploads: DeployUpload[];
let listeners: Set<(line: LogLine) => void>;
let lines: LogLine[];

function deploymentOf(spaceId: string, upload: DeployUpload, version: number): Deployment {
  return {
    id: `d${version}`,
    spaceId,
    version,
    kind: upload.kind,
    state: 'live',
    createdAt: 1,
    meta: upload.meta,
    manifest: {
      routes: ['GET /hello'],
      auths: [],
      middleware: [],
      queues: [],
      workers: [],
      jobs: [],
      realtime: [],
      settings: {},
      hasStartup: false,
      extensions: {},
    },
    bundleHash: 'hash',
    uploadHash: null,
    sourceMapHash: null,
    assetsHash: null,
    bundleBytes: upload.bundle.length,
    error: null,
  };
}

beforeEach(async () => {
  uploads = [];
  lines = [];
  listeners = new Set();
  const versions: Deployment[] = [];
  api = await createApiFixture({
    apps: {
      async deploy(spaceId, upload) {
        if (upload.bundle === 'throw') {
          throw new TackleError('deploy_failed', 'x is not defined', { details: { stack: 'at index.js:3:1' } });
        }
        uploads.push(upload);
        versions.unshift(deploymentOf(spaceId, upload, versions.length + 1));
        return versions[0]!;
      },
      async rollback(_spaceId, version) {
        const found = versions.find((deployment) => deployment.version === (version ?? 1));
        if (found === undefined) throw new TackleError('not_found', `There is no version ${version}`);
        return found;
      },
      undeploy: async () => versions.length > 0,
      listVersions: async () => versions,
      live: () => null,
    },
    logs: {
      tail: async (_spaceId, { limit }) => lines.slice(-limit),
      follow(_spaceId, listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    createBackup: async () =>
      (async function* () {
        yield Buffer.from('archive-');
        yield Buffer.from('bytes');
      })(),
  });
  const { body } = await api.call('POST', '/projects', { name: 'todo' });
  S = `/projects/${body.id}/spaces/dev`;
});
afterEach(() => api[Symbol.asyncDispose]());

describe('deployments', () => {
  test('deploy, list, roll back, undeploy, each in the audit record', async () => {
    const first = await api.call('POST', `${S}/deployments`, { bundle: 'export default 1', meta: { githash: 'abc' } });
    assert.equal(first.status, 201);
    assert.equal(first.body.deployment.version, 1);
    assert.equal(first.body.deployment.status, 'live');
    assert.deepEqual(first.body.deployment.routes, ['GET /hello']);
    assert.match(first.body.urls.project, /\.localhost:3011\/dev$/);
    await api.call('POST', `${S}/deployments`, { bundle: 'x', kind: 'original', sourceMap: '{}', force: true });
    assert.deepEqual(uploads, [
      {
        bundle: 'export default 1',
        sourceMap: null,
        kind: 'tackle',
        assets: null,
        meta: { githash: 'abc' },
        force: false,
      },
      { bundle: 'x', sourceMap: '{}', kind: 'original', assets: null, meta: {}, force: true },
    ]);
    const list = (await api.call('GET', `${S}/deployments?limit=1`)).body.deployments;
    assert.deepEqual(
      list.map(({ version }: { version: number }) => version),
      [2],
    );
    assert.equal((await api.call('POST', `${S}/deployments/rollback`)).body.deployment.version, 1);
    assert.equal((await api.call('POST', `${S}/deployments/rollback`, { version: 9 })).status, 404);
    assert.equal((await api.call('DELETE', `${S}/deployments`)).status, 200);
    const { entries } = (await api.call('GET', '/audit?limit=4')).body;
    assert.deepEqual(
      entries.map(({ action }: { action: string }) => action),
      ['deployment.remove', 'deployment.rollback', 'deployment.create', 'deployment.create'],
    );
  });

  test('an app that fails answers why, and leaves no audit entry', async () => {
    const answer = await api.call('POST', `${S}/deployments`, { bundle: 'throw' });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body.error.details, { stack: 'at index.js:3:1' });
    assert.equal(answer.body.error.code, 'deploy_failed');
    assert.equal((await api.call('GET', '/audit?limit=1')).body.entries[0].action, 'project.create');
  });

  test('bodies that are no deployment are refused', async () => {
    for (const body of [{}, { bundle: 5 }, { bundle: 'x', kind: 'php' }, { bundle: 'x', extra: 1 }]) {
      assert.equal((await api.call('POST', `${S}/deployments`, body)).status, 400, JSON.stringify(body));
    }
    const large = await api.call('POST', `${S}/deployments`, { bundle: 'x'.repeat(41_000_000) });
    assert.equal(large.status, 413);
    assert.equal(large.body.error.code, 'payload_too_large');
  });
});

describe('logs', () => {
  const line = (id: number, log: string, context = 'app'): LogLine => ({
    context,
    log,
    logtype: 'log',
    date: new Date(id).toISOString(),
    _id: String(id),
  });

  /** Opens the stream over a socket; `next` resolves with the next event. */
  async function openStream(query: string) {
    await api.fastify.listen({ port: 0, host: '127.0.0.1' });
    const { port } = api.fastify.server.address() as AddressInfo;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = httpRequest(
      { host: '127.0.0.1', port, path: `/api/v1${S}/logs?${query}`, headers: { authorization: `Bearer ${api.token}` } },
      resolve,
    );
    request.on('error', reject).end();
    const response = await promise;
    const events = readEvents(response);
    return { response, next: async () => (await events.next()).value, close: () => response.destroy() };
  }

  async function* readEvents(response: IncomingMessage): AsyncGenerator<[event: string, data: LogLine]> {
    let text = '';
    for await (const chunk of response) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        yield [event!, JSON.parse(data!)];
      }
    }
  }

  test('the tail, then what follows, filtered, nothing twice', async () => {
    lines.push(line(1, 'one'), line(2, 'two'));
    const stream = await openStream('follow=true&tail=10&filter=o');
    assert.equal(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.deepEqual(await stream.next(), ['log', line(1, 'one')]);
    assert.deepEqual(await stream.next(), ['log', line(2, 'two')]);
    assert.deepEqual(await stream.next(), ['end-of-tail', {}]);
    for (const listener of listeners) {
      listener(line(2, 'two'));
      listener(line(3, 'three'));
      listener(line(4, 'four'));
    }
    assert.deepEqual(await stream.next(), ['log', line(4, 'four')]);
    stream.close();
    await waitUntil(() => listeners.size === 0);
  });

  test('without follow the lines are one answer', async () => {
    lines.push(line(1, 'one'), line(2, 'two'));
    assert.deepEqual((await api.call('GET', `${S}/logs?tail=1`)).body, { lines: [line(2, 'two')] });
    assert.deepEqual((await api.call('GET', `${S}/logs?tail=0`)).body, { lines: [] });
    assert.equal((await api.call('GET', `${S}/logs?level=loud`)).status, 400);
  });
});

test('a backup is streamed and noted', async () => {
  const answer = await api.call('POST', '/backup', {});
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'archive-bytes');
  const [entry] = (await api.call('GET', '/audit?limit=1')).body.entries;
  assert.deepEqual([entry.action, entry.details], ['backup.create', { withKey: false }]);
});

test('status says whether the gateway is well', async () => {
  const { body } = await api.call('GET', '/status');
  assert.equal(body.ready, true);
  assert.equal(body.projects, 1);
  assert.deepEqual(body.checks, [{ name: 'storage', ok: true, detail: 'writer answers' }]);
});

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
