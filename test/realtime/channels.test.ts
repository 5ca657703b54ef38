// Real gateway process, real sandbox, real HTTP; a chat of the shape of public ones, with our build and as an original
// bundle.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { openEventStream } from './event-stream.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const mode of buildModes) {
  describe(`channels (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'chat', mode);
    });
    const connect = async (topics?: unknown, channel = '/chat') => {
      const answer = await space.request('/connect', { method: 'POST', anonymous: true, json: { topics, channel } });
      return answer.json().listenerID as string;
    };
    const listen = (id: string, path = '/chat', headers = {}) =>
      openEventStream(gateway, space, `${path}/${id}`, headers);
    const say = (message: string, query?: unknown) =>
      space.request('/messages', { method: 'POST', anonymous: true, json: { message, alias: 'A', query } });

    it('bring a message to everybody who listens, and the page too', async () => {
      const streams = await Promise.all([listen(await connect()), listen(await connect())]);
      for (const { status, headers } of streams) {
        assert.equal(status, 200);
        assert.match(String(headers['content-type']), /^text\/event-stream/);
        assert.match(String(headers['cache-control']), /no-cache/);
      }
      const answer = await say('hi');
      assert.equal(answer.status, 200);
      assert.deepEqual([answer.json().channel, answer.json().data], ['/chat', { message: 'A: hi' }]);
      for (const stream of streams) {
        assert.deepEqual(await stream.next(), { message: 'A: hi' });
        stream.close();
      }
      const page = await space.request('/public/index.html', { anonymous: true });
      assert.match(page.text, /<title>Chat<\/title>/);
    });
    it('bring events only to those whose listener matches the query', async () => {
      const a = await listen(await connect({ topic: 'a', level: 3 }));
      const b = await listen(await connect({ topic: 'b', level: 5 }));
      await say('for a', { topic: 'a' });
      await say('for high ones', { level: { $gt: 4 } });
      await say('for nobody', { topic: 'c' });
      await say('for all');
      assert.deepEqual([await a.next(), await a.next()], [{ message: 'A: for a' }, { message: 'A: for all' }]);
      assert.deepEqual([await b.next(), await b.next()], [{ message: 'A: for high ones' }, { message: 'A: for all' }]);
      a.close();
      b.close();
    });
    it('survive queries that cannot be read', async () => {
      const stream = await listen(await connect());
      assert.equal((await say('broken', { $nope: [] })).status, 200);
      await say('after');
      assert.deepEqual(await stream.next(), { message: 'A: after' });
      stream.close();
    });
    it('keep the order of publication', async () => {
      const stream = await listen(await connect());
      for (let n = 0; n < 50; n += 1) await say(String(n));
      for (let n = 0; n < 50; n += 1) assert.deepEqual(await stream.next(), { message: `A: ${n}` });
      stream.close();
    });
    it('are fed by workers and schedules', async () => {
      const stream = await listen(await connect());
      await space.request('/announce', { method: 'POST', anonymous: true, json: { text: 'from a worker' } });
      assert.deepEqual(await stream.next(), { announced: 'from a worker' });
      await space.request('/announce-soon', { method: 'POST', anonymous: true, json: { text: 'later' } });
      assert.deepEqual(await stream.next(), { announced: 'later' });
      stream.close();
    });
    it('are fed by steps of workflows', async () => {
      const stream = await listen(await connect());
      await space.request('/greet', { method: 'POST', anonymous: true, json: { name: 'A' } });
      assert.deepEqual(await stream.next(), { step: 'first', name: 'A' });
      assert.deepEqual(await stream.next(), { step: 'second', told: 1 });
      stream.close();
    });
    it('refuse unknown listeners', async () => {
      const stream = await listen('nobody');
      assert.equal(stream.status, 404);
      stream.close();
    });
    it('run the hooks of the channel first', async () => {
      const id = await connect({}, '/private');
      const refused = await listen(id, '/private');
      assert.equal(refused.status, 403);
      const admitted = await openEventStream(gateway, space, `/private/${id}?word=please`);
      assert.equal(admitted.status, 200);
      refused.close();
      admitted.close();
    });
    it('end the stream of a listener that is removed', async () => {
      const id = await connect();
      const stream = await listen(id);
      const listed = (await space.request('/listeners', { anonymous: true })).json();
      assert.ok(listed.some((listener: { _id: string }) => listener._id === id));
      await space.request(`/listeners/${id}`, { method: 'DELETE', anonymous: true });
      await stream.closed;
      assert.equal((await listen(id)).status, 404);
    });
    it('let a client come back to the listener that it had', async () => {
      const id = await connect();
      const first = await listen(id);
      first.close();
      const second = await listen(id);
      await say('again');
      assert.deepEqual(await second.next(), { message: 'A: again' });
      second.close();
    });
    it('have collections that an administrator can see, whose events expire', async () => {
      const listed = await space.admin('GET', '/collections?system=true');
      const names = listed.json().collections.map((collection: { name: string }) => collection.name);
      assert.ok(names.includes('_event_publish_chat') && names.includes('_event_listeners_chat'), names.join());
    });
  });
}

describe('a gateway that stops', () => {
  it('ends the streams, keeps the listeners, and serves them after its next start', async () => {
    const { makeTemporaryDirectory } = await import('../support/admin-client.ts');
    const home = await makeTemporaryDirectory('realtime');
    const first = await startGateway({ home });
    const space = await deployFixture(first, 'chat', 'tackle');
    const { listenerID } = (await space.request('/connect', { method: 'POST', anonymous: true, json: {} })).json();
    const stream = await openEventStream(first, space, `/chat/${listenerID}`);
    const startedAt = Date.now();
    await first.stop();
    await stream.closed;
    assert.ok(Date.now() - startedAt < 5_000, 'stopping waited for the stream');
    const second = await startGateway({ home });
    try {
      const again = await openEventStream(second, space, `/chat/${listenerID}`);
      assert.equal(again.status, 200);
      again.close();
    } finally {
      await second.stop();
    }
  });
});
