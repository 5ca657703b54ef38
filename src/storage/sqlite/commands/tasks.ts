import type { SerializedError } from '../../../core/errors.ts';
import { parseTaskId, type TaskState } from '../../../core/task.ts';
import type { TaskAttempt, TaskCommands, TaskReads, TaskView, TopicView } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { removalCommands, removalReads } from './durable-removal.ts';
import { claimCommands, readNextDue } from './tasks-claim.ts';
import { enqueueCommands } from './tasks-enqueue.ts';
import { manageCommands, readNextSweep } from './tasks-manage.ts';
import { parseObject, stateNames, stateNumbers, type TaskRow, toTaskView } from './tasks-rows.ts';
import { listSchedules, scheduleCommands } from './tasks-schedules.ts';
import { settleCommands } from './tasks-settle.ts';

export const taskCommands: CommandHandlers<TaskCommands> = {
  ...enqueueCommands,
  ...claimCommands,
  ...settleCommands,
  ...manageCommands,
  ...scheduleCommands,
  'task.removeSpace': removalCommands['task.removeSpace'],
};

const listedPayload = 2_000;
const countedStates = ['ready', 'scheduled', 'blocked', 'running', 'dead'] as const;
type CountedState = (typeof countedStates)[number];

type NamedRow = TaskRow & { readonly space: string; readonly name: string };
const selectNamed = 'SELECT t.*, p.space, p.name FROM tasks t JOIN topics p ON p.n = t.topic_n';

export const taskReads: ReadHandlers<TaskReads> = {
  ...removalReads,
  'task.find': {
    lane: 'point',
    run: ({ connection }, { space, id }) => {
      const views: TaskView[] = [];
      const seq = parseTaskId(id);
      if (seq !== null) {
        const row = connection.sql(`${selectNamed} WHERE t.seq = ?`).get(seq) as unknown as NamedRow | undefined;
        if (row?.space === space && toTaskView(row).id === id) views.push(toTaskView(row));
      }
      const rows = connection
        .sql(`${selectNamed} WHERE t.public_id = ? AND p.space = ? ORDER BY t.seq DESC LIMIT 20`)
        .all(id, space) as unknown as NamedRow[];
      return [...views, ...rows.map(toTaskView)];
    },
  },
  'task.attempts': {
    lane: 'point',
    run: ({ connection }, { seq }) =>
      (
        connection.sql('SELECT * FROM task_attempts WHERE seq = ? ORDER BY attempt').all(seq) as unknown as AttemptRow[]
      ).map(toAttempt),
  },
  'task.list': { lane: 'scan', run: ({ connection }, params) => listTasks(connection, params) },
  'task.nextDue': {
    lane: 'point',
    run: ({ connection }) => ({ dueAtMs: readNextDue(connection), sweepAtMs: readNextSweep(connection) }),
  },
  'topic.list': { lane: 'scan', run: ({ connection }, { space, counts }) => listTopics(connection, space, counts) },
  'topic.busy': {
    lane: 'scan',
    run: ({ connection }, { space, prefix }) => {
      const { ready, scheduled, blocked, running } = stateNumbers;
      const rows = connection
        .sql('SELECT n, name FROM topics WHERE space = ? AND substr(name, 1, length(?2)) = ?2 ORDER BY name')
        .all(space, prefix) as unknown as { n: number; name: string }[];
      return rows
        .filter(({ n }) => [ready, scheduled, blocked, running].some((state) => hasState(connection, n, state)))
        .map(({ name }) => name);
    },
  },
  'schedule.list': { lane: 'point', run: ({ connection }, { space }) => listSchedules(connection, space) },
};

interface AttemptRow {
  readonly attempt: number;
  readonly started_at: number;
  readonly ended_at: number;
  readonly outcome: TaskAttempt['outcome'];
  readonly error: string | null;
}

function toAttempt(row: AttemptRow): TaskAttempt {
  return {
    attempt: row.attempt,
    startedAtMs: row.started_at,
    endedAtMs: row.ended_at,
    outcome: row.outcome,
    error: row.error === null ? null : (JSON.parse(row.error) as SerializedError),
  };
}

function* listTasks(
  connection: Connection,
  params: TaskReads['task.list']['params'],
): Generator<void, readonly TaskView[], void> {
  const { space, topic, states, jobId, limit, reverse } = params;
  const wanted = new Set<number>((states ?? stateNames.filter((state) => state !== 'staged')).map(toStateNumber));
  const found: TaskView[] = [];
  let after = params.after ?? (reverse === true ? Number.MAX_SAFE_INTEGER : 0);
  for (;;) {
    const rows = connection
      .sql(
        reverse === true
          ? `${selectNamed} WHERE t.seq < ? ORDER BY t.seq DESC LIMIT 500`
          : `${selectNamed} WHERE t.seq > ? ORDER BY t.seq LIMIT 500`,
      )
      .all(after) as unknown as NamedRow[];
    for (const row of rows) {
      if (row.space !== space || !wanted.has(row.state)) continue;
      if ((topic !== undefined && row.name !== topic) || (jobId !== undefined && row.job_id !== jobId)) continue;
      found.push({ ...toTaskView(row), payload: row.payload.slice(0, listedPayload) });
      if (found.length >= limit) return found;
    }
    if (rows.length < 500) return found;
    after = rows.at(-1)!.seq;
    yield;
  }
}

function toStateNumber(state: TaskState): number {
  return stateNumbers[state];
}

function* listTopics(
  connection: Connection,
  space: string | undefined,
  counts: boolean,
): Generator<void, readonly TopicView[], void> {
  const rows = (space === undefined
    ? connection.sql('SELECT * FROM topics ORDER BY space, name').all()
    : connection.sql('SELECT * FROM topics WHERE space = ? ORDER BY name').all(space)) as unknown as {
    n: number;
    space: string;
    name: string;
    declared: string;
    overrides: string;
  }[];
  const countsOf = new Map<number, Record<CountedState, number>>();
  for (const { n } of rows) countsOf.set(n, { ready: 0, scheduled: 0, blocked: 0, running: 0, dead: 0 });
  for (const state of counts ? countedStates : []) {
    // One state at a time: each count walks a partial index that holds nothing else.
    const counted = connection
      .sql(`SELECT topic_n, count(*) AS count FROM tasks WHERE state = ${stateNumbers[state]} GROUP BY topic_n`)
      .all() as unknown as { topic_n: number; count: number }[];
    for (const { topic_n, count } of counted) {
      const inState = countsOf.get(topic_n);
      if (inState !== undefined) inState[state] = count;
    }
    yield;
  }
  return rows.map((row) => ({
    space: row.space,
    topic: row.name,
    declared: parseObject(row.declared),
    overrides: parseObject(row.overrides),
    counts: countsOf.get(row.n)!,
  }));
}

function hasState(connection: Connection, topicN: number, state: number): boolean {
  return (
    connection.sql(`SELECT 1 AS found FROM tasks WHERE topic_n = ? AND state = ${state} LIMIT 1`).get(topicN) !==
    undefined
  );
}
