/**
 * Commands for queues, jobs and workflows against a gateway with an app, each the real program in a process of its own.
 * Nothing is fake.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { launcher, type RunResult, run } from './run-cli.ts';

const directory = mkdtempSync(join(import.meta.dirname, '../fixtures/apps/durable-commands-'));
const app = join(directory, 'app');
let gateway: GatewayProcess;

const source = `import { app } from 'tackle-sdk';
  app.worker('fails', async (req, res) => res.status(500).json({ why: 'as told' }), { retries: 0, workers: 50 });
  app.job('0 0 1 1 *', async () => {});
  app.createWorkflow('order', 'waits to be paid', {
    begin: async (state, goto) => goto('ask', { amount: state.amount ?? 1 }),
    ask: async (state, goto, wait, step) => {
      const label = await step.run('label', () => 'made');
      const paid = await step.waitForEvent('paid', { timeout: 86_400_000 });
      await goto(null, { paid, label });
    },
  });
  export default app.init();`;

before(async () => {
  gateway = await startGateway();
  mkdirSync(app);
  writeFileSync(join(app, 'index.js'), source);
  await succeed(['create', 'work', '--here', '--empty']);
  await succeed(['deploy']);
});
after(async () => {
  await gateway?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function tackle(args: readonly string[]): Promise<RunResult> {
  const env = { TACKLE_HOME: gateway.home, TACKLE_URL: undefined, TACKLE_ADMIN_TOKEN: undefined, NO_COLOR: '1' };
  return run(launcher, args, { cwd: app, env });
}
async function succeed(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tackle(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
async function read<Result>(args: readonly string[]): Promise<Result> {
  return JSON.parse(await succeed([...args, '--json'])) as Result;
}
async function fail(args: readonly string[], wantedCode = 1): Promise<string> {
  const { code, stderr } = await tackle(args);
  assert.equal(code, wantedCode, args.join(' '));
  return stderr;
}
interface Instance {
  readonly id: string;
  readonly status: string;
  readonly step: string | null;
  readonly state: Record<string, unknown>;
}
async function until(id: string, isWanted: (instance: Instance) => boolean): Promise<Instance> {
  for (let tries = 0; ; tries += 1) {
    const instance = await read<Instance>(['workflow-get', id]);
    if (isWanted(instance)) return instance;
    assert.ok(tries < 50, `the instance is still ${instance.status} at ${instance.step}`);
  }
}
async function start(state: object): Promise<string> {
  return (await read<{ _id: string }>(['workflow', 'start', 'order', JSON.stringify(state)]))._id;
}

describe('workflows', { concurrency: false }, () => {
  it('are started, shown with what they wait for, and go on with an event', async () => {
    const id = await start({ amount: 5 });
    await until(id, ({ status }) => status === 'waiting');
    assert.match(await succeed(['workflow-get', id]), /ask waits for the event "paid", at most 1 day/);
    assert.match(await succeed(['workflow', 'send', id, 'other']), /Nobody waits for "other" yet; it is kept/);
    assert.match(await succeed(['workflow', 'send', id, 'paid', '{"by":"card"}']), new RegExp(`Delivered to ${id}`));
    const { state } = await until(id, ({ status }) => status === 'completed');
    assert.deepEqual([state.amount, state.paid, state.label], [5, { by: 'card' }, 'made']);
  });

  it('are forked from a step with another state and result, and cancelled', async () => {
    const id = await start({ amount: 5 });
    await until(id, ({ status }) => status === 'waiting');
    const { _id: forked } = await read<{ _id: string }>([
      'workflow',
      'fork',
      id,
      'ask',
      '--state',
      '{"amount":7}',
      '--results',
      '{"label":"edited"}',
    ]);
    await succeed(['workflow', 'send', forked, 'paid', 'true']);
    const { state } = await until(forked, ({ status }) => status === 'completed');
    assert.deepEqual([state.amount, state.label], [7, 'edited']);
    const { _id: ended } = await read<{ _id: string }>(['workflow', 'fork', id, 'ask', '--end']);
    await until(ended, ({ status }) => status === 'completed');
    assert.match(await succeed(['workflow', 'cancel', id]), /is cancelled/);
    assert.match(await fail(['workflow', 'continue', id]), /was cancelled and cannot be continued/);
  });

  it('say what is wrong with an id, a name, a state or a status', async () => {
    assert.match(await fail(['workflow', 'start', 'nope']), /no workflow "nope"/);
    assert.match(await fail(['workflow', 'start', 'order', '{'], 2), /is no JSON/);
    assert.match(await fail(['workflow', 'cancel', 'nope']), /No steps found with instanceId: nope/);
    assert.match(await fail(['workflow-list', '--status', 'nope']), /running, waiting, completed/);
    assert.match(await fail(['task', 'show', 'nope']), /no task nope in this space/);
    assert.match(await fail(['job', 'run', 'nope']), /no schedule "nope" in this space/);
  });

  it('stay where they are while no app is deployed, and go on after', async () => {
    const id = await start({});
    await until(id, ({ status }) => status === 'waiting');
    const { stderr } = await tackle(['undeploy']);
    assert.match(stderr, /Until then 1 workflow instance wait/);
    await succeed(['workflow', 'send', id, 'paid', '1']);
    assert.equal((await read<Instance>(['workflow-get', id])).status, 'running');
    assert.match(await fail(['workflow', 'start', 'order']), /No app is deployed/);
    writeFileSync(join(app, 'index.js'), source.replace('ask: async', 'renamed: async'));
    const deployed = await tackle(['deploy']);
    assert.match(deployed.stderr, /does not have the step "ask" of "order", where 1 instance stands; parked/);
    await until(id, ({ status }) => status === 'parked');
    writeFileSync(join(app, 'index.js'), source);
    await succeed(['deploy']);
    await until(id, ({ status }) => status === 'completed');
  });
});

describe('topics', { concurrency: false }, () => {
  it('are redriven once, however many tasks die again meanwhile', async () => {
    const { api, path } = await findSpace();
    for (let n = 0; n < 700; n += 1) await api(`${path}/topics/fails/tasks`);
    const dead = async () =>
      (await read<{ topic: string; failed: number }[]>(['queue-status'])).find(({ topic }) => topic === 'fails');
    while ((await dead())?.failed !== 700);
    const { count } = await read<{ count: number }>(['topic', 'redrive', 'fails']);
    assert.ok(count >= 700 && count <= 1_000, `redriven ${count}`);
  });

  it('of an unknown name are told apart from a mistyped one', async () => {
    const { stderr } = await tackle(['topic', 'set', 'fial', 'workers=0']);
    assert.match(stderr, /no topic fial yet/);
    assert.match(await fail(['topic', 'purge', 'nope']), /no topic nope/);
    assert.match(await fail(['topic', 'set', 'fails', 'wrkers=1']), /no setting "wrkers"/);
  });
});

async function findSpace() {
  const { name } = JSON.parse(await succeed(['info', '--json'])) as { name: string };
  const headers = { authorization: `Bearer ${gateway.adminToken}`, 'content-type': 'application/json' };
  const api = async (path: string): Promise<void> => {
    const answer = await fetch(`${gateway.url}/api/v1${path}`, { method: 'POST', headers, body: '{"payload":1}' });
    assert.equal(answer.status, 201, await answer.text());
  };
  return { api, path: `/projects/${name}/spaces/dev` };
}
