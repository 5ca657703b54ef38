// Real gateway killed with SIGKILL in the middle of a storm of inserts, again and again over the same home. Shows that
// what was answered 201 is there afterwards, and nothing twice. (The page cache survives a kill: that the data is on the
// disk before the answer is shown by the fsync and power-loss tests.)
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createTestSpace, makeTemporaryDirectory, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

const rounds = process.env.TACKLE_LONG === '1' ? 200 : 20;
const clients = 16;

describe('inserts while the gateway is killed', () => {
  let home: string;
  let gateway: GatewayProcess | null = null;
  after(async () => {
    await gateway?.kill();
    await rm(home, { recursive: true, force: true });
  });

  it(`loses nothing that was answered 201, and stores nothing twice, over ${rounds} kills`, async () => {
    home = await makeTemporaryDirectory('kill');
    gateway = await startGateway({ home });
    const space = await createTestSpace(gateway, 'storm');
    const deployed = await space.deploy(join(import.meta.dirname, '../fixtures/apps/inserts'), 'tackle');
    assert.equal(deployed.status, 201, deployed.text);
    const acknowledged = new Set<number>();
    const counter = { next: 0 };
    for (let round = 0; round < rounds; round += 1) {
      await stormAndKill(gateway, space, counter, acknowledged, 40 + ((round * 37) % 160));
      gateway = await startGateway({ home });
    }
    assert.ok(acknowledged.size > rounds, `only ${acknowledged.size} inserts were acknowledged`);
    const stored = await readNumbers(gateway, space);
    const unique = new Set(stored);
    assert.equal(unique.size, stored.length, 'a document is there twice');
    const lost = [...acknowledged].filter((n) => !unique.has(n));
    assert.deepEqual(lost, [], `acknowledged and lost: ${lost.slice(0, 10)}`);
  });
});

async function stormAndKill(
  gateway: GatewayProcess,
  space: TestSpace,
  counter: { next: number },
  acknowledged: Set<number>,
  afterInserts: number,
): Promise<void> {
  let inserted = 0;
  let killed: Promise<void> | null = null;
  const client = async () => {
    while (killed === null) {
      const n = counter.next++;
      const answer = await send(gateway.url, `/p/${space.project}/${space.space}/numbers`, {
        method: 'POST',
        headers: { 'x-apikey': space.token, 'content-type': 'application/json' },
        body: JSON.stringify({ n }),
      }).catch(() => null);
      if (answer?.status !== 201) continue;
      acknowledged.add(n);
      inserted += 1;
      if (inserted >= afterInserts && killed === null) killed = gateway.kill();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  await killed;
}

async function readNumbers(gateway: GatewayProcess, space: TestSpace): Promise<number[]> {
  const answer = await send(
    gateway.url,
    `/api/v1/projects/${space.project}/spaces/${space.space}/collections/numbers/export?format=json`,
    { headers: { authorization: `Bearer ${gateway.adminToken}` } },
  );
  assert.equal(answer.status, 200, answer.text);
  return answer.json().map((document: { n: number }) => document.n);
}
