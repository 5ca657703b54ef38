// Real gateway process, real sandbox, real HTTP. A gigabyte in the long mode (TACKLE_LONG=1), 64 MB otherwise; the memory is
// that of the gateway's process, watched while the bytes go through.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const megabyte = 1024 * 1024;
const sizeMb = process.env.TACKLE_LONG === '1' ? 1024 : 64;
const maxGrowthMb = 150;
const chunk = randomBytes(megabyte);
const expectedHash = hashChunks();

let gateway: GatewayProcess;
let space: TestSpace;
before(async () => {
  gateway = await startGateway({ env: { TACKLE_BODY_LIMIT_MB: '2048' } });
  space = await deployFixture(gateway, 'file-demo', 'tackle');
});
after(() => gateway.stop());

function hashChunks(): string {
  const hash = createHash('sha256');
  for (let n = 0; n < sizeMb; n += 1) hash.update(chunk);
  return hash.digest('hex');
}

async function upload(path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const { hostname, port } = new URL(gateway.url);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const type = { 'content-type': 'application/x-bytes', 'content-length': sizeMb * megabyte };
  const request = httpRequest(
    { hostname, port, path, method: 'PUT', agent: false, headers: { ...type, ...headers } },
    resolve,
  );
  request.on('error', reject);
  await pipeline(Readable.from(Array.from({ length: sizeMb }, () => chunk)), request);
  return promise;
}

async function hashDownload(path: string): Promise<{ hash: string; bytes: number }> {
  const { hostname, port } = new URL(gateway.url);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const prefix = `/p/${space.project}/${space.space}`;
    httpRequest({ hostname, port, path: prefix + path, agent: false }, resolve)
      .on('error', reject)
      .end();
  });
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of response) {
    hash.update(part as Buffer);
    bytes += (part as Buffer).length;
  }
  return { hash: hash.digest('hex'), bytes };
}

/** Runs the work and tells by how much the gateway's memory grew meanwhile. */
async function watchMemory(what: string, work: () => Promise<void>): Promise<void> {
  const read = async () => {
    const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  };
  const start = await read();
  let peak = start;
  const timer = setInterval(async () => {
    peak = Math.max(peak, await read());
  }, 50);
  const startedAt = performance.now();
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const facts = `${sizeMb} MB in ${seconds.toFixed(1)} s, memory ${start.toFixed(0)} MB, at most ${peak.toFixed(0)} MB`;
  console.log(`${what}: ${facts}`);
  assert.ok(peak - start < maxGrowthMb, `${what}: ${facts}`);
}

describe('a client that reads slowly', { skip: process.env.TACKLE_LONG !== '1' }, () => {
  it('does not make an app of the original library run out of memory', async () => {
    const original = await deployFixture(gateway, 'file-demo', 'original');
    const api = `/api/v1/projects/${original.project}/spaces/${original.space}/files/content?path=/static/large.bin`;
    assert.equal((await upload(api, { authorization: `Bearer ${gateway.adminToken}` })).statusCode, 201);
    const { hostname, port } = new URL(gateway.url);
    const path = `/p/${original.project}/${original.space}/web/large.bin`;
    const request = httpRequest({ hostname, port, path, agent: false });
    const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve).end());
    response.on('error', () => undefined);
    // Nothing is read for so long that all of the file would have gone into the app's memory.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    assert.deepEqual((await original.request('/notes')).json(), []);
    let bytes = 0;
    for await (const part of response) {
      bytes += (part as Buffer).length;
      if (bytes > 32 * megabyte) break;
    }
    assert.ok(bytes > 32 * megabyte);
    const { lines } = (await original.admin('GET', '/logs?tail=100')).json();
    assert.ok(!lines.some(({ log }: { log: string }) => /out-of-memory|Uncaught/.test(log)));
  });
});

describe(`a file of ${sizeMb} MB`, { skip: process.platform !== 'linux' }, () => {
  it('is uploaded by an administrator and served to a client without filling the memory', async () => {
    await watchMemory('upload', async () => {
      const path = `/api/v1/projects/${space.project}/spaces/${space.space}/files/content?path=/notes/large.bin`;
      const answer = await upload(path, { authorization: `Bearer ${gateway.adminToken}` });
      assert.equal(answer.statusCode, 201);
      const entry = JSON.parse(Buffer.concat(await answer.toArray()).toString());
      assert.deepEqual([entry.size, entry.sha256], [sizeMb * megabyte, expectedHash]);
    });
    await watchMemory('download', async () => {
      const { hash, bytes } = await hashDownload('/files/large.bin');
      assert.deepEqual([bytes, hash], [sizeMb * megabyte, expectedHash]);
    });
  });
  it('passes through an app that stores its request', async () => {
    await watchMemory('upload through an app', async () => {
      const path = `/p/${space.project}/${space.space}/stream/through.bin`;
      const answer = await upload(path, { 'x-apikey': space.token });
      assert.equal(answer.statusCode, 200, Buffer.concat(await answer.toArray()).toString());
    });
    assert.equal((await hashDownload('/files/through.bin')).hash, expectedHash);
  });
});
