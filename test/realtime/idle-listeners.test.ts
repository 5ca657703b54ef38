// Real gateway process and real HTTP. Measures what idle listeners cost: 5,000 in the long mode, 500 otherwise.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { type EventStream, openEventStream } from './event-stream.ts';

const count = process.env.TACKLE_LONG === '1' ? 5_000 : 500;
// Few of them drown in what the process does anyway.
const maxBytesEach = (count < 1_000 ? 64 : 32) * 1024;

let gateway: GatewayProcess;
let space: TestSpace;
before(async () => {
  gateway = await startGateway();
  space = await deployFixture(gateway, 'chat', 'tackle');
});
after(() => gateway.stop());

async function readResidentBytes(): Promise<number> {
  const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

describe(`${count} idle listeners`, () => {
  it(`cost less than ${maxBytesEach / 1024} kB each, and all hear an event`, {
    skip: process.platform !== 'linux',
  }, async () => {
    const open = async (): Promise<EventStream> => {
      const answer = await space.request('/connect', { method: 'POST', anonymous: true, json: { topics: { n: 1 } } });
      return openEventStream(gateway, space, `/chat/${answer.json().listenerID}`);
    };
    const streams: EventStream[] = [];
    // The first ones pay for what all share: code that is compiled, pools that grow.
    for (let n = 0; n < 100; n += 1) streams.push(await open());
    const before = await readResidentBytes();
    while (streams.length < count + 100) {
      streams.push(...(await Promise.all(Array.from({ length: 50 }, open))));
    }
    await sleep(1_000);
    const each = ((await readResidentBytes()) - before) / count;
    const startedAt = performance.now();
    const said = { message: 'hi', alias: 'A' };
    await space.request('/messages', { method: 'POST', anonymous: true, json: said });
    for (const stream of streams) assert.deepEqual(await stream.next(), { message: 'A: hi' });
    const tookMs = performance.now() - startedAt;
    console.log(
      `${(each / 1024).toFixed(1)} kB for each of ${count} listeners; one event reached all in ${tookMs.toFixed(0)} ms`,
    );
    for (const stream of streams) stream.close();
    assert.ok(each < maxBytesEach, `${each} bytes each`);
  });
});
