// The micro-assertions that every host of such apps must satisfy, end to end: real gateway process, sandbox, HTTP and queue; one
// app that does one thing per route, with our build and as an original bundle. (Static files, storage: file-apps.test.ts; the
// official client: its own tests.)
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { poll } from '../durable/support.ts';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, send, startGateway } from '../support/gateway-process.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents of every shape
type Documents = any[];

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway({ env: { TACKLE_APP_REQUEST_TIMEOUT_MS: '2000' } });
});
after(() => gateway.stop());

for (const mode of buildModes) {
  let space: TestSpace;
  const get = async (path: string) => (await space.request(path)).json();
  const post = (path: string, json: unknown) => space.request(path, { method: 'POST', json });
  const readLog = async (topic: string): Promise<Documents> =>
    (await space.admin('POST', '/collections/log/query', { query: { topic } })).json();

  describe(`the datastore of an app (${mode})`, () => {
    before(async () => {
      space = await deployFixture(gateway, 'probe', mode, { GREETING: 'hello' });
    });

    it('1: can be used before its opening was awaited, and after', async () => {
      const { inserted, count, same } = await get('/datastore/open');
      assert.deepEqual([inserted.a, typeof inserted._id, count, same], [1, 'string', { count: 1 }, true]);
    });
    it('2: gives streams at once, which can be awaited, also for unknown collections', async () => {
      const answer = await get('/datastore/stream');
      assert.deepEqual(answer, { isPromise: false, hasThen: 'undefined', toArray: 'function', empty: [] });
    });
    it('3: rejects where nothing matches, unless asked for null or an upsert', async () => {
      const { getOne, findOneOrNull, updateOne, upsert, removeOne } = await get('/datastore/missing');
      for (const { rejected } of [getOne, updateOne, removeOne]) assert.match(rejected, /Not found/);
      assert.deepEqual(findOneOrNull, { value: null });
      assert.deepEqual([upsert.value.x, upsert.value.y], [1, 1]);
    });
    it('4: upserts by an id of the app, once', async () => {
      const { first, second, count } = await get('/datastore/upsertById');
      assert.deepEqual(
        [first, second],
        [
          { a: 1, _id: 'my-id' },
          { a: 2, _id: 'my-id' },
        ],
      );
      assert.deepEqual(count, { count: 1 });
    });
    it('5: takes a dotted key literally in updates, and as a path in queries', async () => {
      const { keys, found } = await get('/datastore/dots');
      assert.deepEqual([keys.toSorted(), found], [['_id', 'a.b', 'n'], 1]);
    });
    it('6: counts atomically, re-arms times to live, and forgets in time', async () => {
      const answer = await get('/datastore/keyValue');
      assert.deepEqual(answer, { highest: 100, distinct: 100, total: 100, rearmed: 2, expired: null });
    });
    it('7: lets exactly one of many claims succeed', async () => {
      assert.deepEqual(await get('/datastore/claims'), { successes: 5, sent: [0, 1, 2, 3, 4] });
    });
  });

  describe(`requests and answers (${mode})`, () => {
    it('8: end once, take objects, chain writes, repeat cookies, and stream alike in three ways', async () => {
      const status = await space.request('/answer/status');
      assert.deepEqual([status.status, status.text], [201, '{"a":1}']);
      assert.equal((await space.request('/answer/write')).text, 'ab');
      assert.deepEqual(await get('/answer/object'), { a: 1 });
      const cookies = await space.request('/answer/cookies');
      assert.deepEqual(cookies.headers['set-cookie'], ['a=1; Path=/', 'b=2']);
      const ways = ['json-of-response', 'json-of-stream', 'pipe'];
      const answers = await Promise.all(ways.map((way) => space.request(`/answer/many/${way}`)));
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      for (const answer of answers) assert.match(String(answer.headers['content-type']), /^application\/json/);
      assert.deepEqual(
        answers[0]?.json().map(({ n }: { n: number }) => n),
        [1, 2, 3],
      );
    });
    it('9: keep the exact text of a body, parse it, and leave multipart to the app', async () => {
      const sent: [string, string, unknown][] = [
        ['application/json', '{"a": 1 }', { a: 1 }],
        ['application/x-www-form-urlencoded', 'a=b+c%20d', { a: 'b c d' }],
      ];
      for (const [type, body, parsed] of sent) {
        const answer = await space.request('/raw', { method: 'POST', headers: { 'content-type': type }, body });
        assert.deepEqual(answer.json(), { rawBody: body, body: parsed });
      }
      for (const path of ['/multipart', '/multipart?wait=1']) {
        const form = new FormData();
        form.set('file', new Blob([new Uint8Array(100_000)]), 'zeros.bin');
        const encoded = new Response(form);
        const answer = await space.request(path, {
          method: 'POST',
          headers: { 'content-type': encoded.headers.get('content-type') as string },
          body: new Uint8Array(await encoded.arrayBuffer()),
        });
        const files = { file: { filename: 'zeros.bin', size: 100_000 } };
        assert.deepEqual(answer.json(), { body: {}, rawBody: 'undefined', files });
      }
    });
    it('10: need a token, or the leave of the first auth hook that matches', async () => {
      const anonymous = (path: string, headers: Record<string, string> = {}) =>
        space.request(path, { anonymous: true, headers });
      const denied = await anonymous('/plain');
      assert.deepEqual([denied.status, denied.json()], [401, { error: 'Authentication failed' }]);
      assert.equal((await anonymous(`/plain?apikey=${space.token}`)).text, 'plain');
      const reading = (await space.admin('POST', '/tokens', { access: 'READ' })).json().key;
      assert.equal((await anonymous('/plain', { 'x-apikey': reading })).status, 200);
      const written = await space.request('/plain', {
        method: 'POST',
        anonymous: true,
        headers: { 'x-apikey': reading },
      });
      assert.ok([401, 403].includes(written.status), `${written.status}`);
      assert.equal((await anonymous('/guarded/special')).status, 200);
      const refused = await anonymous('/guarded/other');
      assert.ok([401, 403].includes(refused.status) && /no pass/.test(refused.text), refused.text);
      assert.equal((await anonymous('/guarded/other', { 'x-pass': '1' })).json().what, 'other');
      const foreign = { authorization: 'Bearer aaaa.bbbb.cccc' };
      assert.equal((await anonymous('/guarded/other', { ...foreign, 'x-pass': '1' })).status, 200);
      assert.ok([401, 403].includes((await anonymous('/guarded/other', foreign)).status));
      const moved = await anonymous('/moved');
      assert.deepEqual([moved.status, moved.headers.location], [302, '/elsewhere']);
    });
    it('11: reach a route for all methods with OPTIONS too, and always have CORS headers', async () => {
      const options = await space.request('/f/x', { method: 'OPTIONS' });
      assert.deepEqual(options.json(), { method: 'OPTIONS', id: 'x' });
      const unknown = await space.request('/unknown/path/of/nobody', { headers: { origin: 'https://example.org' } });
      assert.equal(unknown.status, 404);
      assert.equal(unknown.headers['access-control-allow-origin'], 'https://example.org');
      assert.equal(unknown.headers['access-control-allow-credentials'], 'true');
      const preflight = await space.request('/plain', {
        method: 'OPTIONS',
        anonymous: true,
        headers: { origin: 'https://example.org', 'access-control-request-headers': 'x-custom' },
      });
      assert.ok([200, 204].includes(preflight.status));
      assert.match(String(preflight.headers['access-control-allow-headers']), /x-custom/i);
    });
    it('12: reach the page of the API although crudlify came first', async () => {
      const page = await space.request('/docs', { anonymous: true });
      assert.deepEqual([page.status, /html/.test(String(page.headers['content-type']))], [200, true]);
    });
    it('see a changed variable without a new deployment', async () => {
      assert.equal((await get('/env/GREETING')).value, 'hello');
      await space.setEnv({ GREETING: 'good day' });
      assert.equal((await get('/env/GREETING')).value, 'good day');
    });
    it('22: that make no sense get a clear 4xx, and the gateway goes on', async () => {
      const json = { 'content-type': 'application/json' };
      const malformed = await space.request('/raw', { method: 'POST', headers: json, body: '{"a":' });
      assert.equal(malformed.status, 400);
      assert.ok(malformed.json().error);
      const root = (path: string, headers: Record<string, string>) => send(gateway.url, path, { headers });
      assert.equal((await root('/x', { host: 'nobody-0000.api.codehooks.io' })).status, 421);
      assert.equal((await root(`/p/${space.project}/nospace/x`, {})).status, 404);
      assert.equal((await space.request('/plain')).text, 'plain');
    });
  });

  describe(`durable work (${mode})`, () => {
    it('13: runs one after another by default, and so many at once as was asked', async () => {
      const numbers = Array.from({ length: 20 }, (_, n) => ({ n }));
      await post('/enqueue/serial', numbers);
      const serial = await poll(
        () => readLog('serial'),
        (list) => list.length === 40,
      );
      assert.deepEqual(
        serial.map(({ n, event }) => `${event} ${n}`),
        numbers.flatMap(({ n }) => [`begin ${n}`, `end ${n}`]),
      );
      await post('/enqueue/parallel', numbers.slice(0, 9));
      const parallel = await poll(
        () => readLog('parallel'),
        (list) => list.length === 18,
      );
      let running = 0;
      let most = 0;
      for (const { event } of parallel) {
        running += event === 'begin' ? 1 : -1;
        most = Math.max(most, running);
      }
      assert.ok(most > 1 && most <= 3, `${most} at once`);
    });
    it('13: goes on when a worker never ends', async () => {
      await post('/enqueue/endless', [{ endless: true }, { n: 1 }]);
      await poll(
        () => readLog('endless'),
        (list) => list.length === 1,
      );
      await poll(
        async () => (await space.admin('GET', '/logs')).json().lines as Documents,
        (lines) => lines.some(({ log }) => /Gave up task .* of 'endless' \(retries-exhausted\)/.test(log)),
      );
    });
    it('14: runs jobs of five and six fields, which learn their id and need not end', async () => {
      const { schedules } = (await space.admin('GET', '/schedules')).json();
      assert.equal(schedules.length, 2);
      for (const { name } of schedules) await space.admin('POST', '/schedules/run', { name });
      const runs = await poll(
        () => readLog('job'),
        (list) => list.length === 2,
      );
      assert.deepEqual(runs.map(({ fields }) => fields).toSorted(), [5, 6]);
      for (const { jobId } of runs) assert.equal(typeof jobId, 'string');
      const states = async () => (await space.admin('GET', '/tasks?limit=100')).json().tasks as Documents;
      await poll(states, (tasks) => tasks.every(({ topic, state }) => !/job/.test(topic) || state === 'done'));
    });
    it('15: runs at once what was scheduled for the past', async () => {
      assert.equal((await post('/past', {})).status, 200);
      const [run] = await poll(
        () => readLog('scheduled'),
        (list) => list.length === 1,
      );
      assert.deepEqual(run.payload, { late: true });
    });
    it('21: ends a loop that goes round too often', async () => {
      const { _id: short } = (await post('/flow/loop', { wanted: 3 })).json();
      await poll(
        () => get(`/flow/loop/${short}`),
        (state) => state.nextStep === null && state.rounds === 3,
      );
      const { _id: long } = (await post('/flow/loop', { wanted: 5 })).json();
      const stopped = await poll(
        () => get(`/flow/loop/${long}`),
        (state) => state.lastError !== undefined || state.status === 'failed',
      );
      assert.notEqual(stopped.nextStep, null);
      assert.equal(stopped.rounds, 3);
    });
    it('21: waits until it is told, forks and joins', async () => {
      const { _id } = (await post('/flow/approval', {})).json();
      await poll(
        () => get(`/flow/approval/${_id}`),
        (state) => state.asked === true,
      );
      await post(`/flow/approval/${_id}`, { approved: true });
      const ended = await poll(
        () => get(`/flow/approval/${_id}`),
        (state) => state.nextStep === null,
      );
      assert.equal(ended.result, 'yes');
      const { _id: wide } = (await post('/flow/wide', {})).json();
      const joined = await poll(
        () => get(`/flow/wide/${wide}`),
        (state) => state.nextStep === null && state.joined === true,
      );
      // The original engine keeps what the last branch said; ours keeps what all said.
      if (mode === 'tackle') assert.deepEqual([joined.left, joined.right], [1, 2]);
    });
    it('21: answers for an unknown instance, or is stopped by the time limit of the route', async () => {
      const unknown = await space.request('/flow/approval/000000000000000000000000');
      // The original engine never settles that promise.
      assert.equal(unknown.status, mode === 'tackle' ? 404 : 504);
      assert.equal((await space.request('/plain')).text, 'plain');
    });
  });

  describe(`events to listeners (${mode})`, () => {
    it('16: reach those whose subscription matches', async () => {
      const listeners = await Promise.all(
        ['a', 'b'].map(async (topic) => (await post('/listen', { topic })).json()._id as string),
      );
      const streams = await Promise.all(listeners.map((id) => openStream(space, `/news/${id}`)));
      await post('/publish', { data: { n: 1 }, query: { topic: 'a' } });
      await post('/publish', { data: { n: 2 }, query: {} });
      await poll(
        async () => streams.map(({ events }) => events.length),
        ([first, second]) => first === 2 && second === 1,
      );
      assert.deepEqual(
        streams.map(({ events }) => events),
        [[{ n: 1 }, { n: 2 }], [{ n: 2 }]],
      );
      for (const { close } of streams) close();
    });
  });

  describe(`crudlify over HTTP (${mode})`, () => {
    it('19: understands the query language of URLs, of JSON, and both kinds of hints', async () => {
      for (const [name, age] of [
        ['Ann', 1],
        ['Bob', 2],
        ['Cid', 3],
      ]) {
        await post('/crud/people', { name, age, born: new Date(Date.UTC(2000, Number(age), 1)) });
      }
      const names = async (query: string) =>
        (await get(`/crud/people?${query}`)).map(({ name }: { name: string }) => name);
      const [found] = await get('/crud/people?age>=2&sort=-age&limit=1&fields=name');
      assert.deepEqual([found.name, found.age], ['Cid', undefined]);
      assert.deepEqual(await names(`q=${encodeURIComponent('{"age":{"$gte":2}}')}&sort=-age`), ['Cid', 'Bob']);
      assert.deepEqual(await names(`h=${encodeURIComponent('{"$sort":{"age":-1},"$limit":2}')}`), ['Cid', 'Bob']);
      assert.deepEqual(await get('/crud/people?h={"count":true}'.replaceAll('"', '%22')), [{ count: 3 }]);
      assert.deepEqual(await names('born>2000-03-01'), ['Cid']);
      assert.deepEqual(await names('born>=2000-03-01'), ['Bob', 'Cid']);
      assert.deepEqual(await names('name=/^b/i'), ['Bob']);
      const patched = await space.request('/crud/people/_byquery?age>1', { method: 'PATCH', json: { old: true } });
      assert.equal(patched.json().count, 2);
      const removed = await space.request('/crud/people/_byquery?old=true', { method: 'DELETE' });
      assert.equal(removed.json().count, 2);
      assert.deepEqual(await names('sort=age'), ['Ann']);
    });
  });
}

interface EventStream {
  readonly events: unknown[];
  close(): void;
}

/** Resolves when the stream is open. */
function openStream(space: TestSpace, path: string): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url);
    const url = `/p/${space.project}/${space.space}${path}`;
    const request = httpRequest({ hostname, port, path: url, headers: { 'x-apikey': space.token } }, onResponse);
    request.on('error', reject).end();
    function onResponse(response: IncomingMessage): void {
      if (response.statusCode !== 200) reject(new Error(`the stream answered ${response.statusCode}`));
      const events: unknown[] = [];
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop() as string;
        for (const block of blocks) {
          const data = /^data: ?(.*)$/m.exec(block)?.[1];
          if (data !== undefined) events.push(JSON.parse(data));
        }
      });
      response.on('error', () => {});
      resolve({ events, close: () => request.destroy() });
    }
  });
}
