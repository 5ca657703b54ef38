// Real gateway and sandbox: apps that listen to events, over the queue.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callApi, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

interface Heard {
  readonly heard: { readonly key: string; readonly text: string; readonly source: string }[];
  readonly loops: number | null;
}

describe('events in the code of apps', () => {
  let gateway: GatewayProcess;
  let space: TestSpace;
  before(async () => {
    gateway = await startGateway();
    space = await deployFixture(gateway, 'listener', 'tackle');
  });
  after(() => gateway.stop());

  async function waitUntil(accept: (heard: Heard) => boolean): Promise<Heard> {
    let heard: Heard | undefined;
    for (let tries = 0; tries < 300; tries += 1) {
      heard = (await space.request('/heard')).json() as Heard;
      if (accept(heard)) return heard;
      await delay(50);
    }
    return assert.fail(`not heard: ${JSON.stringify(heard)}`);
  }

  it('reach handlers of a key and of a family, again after a failure, and lead to further events', async () => {
    const published = await callApi(gateway, 'POST', '/events', {
      event: 'message:received',
      context: { text: 'hello' },
      sessionKey: 'agent:main:chat',
    });
    assert.equal(published.status, 202, published.text);
    assert.equal(published.json().apps, 1);
    const { heard } = await waitUntil((state) => state.heard.length === 2);
    assert.deepEqual(
      heard.map(({ key, text, source }) => ({ key, text, source })),
      [
        { key: 'message:received', text: 'hello', source: 'api' },
        { key: 'note:created', text: 'hello', source: `app/${space.project}/dev` },
      ],
    );
  });
  it('end when they only lead to themselves', async () => {
    const answer = await space.request('/publish', { method: 'POST', json: { key: 'loop:again' } });
    assert.equal(answer.status, 201, answer.text);
    await waitUntil((state) => (state.loops ?? 0) >= 16);
    await delay(500);
    const { loops } = (await space.request('/heard')).json() as Heard;
    assert.ok((loops ?? 0) < 40, `${loops} rounds`);
  });
  it('cannot be published by apps in the place of the gateway', async () => {
    const answer = await space.request('/publish', { method: 'POST', json: { key: 'command:new' } });
    assert.equal(answer.status, 500);
    const { lines } = (await space.admin('GET', '/logs?tail=20')).json();
    assert.match(JSON.stringify(lines), /the gateway's own/);
  });
  it('are refused when nobody listens, or the key is none', async () => {
    assert.equal((await callApi(gateway, 'POST', '/events', { event: 'command:new' })).status, 409);
    assert.equal((await callApi(gateway, 'POST', '/events', { event: 'nonsense' })).status, 400);
  });
});
