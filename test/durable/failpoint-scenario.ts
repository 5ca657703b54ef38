import { TackleError } from '../../src/core/errors.ts';
import type { Json } from '../../src/core/json.ts';
import { parseFilter } from '../../src/core/query/parse-filter.ts';
import { parseWorkflowDefinition } from '../../src/core/workflow-definition.ts';
import type { ClaimedTask } from '../../src/ports/storage/tasks.ts';
import type { Failpoints } from '../../src/queues/failpoints.ts';
import { Queues } from '../../src/queues/queues.ts';
import type { RunResult } from '../../src/queues/topic-consumer.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { StepRun } from '../../src/workflows/step-runner.ts';
import { Workflows } from '../../src/workflows/workflows.ts';
import { poll } from './support.ts';

const space = 'p/dev';
const lane = { lane: { lane: 'space', space } } as const;
const instanceId = 'aaaaaaaaaaaaaaaaaaaaaaaa';
const definition = parseWorkflowDefinition({
  name: 'flow',
  description: 'passes every failpoint of workflows',
  steps: ['remembers', 'waits', 'ends'],
  options: { maxRetries: 20, retryDelay: 5, heartbeatMs: 300 },
});

/** What must be true at the end, whatever went wrong on the way and however often the scenario was begun anew. */
export interface ScenarioResult {
  readonly workflow: Json;
  readonly effects: readonly string[];
  readonly dead: number;
  readonly ticks: number;
  readonly unfinished: number;
  /** Topics and instances of a space that was removed. */
  readonly left: number;
}

/**
 * Queue and workflow engines on a real SQLite file, with handlers in this process instead of a sandbox. Run again on the
 * same directory, it goes on where it was cut off.
 */
export async function runScenario(directory: string, failpoints: Failpoints): Promise<ScenarioResult> {
  await using storage = await openSqliteStorage({ directory });
  const queues = new Queues({ storage, failpoints });
  const workflows = new Workflows({ queues, runStep, emit: () => undefined, onWarning: () => undefined });

  async function runTask(task: ClaimedTask): Promise<RunResult> {
    const { name } = JSON.parse(task.payload) as { name: string };
    if (name === 'dies') return { type: 'failed', error: { code: 'internal', message: 'as told' }, retryable: false };
    if (name === 'again' && task.failures === 0) {
      return { type: 'failed', error: { code: 'internal', message: 'once' }, retryable: true };
    }
    const lease = { seq: task.seq, attempt: task.attempt };
    await storage.commit(
      [
        { kind: 'task.fence', leases: [lease] },
        {
          kind: 'document.insert',
          space,
          collection: 'effects',
          documents: [{ id: `${name}-${task.seq}`, body: '{}' }],
        },
        { kind: 'task.settle', settlements: [{ ...lease, settlement: { type: 'done' } }], nowMs: Date.now() },
      ],
      lane,
    );
    queues.dispatcher.notify([task]);
    return { type: 'settled' };
  }

  async function runStep({ step, input, lease }: StepRun): Promise<Json> {
    const { instanceId: id, visit, memory } = input;
    if (step === 'remembers') {
      if (memory['run:it'] === undefined) {
        await workflows.remember(space, { id, lease, visit, memo: 'run:it', value: { type: 'run', value: 1 } });
      }
      return { type: 'goto', next: 'waits', patch: { remembered: true } };
    }
    if (step === 'waits') {
      if (memory['event:never'] === undefined) {
        return { type: 'event', memo: 'event:never', event: 'never', key: null, timeoutMs: 20 };
      }
      if (memory['event:go'] === undefined) {
        return { type: 'event', memo: 'event:go', event: 'go', key: null, timeoutMs: null };
      }
      return { type: 'goto', next: 'ends', patch: { went: Number(input.state.went ?? 0) + 1 } };
    }
    return { type: 'goto', next: null, patch: { ended: Number(input.state.ended ?? 0) + 1 } };
  }

  /** A commit whose answer was lost may have happened: asked again, it says so. */
  async function insist(act: () => Promise<unknown>, isDone = async () => false): Promise<void> {
    for (let tries = 0; tries < 5 && !(await isDone()); tries += 1) {
      try {
        await act();
        return;
      } catch (error) {
        const code = error instanceof TackleError ? error.code : '';
        if (code === 'duplicate_id' || code === 'conflict') return;
        if (code !== 'storage_unavailable') throw error;
      }
    }
  }

  const settings = {
    workers: 1,
    keyConcurrency: 1,
    heartbeatMs: 300,
    retry: { maxRetries: 20, initialDelayMs: 5, factor: 1 },
  };
  await insist(() => queues.start());
  await queues.attach({
    space,
    topic: 'work',
    declared: settings,
    handler: (tasks) => Promise.all(tasks.map(runTask)),
  });
  await workflows.declare(space, [definition], '1');
  await queues.schedules.put({
    space,
    name: 'each second',
    spec: { expression: '* * * * * *', timezone: 'UTC', catchUp: 'latest', overlap: 'allow' },
    topic: 'ticks',
    payload: 'null',
  });
  const task = (name: string, more: object = {}) => ({
    space,
    topic: 'work',
    payload: JSON.stringify({ name }),
    dedupeKey: name,
    ...more,
  });
  const isKnown = async (name: string) =>
    (await queues.listTasks({ space, topic: 'work', limit: 100 })).some(({ payload }) => payload.includes(`"${name}"`));
  for (const [name, more] of [
    ['plain', {}],
    ['keyed', { key: 'k' }],
    ['dies', { key: 'k' }],
    ['again', { key: 'k' }],
    ['later', { runAtMs: Date.now() + 30 }],
  ] as const) {
    await insist(
      () => queues.enqueue([task(name, more)]),
      () => isKnown(name),
    );
  }
  await insist(
    () => queues.enqueueBatch(space, batches([task('batch0'), task('batch1')])),
    () => isKnown('batch0'),
  );
  await insist(() => workflows.start(space, 'flow', {}, { id: instanceId }));
  await insist(() => workflows.send(space, { event: 'go', payload: 1, instanceId, id: 'once' }));
  await insist(() => workflows.updateState(space, instanceId, { updated: true }, false));

  const gone = 'removed/dev';
  await insist(() => queues.enqueue([{ space: gone, topic: 'left', payload: '{}' }]));
  await insist(() => workflows.declare(gone, [definition], '1'));
  await insist(() => workflows.start(gone, 'flow', {}, { id: instanceId }));
  workflows.forgetSpace(gone);
  await insist(() => queues.removeSpace(gone));

  const read = async (): Promise<ScenarioResult> => {
    const { document } = await workflows.get(space, instanceId);
    const tasks = await queues.listTasks({ space, limit: 1_000 });
    const page = await storage.read({
      kind: 'document.find',
      space,
      collection: 'effects',
      filter: parseFilter({}),
      limit: 500,
    });
    const ended = ['done', 'dead', 'dropped'];
    return {
      workflow: JSON.parse(document ?? 'null') as Json,
      effects: (JSON.parse(page.json) as { _id: string }[]).map(({ _id }) => _id.replace(/-\d+$/, '')).sort(),
      dead: tasks.filter(({ state }) => state === 'dead').length,
      ticks: tasks.filter(({ topic }) => topic === 'ticks').length,
      left: (await queues.listTopics(gone)).length + (await workflows.report(gone)).length,
      unfinished: tasks.filter(({ topic, state }) => topic !== 'ticks' && !ended.includes(state)).length,
    };
  };
  const result = await poll(
    read,
    ({ workflow, unfinished, ticks, effects }) =>
      (workflow as { status?: string }).status === 'completed' && unfinished === 0 && ticks > 0 && effects.length >= 6,
    15_000,
  );
  await queues.stop(1_000);
  return result;
}

async function* batches<Item>(items: readonly Item[]): AsyncIterable<readonly Item[]> {
  yield items;
}
