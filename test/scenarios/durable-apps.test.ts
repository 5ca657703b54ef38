// Real gateway process, real sandbox, real queue; fixture apps with workers, jobs and workflows, each with our build and as an
// original bundle.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { poll } from '../durable/support.ts';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, type RawResponse, startGateway } from '../support/gateway-process.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents of every shape
type Documents = any[];

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

async function readLog(space: TestSpace): Promise<string[]> {
  const { lines } = (await space.admin('GET', '/logs?tail=1000')).json();
  return lines.map(({ log }: { log: string }) => log);
}

async function runJob(space: TestSpace, cron: string): Promise<void> {
  const { schedules } = (await space.admin('GET', '/schedules')).json();
  const schedule = schedules.find((candidate: { name: string }) => candidate.name.includes(cron));
  assert.ok(schedule, JSON.stringify(schedules));
  const answer = await space.admin('POST', '/schedules/run', { name: schedule.name });
  assert.equal(answer.status, 201, answer.text);
}

for (const mode of buildModes) {
  describe(`scenario 5: metering (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'metering', mode, { DRY_RUN: 'true' });
    });
    const post = (path: string, json?: unknown) => space.request(path, { method: 'POST', json });
    const get = async (path: string) => (await space.request(path)).json();
    const customers = ['cust_test_a', 'cust_test_b', 'cust_test_c'];
    const usage: Record<string, number[]> = {
      'api.calls': [10, 15, 25],
      'storage.bytes': [1000, 2500, 1500],
      'response.time.ms': [100, 200, 150],
    };
    const today = () => new Date().toISOString().slice(0, 10).replaceAll('-', '');
    const isIdle = async () =>
      (await space.admin('POST', '/collections/pending_agg_jobs/query', { count: true })).json().count === 0;

    it('checks what it is given', async () => {
      assert.deepEqual([(await get('/ping')).status, (await get('/ping')).dryRun], ['ok', true]);
      assert.equal((await post('/usage/unknown.type', { customerId: 'x', value: 1 })).status, 400);
      const invalid = await post('/usage/api.calls', { customerId: 'x' });
      assert.deepEqual([invalid.status, invalid.json().details.length], [422, 1]);
      assert.equal((await post('/usagebatch', { no: 'array' })).status, 400);
      const mixed = await post('/usagebatch', [{ eventType: 'api.calls', customerId: 'x', value: 1 }, { value: 'x' }]);
      assert.deepEqual([mixed.status, mixed.json().validationErrors[0].index], [422, 1]);
      const many = Array.from({ length: 1001 }, () => ({ eventType: 'api.calls', customerId: 'x', value: 1 }));
      assert.equal((await post('/usagebatch', many)).status, 413);
    });
    it('stores events, and streams the newest first', async () => {
      for (const customerId of customers) {
        const single = await post('/usage/api.calls', { customerId, value: usage['api.calls']![0] });
        assert.equal(single.status, 201, single.text);
        const batch = Object.entries(usage).flatMap(([eventType, values]) =>
          values.slice(eventType === 'api.calls' ? 1 : 0).map((value) => ({ eventType, customerId, value })),
        );
        assert.deepEqual((await post('/usagebatch', batch)).json(), { count: 8 });
      }
      const events = await get('/events?customerId=cust_test_a&limit=2');
      assert.deepEqual(
        events.map(({ value }: { value: number }) => value),
        [150, 200],
      );
      assert.match(events[0].received, /^\d{4}-\d\d-\d\dT.*Z$/);
    });
    it('aggregates in workers, once per customer and period however often it is asked', async () => {
      const triggered = await post('/aggregations/trigger');
      const expected = { jobsQueued: 12, customersFound: 3, periodsConfigured: 4 };
      assert.deepEqual([triggered.status, triggered.json()], [202, expected]);
      const daily = (list: Documents) => list.length === 1;
      const [first] = await poll(() => get('/aggregations?customerId=cust_test_a&period=daily'), daily);
      assert.equal(first._id, `cust_test_a_daily_${today()}`);
      assert.deepEqual(first.events, { 'api.calls': 50, 'storage.bytes': 2500, 'response.time.ms': 150 });
      await poll(isIdle, Boolean);
      const before = (await get('/aggregations')).map(({ _id }: { _id: string }) => _id);
      assert.equal(before.length, 12);
      await post('/aggregations/trigger');
      const again = await poll(
        () => get('/aggregations'),
        (list: Documents) => list.every(({ runs }) => runs === 2),
      );
      assert.deepEqual(
        again.map(({ _id }: { _id: string }) => _id),
        before,
      );
    });
    it('leaves no lock and no pending job behind, and its updates name fields with dots', async () => {
      await poll(isIdle, Boolean);
      const locks = await poll(
        async () => (await space.admin('GET', '/kv?keyspace=aggregation-locks')).json().entries,
        (entries: unknown[]) => entries.length === 0,
      );
      assert.deepEqual(locks, []);
      const told = (list: Documents) => list.every(({ attempts }) => attempts === 2);
      const aggregations = await poll(() => get('/aggregations'), told);
      assert.equal(aggregations[0]['webhookStatus.delivered'], false);
    });
    it('runs on its schedule', async () => {
      await runJob(space, '*/15 * * * *');
      const lines = await poll(
        () => readLog(space),
        (log) => log.some((line) => /Aggregation run/.test(line)),
      );
      assert.ok(lines.some((line) => /Aggregation run \S+ \{"jobsQueued":12,/.test(line)));
    });
  });

  describe(`scenario 21: a mailing list in TypeScript (${mode})`, () => {
    let space: TestSpace;
    let cookie = '';
    before(async () => {
      space = await deployFixture(gateway, 'mailing-list', mode, {
        ADMIN_PASSWORD: 'correct',
        JWT_SECRET: 'a secret of the app',
        SENDING_PAUSED: 'true',
      });
    });
    const call = (method: string, path: string, json?: unknown): Promise<RawResponse> =>
      space.request(path, { method, json, anonymous: true, headers: cookie === '' ? {} : { cookie } });
    const get = async (path: string) => (await call('GET', path)).json();
    const login = (password: string) => call('POST', '/admin/api/login', { password });

    it('lets its administrator in by a cookie', async () => {
      const refused = await call('GET', '/admin/api/stats');
      assert.deepEqual([refused.status, refused.json().error], [401, 'Unauthorized']);
      const answer = await login('correct');
      assert.equal(answer.status, 200, answer.text);
      const [set] = answer.headers['set-cookie'] as string[];
      assert.match(set as string, /^session=[\w.-]+; HttpOnly/);
      cookie = (set as string).split(';')[0] as string;
      assert.equal((await call('GET', '/admin/api/stats')).status, 200);
    });
    it('keeps settings as JSON in a key', async () => {
      const changed = { companyName: 'Acme', accentColor: '#ff0000' };
      assert.deepEqual((await call('PUT', '/admin/api/settings', changed)).json(), { ok: true });
      const invalid = await call('PUT', '/admin/api/settings', { accentColor: 'red' });
      assert.deepEqual([invalid.status, invalid.json().issues[0].path], [400, ['accentColor']]);
      assert.deepEqual(await get('/admin/api/settings'), changed);
      const branding = await space.request('/branding', { anonymous: true });
      assert.deepEqual([branding.json(), branding.headers['cache-control']], [changed, 'public, max-age=60']);
    });
    it('imports addresses in batches, the same ones once', async () => {
      assert.equal((await call('POST', '/admin/api/lists', { name: 'News' })).status, 200);
      assert.equal((await call('POST', '/admin/api/lists', { name: 'News' })).status, 409);
      const emails = Array.from({ length: 120 }, (_, index) => `Reader${String(index).padStart(3, '0')}@example.org`);
      for (const _round of [1, 2]) {
        const imported = await call('POST', '/admin/api/import', { emails: [...emails, 'nobody'], list: 'news' });
        assert.deepEqual(imported.json(), { queued: 121 });
        await poll(
          async () => (await space.admin('GET', '/topics')).json().topics,
          (topics: { topic: string; counts: Record<string, number> }[]) => isEmpty(topics, 'import-batch'),
        );
        const stats = await get('/admin/api/stats');
        assert.deepEqual(stats, { pending: 0, confirmed: 120, unsubscribed: 0, queued: 0 });
      }
      const page = await get('/admin/api/subscribers?limit=10&offset=110&search=@');
      assert.deepEqual([page.rows.length, page.rows[9].email, page.next], [10, 'reader119@example.org', 120]);
    });
    it('sends to a list by a query, and each campaign only once', async () => {
      const campaign = (await call('POST', '/admin/api/campaigns', { subject: 'Hello' })).json();
      assert.equal(campaign.status, 'draft');
      const path = `/admin/api/campaigns/${campaign._id}/send`;
      assert.deepEqual((await call('POST', path, { list: 'news' })).json(), { queued: 100 });
      assert.equal((await call('POST', path, { list: 'news' })).status, 409);
      const sent = await poll(
        () => get('/admin/api/sent'),
        (list: Documents) => list.length === 100,
      );
      assert.match(sent[0]._id, /^news:reader\d+@example\.org$/);
    });
    it('takes subscriptions to lists that exist', async () => {
      const subscribe = (list: string) => call('POST', '/subscribe', { email: ' New@Example.org ', list });
      assert.equal((await subscribe('other')).status, 400);
      const subscribed = await subscribe('news');
      assert.deepEqual([subscribed.status, subscribed.json().id], [201, 'news:new@example.org']);
    });
    it('slows whoever guesses passwords', async () => {
      for (let attempt = 1; attempt <= 10; attempt += 1) assert.equal((await login('wrong')).status, 401);
      assert.equal((await login('wrong')).status, 429);
    });
  });

  describe(`scenario 43: a worker and a daily job (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'jobs-and-queues', mode);
    });
    const tasks = async () => (await space.admin('POST', '/collections/tasks/query', {})).json();

    it('works on what was queued, with dates as ISO text', async () => {
      const created = await space.request('/tasks', { method: 'POST', json: { data: 1 } });
      assert.deepEqual([created.status, created.json().status], [201, 'pending']);
      assert.match(created.json().createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const [done] = await poll(tasks, ([task]) => task.status === 'done');
      assert.match(done.completedAt, /Z$/);
    });
    it('writes into the log why a worker failed, and goes on with the next task', async () => {
      const job = await space.request('/broken', { method: 'POST', json: {} });
      assert.match(job.json()._id, /./);
      await poll(
        () => readLog(space),
        (log) => log.some((line) => /Not found/i.test(line)),
      );
      const created = (await space.request('/tasks', { method: 'POST', json: { data: 2 } })).json();
      await poll(tasks, (list: Documents) => list.some(({ _id, status }) => _id === created._id && status === 'done'));
    });
    it('runs the job now, which need not end its response', async () => {
      await runJob(space, '0 9 * * *');
      const lines = await poll(
        () => readLog(space),
        (log) => log.some((line) => /Running daily summary job/.test(line)),
      );
      assert.ok(lines.some((line) => /Running daily summary job: \S+/.test(line) && !/undefined/.test(line)));
      const [summary] = await poll(
        async () => (await space.admin('POST', '/collections/summaries/query', {})).json(),
        (list: Documents) => list.length === 1,
      );
      assert.equal(summary.count, 2);
    });
  });

  describe(`scenario 50: webhook, worker, job and workflow of the guide (${mode})`, () => {
    it('stores an event from anybody, processes it, and cleans up', async () => {
      const space = await deployFixture(gateway, 'seed-webhook', mode);
      const json = { id: 'evt-1', nested: { deep: [1, 2] } };
      const posted = await space.request('/webhook', { method: 'POST', json, anonymous: true });
      assert.deepEqual([posted.status, posted.json()], [200, { ok: true }]);
      const events = async () => (await space.admin('POST', '/collections/events/query', {})).json();
      const [event] = await poll(events, ([first]) => first.processed === true);
      assert.deepEqual(event.payload, json);
      await runJob(space, '0 0 * * *');
      await poll(events, (list: Documents) => list.length === 0);
      await poll(
        () => readLog(space),
        (log) => log.some((line) => line.includes('cleaned 1')),
      );
    });
    it('runs a workflow to its end, along either branch', async () => {
      const space = await deployFixture(gateway, 'seed-workflow', mode);
      for (const amount of [50, 500]) {
        const started = await space.request('/start', { method: 'POST', json: { amount } });
        assert.equal(started.status, 200, started.text);
        const { _id } = started.json();
        const ended = await poll(
          async () => (await space.request(`/status/${_id}`)).json(),
          (state) => state.nextStep === null,
        );
        assert.deepEqual(
          [ended.result, ended.began, ended.reviewed, ended.amount],
          ['processed', true, amount > 100 ? true : undefined, amount],
        );
      }
    });
  });
}

function isEmpty(topics: readonly { topic: string; counts: Record<string, number> }[], name: string): boolean {
  const topic = topics.find((candidate) => candidate.topic === name);
  return topic !== undefined && ['ready', 'running', 'scheduled'].every((state) => !topic.counts[state]);
}
