/**
 * Workers that do not do what they should, and administration of what becomes of their tasks, on a real gateway in its own
 * process. Nothing is fake; a sandbox process is found by its parent and killed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { poll } from './support.ts';

let gateway: GatewayProcess;
let space: TestSpace;

before(async () => {
  gateway = await startGateway();
  space = await createTestSpace(gateway, 'misbehaving');
  const deployed = await space.deploy(join(import.meta.dirname, '../fixtures/apps/durable'), 'tackle');
  assert.equal(deployed.status, 201, deployed.text);
});
after(() => gateway?.stop());

const enqueue = async (topic: string, payload: unknown = {}, query = ''): Promise<string> => {
  const answer = await space.request(`/enqueue/${topic}${query}`, { method: 'POST', json: payload });
  assert.equal(answer.status, 201, answer.text);
  return answer.json()[0]._id;
};
const taskOf = async (id: string) => (await space.admin('GET', `/tasks/${id}`)).json();
const untilState = (id: string, state: string, deadlineMs?: number) =>
  poll(
    () => taskOf(id),
    (task) => task.state === state,
    deadlineMs,
  );

describe('workers', () => {
  test('one that never settles is timed out, tried again, and dead-lettered with its history', async () => {
    const task = await untilState(await enqueue('never'), 'dead');
    assert.equal(task.reason, 'retries-exhausted');
    assert.equal(task.attempts.length, 2);
    assert.equal(task.error.code, 'app_timeout');
    assert.ok(task.attempts.every((attempt: { error: unknown }) => attempt.error !== null));
  });

  test('one that throws is retried and dead-lettered with what it threw', async () => {
    const task = await untilState(await enqueue('throws'), 'dead');
    assert.equal(task.failures, 3);
    assert.match(task.error.message, /as told/);
  });

  test('one that answers 500 has failed', async () => {
    const task = await untilState(await enqueue('says500'), 'dead');
    assert.match(task.error.message, /answered 500: broken/);
  });

  test('one that answers twice is done once', async () => {
    const task = await untilState(await enqueue('twice'), 'done');
    assert.equal(task.attempt, 1);
    assert.deepEqual(task.attempts, []);
  });

  test('options of a single task win over those of its worker', async () => {
    const task = await untilState(await enqueue('throws', {}, '?retries=0'), 'dead');
    assert.equal(task.failures, 1);
  });

  test('a payload over the limit is refused with its size', async () => {
    const answer = await space.request('/enqueue/count', { method: 'POST', json: { text: 'x'.repeat(5_000_000) } });
    assert.equal(answer.status, 500);
  });

  test('a topic without worker keeps its tasks and says so once in the log of the app', async () => {
    const task = await untilState(await enqueue('nobody', { a: 1 }), 'ready');
    assert.deepEqual(task.payload, { a: 1 });
    await enqueue('nobody', { a: 2 });
    const warnings = await poll(
      async () =>
        (await space.admin('GET', '/logs?tail=1000'))
          .json()
          .lines.filter(({ log }: { log: string }) => log.includes("Missing queuehook for topic 'nobody'")),
      (lines: unknown[]) => lines.length > 0,
    );
    assert.equal(warnings.length, 1);
    const { topics } = (await space.admin('GET', '/topics')).json();
    assert.equal(topics.find(({ topic }: { topic: string }) => topic === 'nobody').hasHandler, false);
  });
});

describe('sandbox processes', () => {
  test('tasks of one that is killed are tried again within a second, and others go on', async () => {
    const ids = await Promise.all(['first', 'second'].map((name) => enqueue('slow', { name })));
    await Promise.all(ids.map((id) => untilState(id, 'running')));
    const killed = findSandboxes(gateway.pid);
    assert.ok(killed.length > 0, 'no sandbox found');
    const killedAtMs = Date.now();
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    // A request that reaches the dying process before its end is known ends with it.
    const accepted = await poll(
      () => space.request('/enqueue/count', { method: 'POST', json: { n: 4712 } }),
      ({ status }) => status === 201,
    );
    const other: string = accepted.json()[0]._id;
    for (const id of ids) {
      const { attempt, attempts, failures, crashes, startedAtMs } = await untilState(id, 'done', 5_000);
      assert.deepEqual([attempt, failures, crashes], [2, 0, 1]);
      assert.equal(attempts[0].error.code, 'app_crashed');
      const waitedMs = startedAtMs - killedAtMs;
      assert.ok(waitedMs >= 0 && waitedMs < 1_000, `tried again after ${waitedMs} ms`);
    }
    await untilState(other, 'done');
  });

  test('one that is stopped and continued after its task was given to another attempt cannot write any more', async () => {
    const id = await enqueue('late');
    await untilState(id, 'running');
    const pids = findSandboxes(gateway.pid);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await poll(
      () => taskOf(id),
      ({ attempt }) => attempt >= 2,
    );
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await untilState(id, 'done');
    // The handler of the first attempt writes half a second after it began, whatever has become of its task.
    await new Promise((resolve) => setTimeout(resolve, 700));
    const written = (await space.request('/seen/late')).json();
    assert.deepEqual(
      written.map(({ attempt }: { attempt: number }) => attempt > 1),
      [true],
      'the first attempt wrote after it had lost its task',
    );
  });

  test('a task that takes its process with it three times is poison, and others go on', async () => {
    const add = async (topic: string, payload: object): Promise<string> =>
      (await space.admin('POST', `/topics/${topic}/tasks`, { payload })).json().id;
    const poison = await add('exits', { exit: true });
    const other = await add('count', { n: 4711 });
    const task = await untilState(poison, 'dead', 60_000);
    assert.equal(task.reason, 'poison');
    assert.equal(task.crashes, 3);
    await untilState(other, 'done');
    await poll(
      async () => (await space.request('/seen/jobs')).status,
      (status) => status === 200,
    );
  });
});

describe('administration', () => {
  test('a paused topic starts nothing until it is resumed', async () => {
    assert.equal((await space.admin('POST', '/topics/twice/pause')).json().settings.paused, true);
    const id = await enqueue('twice');
    // Another topic works off what came later.
    await untilState(await enqueue('count'), 'done');
    assert.equal((await taskOf(id)).state, 'ready');
    await space.admin('POST', '/topics/twice/resume');
    await untilState(id, 'done');
  });

  test('dead tasks are redriven, dropped and purged', async () => {
    const id = await enqueue('throws', {}, '?retries=0');
    await untilState(id, 'dead');
    assert.equal((await space.admin('POST', `/tasks/${id}/redrive`)).json().count, 1);
    const again = await untilState(id, 'dead');
    assert.equal(again.attempt, 2);
    assert.equal((await space.admin('DELETE', `/tasks/${id}`)).status, 204);
    assert.equal((await taskOf(id)).state, 'dropped');
    const purged = (await space.admin('POST', '/topics/nobody/purge', {})).json();
    assert.deepEqual(purged, { count: 2, done: true });
  });

  test('a job is run now, and a bad setting is refused by name', async () => {
    const { schedules } = (await space.admin('GET', '/schedules')).json();
    assert.equal(schedules[0].expression, '0 0 1 1 *');
    assert.equal(schedules[0].lastTickMs, null, 'it was not due yet');
    assert.ok(schedules[0].nextTickMs > Date.now());
    const run = await space.admin('POST', '/schedules/run', { name: '0 0 1 1 *' });
    assert.equal(run.status, 201, run.text);
    await untilState(run.json().taskId, 'done');
    const jobs = await poll(
      async () => (await space.request('/seen/jobs')).json(),
      (documents) => documents.length === 1,
    );
    assert.equal(jobs[0].jobId, run.json().taskId);
    const refused = await space.admin('PUT', '/topics/twice', { wrokers: 3 });
    assert.equal(refused.status, 400);
    assert.match(refused.text, /no setting .*wrokers/);
  });

  test('instances are listed, shown with their history, and counted by step', async () => {
    const started = await space.admin('POST', '/workflow-instances', { workflow: 'approval', state: { a: 1 } });
    assert.equal(started.status, 201, started.text);
    const id = started.json()._id;
    await poll(
      async () => (await space.admin('GET', `/workflow-instances/${id}`)).json(),
      (instance) => instance.status === 'waiting' && instance.history.length === 1,
    );
    const { instances } = (await space.admin('GET', '/workflow-instances?workflow=approval')).json();
    assert.equal(instances[0].id, id);
    const { workflows } = (await space.admin('GET', '/workflows')).json();
    const approval = workflows.find(({ name }: { name: string }) => name === 'approval');
    assert.deepEqual(approval.counts, [{ status: 'waiting', step: 'ask', count: 1 }]);
    assert.equal((await space.admin('POST', `/workflow-instances/${id}/cancel`)).json().status, 'cancelled');
  });
});

describe('deployments', () => {
  test('an invalid cron expression fails the deployment and names it', async () => {
    const answer = await space.admin('POST', '/deployments', {
      bundle: `var EntryPoint = { default: { routehooks: {}, jobhooks: { '61 * * * *': [() => {}] }, queuehooks: {}, workerhooks: {},
        authhooks: {}, globalhooks: [], settings: {}, realtime: {}, app: {} } };`,
      kind: 'original',
    });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /61 \* \* \* \*/);
  });

  test('an app with the original library in its bundle has its workers, jobs and workflows', async () => {
    const original = await createTestSpace(gateway, 'original');
    const deployed = await original.deploy(join(import.meta.dirname, '../fixtures/apps/durable-original'), 'original');
    assert.equal(deployed.status, 201, deployed.text);
    await original.request('/enqueue/count', { method: 'POST', json: Array.from({ length: 20 }, (_, n) => ({ n })) });
    const seen = await poll(
      async () => (await original.request('/seen')).json(),
      (documents) => documents.length === 20,
    );
    assert.deepEqual(
      seen.map(({ n }: { n: number }) => n),
      Array.from({ length: 20 }, (_, n) => n),
    );
    const { _id } = (await original.request('/start', { method: 'POST', json: { order: 1 } })).json();
    const document = await poll(
      async () => (await original.request(`/status/${_id}`)).json(),
      (found) => found.nextStep === null,
    );
    assert.equal(document.result, 'processed');
    await original.admin('POST', '/schedules/run', { name: '0 0 1 1 *' });
    await poll(
      async () => (await original.request('/jobs')).json(),
      (jobs) => jobs.length === 1,
    );
  });
});

/** Processes below the gateway that are Deno. */
function findSandboxes(gatewayPid: number): number[] {
  const parents = new Map<number, number>();
  const deno = new Set<number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      if (name.includes('deno')) deno.add(Number(entry));
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at === gatewayPid) return true;
    }
    return false;
  };
  return [...deno].filter(isBelow);
}
