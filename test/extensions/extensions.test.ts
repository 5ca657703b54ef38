// What our library adds to the original one. Real gateway process, real sandbox, real HTTP; the app is test/fixtures/apps/extensions.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { readServerSentEvents, type ServerSentEvent } from '../../src/cli/server-sent-events.ts';
import { deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
let space: TestSpace;
before(async () => {
  gateway = await startGateway({ env: { TACKLE_APP_REQUEST_TIMEOUT_MS: '2000' } });
  space = await deployFixture(gateway, 'extensions', 'tackle', {}, 'index.ts');
});
after(() => gateway.stop());

/** A response whose body is read bit by bit; `destroy` is a client that leaves. */
async function open(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { hostname, port } = new URL(gateway.url);
  const request = httpRequest({
    hostname,
    port,
    path: `/p/${space.project}/${space.space}${path}`,
    headers,
    agent: false,
  });
  request.on('error', () => undefined);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

/** Events as they come. */
async function openEvents(path: string, headers: Record<string, string> = {}) {
  const response = await open(path, headers);
  const events = readServerSentEvents(response)[Symbol.asyncIterator]();
  return {
    response,
    async next(): Promise<ServerSentEvent> {
      const { value, done } = await events.next();
      if (done) throw new Error('The stream of events has ended');
      return value;
    },
    leave: () => response.destroy(),
  };
}

/** Asks until the app tells that something has happened in it: it has no other way to say so after its client left. */
async function untilAborted(name: string): Promise<void> {
  for (;;) {
    const names: string[] = (await space.request('/aborted')).json();
    if (names.includes(name)) return;
  }
}

const send = (method: string, path: string, json?: unknown) => space.request(path, { method, json });

describe('req.signal', () => {
  it('aborts when the client leaves, before and after the head of the answer', async () => {
    const { hostname, port } = new URL(gateway.url);
    const path = `/p/${space.project}/${space.space}/wait/left`;
    const request = httpRequest({ hostname, port, path, agent: false });
    request.on('error', () => undefined);
    request.end();
    await untilAborted('left waits');
    request.destroy();
    await untilAborted('left');
    await untilAborted('left closed');
    const response = await open('/wait-streaming/streaming');
    await once(response, 'data');
    response.destroy();
    await untilAborted('streaming');
  });

  it('aborts when the time is over', async () => {
    const answer = await space.request('/wait/late');
    assert.equal(answer.status, 504);
    await untilAborted('late');
  });

  it('does not abort for a request that is answered', async () => {
    assert.deepEqual((await space.request('/answered')).json(), { aborted: false });
  });
});

describe('res.sse()', () => {
  it('sends named events with ids, plain ones with several lines, and goes on after the last id', async () => {
    const first = await space.request('/count/2');
    assert.equal(first.headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.equal(first.headers['x-accel-buffering'], 'no');
    assert.equal(
      first.text,
      'retry: 500\n\nevent: count\nid: 1\ndata: {"n":1}\n\nevent: count\nid: 2\ndata: {"n":2}\n\ndata: two\ndata: lines\n\n: the end\n\n',
    );
    const again = await space.request('/count/3', { headers: { 'last-event-id': '2' } });
    assert.match(again.text, /^retry: 500\n\nevent: count\nid: 3\n/);
  });

  it('sends its head at once, and comments while nothing else is sent', async () => {
    const response = await open('/pings');
    const [chunk] = (await once(response, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^:ping\n\n/);
    response.destroy();
    await untilAborted('pings done');
  });

  it('goes as fast as its reader, and ends when that leaves', async () => {
    const response = await open('/flood');
    await once(response, 'readable');
    // Nobody reads on: what is sent stays within the buffers on the way.
    const { promise: settled, resolve } = Promise.withResolvers<number>();
    let last = -1;
    const look = async (): Promise<void> => {
      const sent: number = (await space.request('/flood-sent')).json();
      if (sent > 0 && sent === last) return resolve(sent);
      last = sent;
      setTimeout(look, 150);
    };
    void look();
    const sent = await settled;
    assert.ok(sent < 400, `${sent} times 64 KB were sent to a client that does not read`);
    response.destroy();
    await untilAborted('flood');
  });
});

describe('answers that fail', () => {
  it('break off when something was sent already: the client sees that they are not whole', async () => {
    const response = await open('/break');
    let text = '';
    const outcome = await new Promise<string>((resolve) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve('whole'));
      response.on('aborted', () => resolve('broken off'));
    });
    assert.equal(text, 'half of ');
    assert.equal(outcome, 'broken off');
  });

  it('are 500 at once for a promise that nobody looks at, when the handler is done', async () => {
    const answer = await space.request('/unhandled');
    assert.equal(answer.status, 500);
    assert.deepEqual(answer.json(), { text: 'Unhandled Codehook exception, check logs', fatal: true });
  });

  it('are left to a handler that is still at work', async () => {
    const answer = await space.request('/unhandled-later');
    assert.deepEqual([answer.status, answer.text], [200, 'answered all the same']);
  });
});

describe('workers', () => {
  it('fail at once for a promise that nobody looks at, unless they have answered', async () => {
    const states: string[] = [];
    for (const ends of [true, false]) {
      const { _id } = (await send('POST', '/careless', { ends })).json();
      let state = 'waiting';
      // Its timeout is a minute: what is over before that did not wait for it.
      while (state !== 'done' && state !== 'dead') state = (await space.admin('GET', `/tasks/${_id}`)).json().state;
      states.push(state);
    }
    assert.deepEqual(states, ['done', 'dead']);
  });
});

describe('a collection with a schema', () => {
  it('stores documents as the schema gives them back, and refuses others with what is wrong', async () => {
    const created = await send('POST', '/orders', { customer: 'Ada', amount: 3, unknown: true });
    assert.equal(created.status, 201, created.text);
    const { _id, ...stored } = created.json();
    assert.deepEqual(stored, { customer: 'Ada', amount: 3, state: 'open' });
    const refused = await send('POST', '/orders', { customer: 'A', amount: 0.5 });
    assert.equal(refused.status, 500);
    const logs = await space.admin('GET', '/logs?filter=does%20not%20fit');
    assert.match(logs.json().lines.at(-1).log, /does not fit the schema of "orders" at customer: .* \(and 1 more\)/);
    assert.equal((await send('PUT', `/replaced/${_id}`, { customer: 'Grace', amount: 1 })).json().customer, 'Grace');
  });

  it('checks what an update would make of the document', async () => {
    const { _id } = (await send('POST', '/orders', { customer: 'Ada', amount: 5 })).json();
    assert.equal((await send('PUT', `/orders/${_id}`, { $inc: { amount: -6 } })).status, 500);
    assert.equal((await send('PUT', `/orders/${_id}`, { state: 'lost' })).status, 500);
    assert.deepEqual((await send('PUT', `/orders/${_id}`, { $inc: { amount: 2 }, $set: { state: 'paid' } })).json(), {
      customer: 'Ada',
      amount: 7,
      state: 'paid',
      _id,
    });
    assert.equal((await send('PUT', '/orders/missing', { state: 'paid' })).status, 500);
    const upserted = await send('PUT', '/orders/made?upsert=true', { $set: { customer: 'Eve', amount: 1 } });
    assert.deepEqual(upserted.json(), { customer: 'Eve', amount: 1, state: 'open', _id: 'made' });
  });

  it('changes many, and loses no change of ten at once', async () => {
    const { _id } = (await send('POST', '/orders', { customer: 'Bob', amount: 10 })).json();
    assert.equal((await send('POST', `/raise/${_id}`)).json().amount, 20);
    assert.deepEqual((await send('PUT', '/all-orders', { $inc: { amount: 1 } })).json(), { count: 1 });
  });

  it('lets one of several conditional updates win', async () => {
    const { _id } = (await send('POST', '/orders', { customer: 'Lock', amount: 0 })).json();
    const claims: string[] = (await send('POST', `/claim/${_id}`)).json();
    assert.equal(claims.filter((status) => status === 'fulfilled').length, 1);
  });
});

describe('collection.watch()', () => {
  it('tells what is inserted, updated and removed, as it is committed', async () => {
    const feed = await openEvents('/watch');
    assert.equal((await feed.next()).event, 'ready');
    const note = (await send('POST', '/notes', { text: 'one' })).json();
    await send('PUT', `/notes/${note._id}`, { stars: 3 });
    await send('DELETE', `/notes/${note._id}`);
    const told = [await feed.next(), await feed.next(), await feed.next()];
    assert.deepEqual(
      told.map(({ event, data }) => [event, JSON.parse(data)]),
      [
        ['insert', { _id: note._id, document: note }],
        ['update', { _id: note._id, document: { text: 'one', stars: 3, _id: note._id } }],
        ['remove', { _id: note._id, document: { text: 'one', stars: 3, _id: note._id } }],
      ],
    );
    feed.leave();
    await untilAborted('watch');
  });

  it('tells of a query what comes to match and what matches no longer, whoever writes it', async () => {
    const feed = await openEvents(`/watch?filter=${encodeURIComponent('{"stars":{"$gte":3},"text":{"$regex":"^a"}}')}`);
    await feed.next();
    const imported = await space.admin('POST', '/collections/notes/import', [
      { _id: 'ant', text: 'ant', stars: 1 },
      { _id: 'bee', text: 'bee', stars: 5 },
      { _id: 'asp', text: 'asp', stars: 5 },
    ]);
    assert.equal(imported.status, 200, imported.text);
    for (const stars of [3, 4, 2]) await send('PUT', '/notes/ant', { stars });
    const told = [await feed.next(), await feed.next(), await feed.next(), await feed.next()];
    assert.deepEqual(
      told.map(({ event, data }) => [event, JSON.parse(data)._id, JSON.parse(data).document.stars]),
      [
        ['insert', 'asp', 5],
        ['insert', 'ant', 3],
        ['update', 'ant', 4],
        ['remove', 'ant', 4],
      ],
    );
    feed.leave();
  });

  it('says so when changes were missed, and ends', async () => {
    const feed = await openEvents('/watch-slowly?ms=1500');
    assert.equal((await feed.next()).event, 'ready');
    for (let batch = 0; batch < 11; batch += 1) assert.equal((await send('POST', '/many-notes/1000')).status, 200);
    const { event, data } = await feed.next();
    assert.equal(event, 'failed');
    assert.match(data, /Changes were missed/);
  });
});
