// A real gateway process that is killed with SIGKILL while files are uploaded: what was acknowledged is there afterwards,
// with the right bytes, and nothing of the rest is left.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestSpace, makeTemporaryDirectory } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

const rounds = process.env.TACKLE_LONG === '1' ? 10 : 2;
const writers = 4;

let home: string;
before(async () => {
  home = await makeTemporaryDirectory('kill-uploads');
});
after(() => rm(home, { recursive: true }));

it('a gateway that is killed keeps every file that it acknowledged, and no part of any other', async () => {
  const acknowledged = new Map<string, string>();
  let gateway: GatewayProcess = await startGateway({ home });
  const space = await createTestSpace(gateway, 'files');
  const api = `/api/v1/projects/${space.project}/spaces/${space.space}/files`;
  const call = (method: string, path: string, body?: Buffer) =>
    send(gateway.url, path, { method, headers: { authorization: `Bearer ${gateway.adminToken}` }, body });

  for (let round = 0; round < rounds; round += 1) {
    let isRunning = true;
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; isRunning; n += 1) {
        const body = randomBytes(200_000);
        const path = `/${round}/${writer}/${n}`;
        const answer = await call('PUT', `${api}/content?path=${path}`, body).catch(() => null);
        if (answer?.status === 201) acknowledged.set(path, createHash('sha256').update(body).digest('hex'));
      }
    };
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    await sleep(300);
    await gateway.kill();
    isRunning = false;
    await writing;
    gateway = await startGateway({ home });
    assert.deepEqual(await readdir(join(home, 'blobs/incoming')), []);
  }

  assert.ok(acknowledged.size >= rounds, `only ${acknowledged.size} uploads were acknowledged`);
  const { files } = (await call('GET', `${api}?recursive=true`)).json();
  const stored = new Map(files.map((file: { path: string; sha256: string }) => [file.path, file.sha256]));
  for (const [path, hash] of acknowledged) assert.equal(stored.get(path), hash, path);
  for (const [path, hash] of stored) {
    const { bytes } = await call('GET', `${api}/content?path=${path}`);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), hash, String(path));
  }
  await gateway.stop();
});
