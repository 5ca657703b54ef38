// Real gateway and sandbox; hostile and broken clients on raw sockets. After each of them the gateway must still answer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { callApi, createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let space: TestSpace;
before(async () => {
  gateway = await startGateway({ env: { TACKLE_BODY_LIMIT_MB: '1' } });
  space = await createTestSpace(gateway, 'robust');
  const answer = await space.deploy(join(import.meta.dirname, '../fixtures/apps/inserts'), 'tackle');
  assert.equal(answer.status, 201, answer.text);
});
after(() => gateway.stop());
afterEach(async () => {
  assert.equal((await send(gateway.url, '/health')).status, 200);
  assert.equal((await space.request('/numbers', { method: 'POST', json: { n: 1 } })).status, 201);
});

const path = () => `/p/${space.project}/${space.space}/numbers`;
const head = (extra: string) =>
  `POST ${path()} HTTP/1.1\r\nHost: localhost\r\nX-Apikey: ${space.token}\r\nContent-Type: application/json\r\n${extra}\r\n`;

async function open(): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const countNumbers = async () =>
  (await space.admin('POST', '/collections/numbers/query', { count: true })).json().count as number;

describe('requests that are not right', () => {
  it('get 400 for malformed JSON, before app code runs', async () => {
    const before = await countNumbers();
    const answer = await space.request('/numbers', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n": ',
    });
    assert.equal(answer.status, 400);
    assert.equal(typeof answer.json().error, 'string');
    assert.equal(await countNumbers(), before);
  });

  it('get 413 for a body over the limit, announced or not', async () => {
    const announced = await space.request('/numbers', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"n":"${'x'.repeat(1_100_000)}"}`,
    });
    assert.equal(announced.status, 413);
    const socket = await open();
    const answer = readAll(socket);
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 20 && socket.writable; sent += 1) socket.write(chunk);
    socket.end('0\r\n\r\n');
    assert.match(await answer, /^HTTP\/1\.1 413 /);
  });

  it('store nothing when the body ends before its announced length', async () => {
    const before = await countNumbers();
    const socket = await open();
    socket.write(`${head('Content-Length: 100\r\n')}{"n": 5}`);
    socket.end();
    await readAll(socket);
    assert.equal(await countNumbers(), before);
  });

  it('get 400 for two lengths that differ, and for a head that is not HTTP', async () => {
    const two = await open();
    const first = readAll(two);
    two.write(head('Content-Length: 3\r\nContent-Length: 4\r\n'));
    assert.match(await first, /^HTTP\/1\.1 400 /);
    const noise = await open();
    const second = readAll(noise);
    noise.write('\x00\x01\x02 not http\r\n\r\n');
    assert.match(await second, /^HTTP\/1\.1 400 /);
  });

  it('get 431 for a head that is too large', async () => {
    const socket = await open();
    const answer = readAll(socket);
    socket.write(head(`X-Big: ${'x'.repeat(40_000)}\r\n`));
    assert.match(await answer, /^HTTP\/1\.1 431 /);
  });

  it('do no harm when the client leaves at once, or half closes', async () => {
    for (let index = 0; index < 20; index += 1) {
      const socket = await open();
      socket.write(`${head('Content-Length: 7\r\n')}{"n":1}`);
      if (index % 2 === 0) socket.destroy();
      else socket.end();
    }
  });

  it('get clear answers for what does not exist', async () => {
    const unknownProject = await send(gateway.url, '/p/nobody/dev/x');
    assert.deepEqual([unknownProject.status, unknownProject.json().error.code], [404, 'not_found']);
    const unknownSpace = await send(gateway.url, `/p/${space.project}/nowhere/x`);
    assert.equal(unknownSpace.status, 404);
    assert.match(unknownSpace.json().error.message, /no space "nowhere"/);
    assert.equal((await space.request('/nothing')).status, 404);
    assert.equal((await space.request('/numbers', { anonymous: true })).status, 401);
    assert.equal((await space.request('/numbers', { headers: { 'x-apikey': 'wrong' } })).status, 401);
    const unknownHost = await send(gateway.url, '/dev/x', { headers: { host: 'elsewhere.example' } });
    assert.deepEqual([unknownHost.status, unknownHost.json().error.code], [421, 'misdirected']);
    const noRoute = await callApi(gateway, 'GET', '/nothing');
    assert.deepEqual([noRoute.status, noRoute.json().error.code], [404, 'not_found']);
  });
});

describe('bundles that are not right', () => {
  const deploy = (bundle: unknown, kind = 'original') => space.admin('POST', '/deployments', { bundle, kind });

  it('are refused with the reason, and the old version goes on', async () => {
    for (const [bundle, expected] of [
      ['this is {{{ not JavaScript', /.+/],
      ['throw new Error("no start")', /no start/],
      ['var EntryPoint = { default: 42 }', /.+/],
      ['', /empty/],
    ] as const) {
      const answer = await deploy(bundle);
      assert.equal(answer.status, 400, `${bundle}: ${answer.text}`);
      assert.match(answer.json().error.message, expected);
    }
    assert.equal((await deploy(42)).status, 400);
  });

  it('are given up when evaluation never returns', { timeout: 60_000 }, async () => {
    const answer = await deploy('for (;;) {}');
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.json().error.code, 'deploy_failed');
  });
});
