import { TackleError } from '../../../core/errors.ts';
import { formatTaskId } from '../../../core/task.ts';
import { checkTopicName } from '../../../core/task-topic.ts';
import type { EnqueuedTask, NewTask, TaskCommands } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { openTopic, reserveNumbers, stateNumbers, type Topic, TopicSet } from './tasks-rows.ts';

type EnqueueCommands = Pick<TaskCommands, 'task.enqueue' | 'task.publish' | 'task.publishNext'>;

export const enqueueCommands: CommandHandlers<EnqueueCommands> = {
  'task.enqueue': ({ connection }, { tasks, nowMs, stage }) => {
    if (stage !== undefined) openStage(connection, stage);
    return { tasks: enqueueTasks(connection, tasks, nowMs, stage) };
  },

  'task.publish': ({ connection }, { stage, discard }) => {
    const state = discard === true ? 'discarded' : 'published';
    const { changes } = connection
      .sql(`UPDATE task_stages SET state = ? WHERE stage = ? AND state = 'open'`)
      .run(state, stage);
    return { known: Number(changes) > 0 };
  },

  'task.publishNext': ({ connection }, { limit, nowMs, abandoned }) => {
    if (abandoned === true) connection.sql(`UPDATE task_stages SET state = 'discarded' WHERE state = 'open'`).run();
    const stage = connection.sql(`SELECT stage, state FROM task_stages WHERE state <> 'open' LIMIT 1`).get() as
      | { stage: string; state: string }
      | undefined;
    if (stage === undefined) return { done: true, topics: [] };
    const topics = new TopicSet();
    const rows = connection
      .sql(`SELECT * FROM tasks WHERE state = ${stateNumbers.staged} AND job_id = ? ORDER BY seq LIMIT ?`)
      .all(stage.stage, limit) as unknown as StagedRow[];
    for (const row of rows) {
      if (stage.state === 'published') topics.add(publishRow(connection, row, nowMs));
      else connection.sql('DELETE FROM tasks WHERE seq = ?').run(row.seq);
    }
    if (rows.length < limit) connection.sql('DELETE FROM task_stages WHERE stage = ?').run(stage.stage);
    return { done: false, topics: topics.toArray() };
  },
};

interface StagedRow {
  readonly seq: number;
  readonly topic_n: number;
  readonly key: string | null;
  readonly run_at: number | null;
}

/** A batch that was published may not grow: its rows would become visible apart from the others. */
function openStage(connection: Connection, stage: string): void {
  connection.sql(`INSERT OR IGNORE INTO task_stages (stage, state) VALUES (?, 'open')`).run(stage);
  const row = connection.sql('SELECT state FROM task_stages WHERE stage = ?').get(stage) as { state: string };
  if (row.state !== 'open') throw new TackleError('conflict', `The batch ${stage} was published already.`);
}

function publishRow(connection: Connection, row: StagedRow, nowMs: number): Topic {
  const topic = connection.sql('SELECT space, name FROM topics WHERE n = ?').get(row.topic_n) as {
    space: string;
    name: string;
  };
  const opened = openTopic(connection, topic.space, topic.name);
  const place = choosePlace(connection, opened, row.key, row.run_at, nowMs);
  connection
    .sql('UPDATE tasks SET state = ?, holds_key = ?, line = ? WHERE seq = ?')
    .run(place.state, place.holdsKey, reserveNumbers(connection, 1), row.seq);
  return opened;
}

/** Also used by workflows and schedules, whose tasks are part of their own commit. */
export function enqueueTasks(
  connection: Connection,
  tasks: readonly NewTask[],
  nowMs: number,
  stage?: string,
): EnqueuedTask[] {
  const first = reserveNumbers(connection, tasks.length);
  let topic: Topic | null = null;
  return tasks.map((task, index) => {
    if (topic?.topic !== task.topic || topic.space !== task.space) {
      topic = openTopic(connection, task.space, checkTopicName(task.topic));
    }
    return insertTask(connection, { task, topic, seq: first + index, nowMs, stage });
  });
}

export interface TaskInsert {
  readonly task: NewTask;
  readonly topic: Topic;
  readonly seq: number;
  readonly nowMs: number;
  readonly stage?: string | undefined;
}

export function insertTask(connection: Connection, { task, topic, seq, nowMs, stage }: TaskInsert): EnqueuedTask {
  const duplicate = task.dedupeKey === undefined ? null : findDuplicate(connection, topic, task.dedupeKey);
  if (duplicate !== null) return duplicate;
  const key = task.key ?? (topic.settings.strict ? '' : null);
  const runAt = task.runAtMs !== undefined && task.runAtMs > nowMs ? task.runAtMs : null;
  const place =
    stage === undefined
      ? choosePlace(connection, topic, key, runAt, nowMs)
      : { state: stateNumbers.staged, holdsKey: 0 };
  connection
    .sql(
      `INSERT INTO tasks (seq, topic_n, state, line, priority, run_at, key, holds_key, dedupe_key, public_id, job_id,
         payload, options, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      seq,
      topic.n,
      place.state,
      seq,
      task.priority ?? 0,
      runAt,
      key,
      place.holdsKey,
      task.dedupeKey ?? null,
      task.id ?? null,
      stage ?? task.jobId ?? null,
      task.payload,
      task.options === undefined ? null : JSON.stringify(task.options),
      nowMs,
    );
  return { seq, id: task.id ?? formatTaskId(seq, nowMs), duplicate: false };
}

function findDuplicate(connection: Connection, topic: Topic, dedupeKey: string): EnqueuedTask | null {
  const row = connection
    .sql('SELECT seq, public_id, created_at FROM tasks WHERE topic_n = ? AND dedupe_key = ?')
    .get(topic.n, dedupeKey) as { seq: number; public_id: string | null; created_at: number } | undefined;
  if (row === undefined) return null;
  return { seq: row.seq, id: row.public_id ?? formatTaskId(row.seq, row.created_at), duplicate: true };
}

/** Where a task that is about to become visible belongs: a delayed one joins the line of its key only when it is due. */
export function choosePlace(
  connection: Connection,
  topic: Topic,
  key: string | null,
  runAt: number | null,
  nowMs: number,
): { readonly state: number; readonly holdsKey: 0 | 1 } {
  if (runAt !== null && runAt > nowMs) return { state: stateNumbers.scheduled, holdsKey: 0 };
  if (key === null) return { state: stateNumbers.ready, holdsKey: 0 };
  if (countHolders(connection, topic.n, key) < topic.settings.keyConcurrency) {
    return { state: stateNumbers.ready, holdsKey: 1 };
  }
  return { state: stateNumbers.blocked, holdsKey: 0 };
}

export function countHolders(connection: Connection, topicN: number, key: string): number {
  const row = connection
    .tuples('SELECT count(*) FROM tasks WHERE topic_n = ? AND key = ? AND holds_key = 1')
    .get(topicN, key) as unknown as readonly [number];
  return row[0];
}
