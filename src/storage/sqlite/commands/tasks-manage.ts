import type { Json, JsonObject } from '../../../core/json.ts';
import { isFinished, type TaskState } from '../../../core/task.ts';
import { checkTopicName, resolveTopicSettings } from '../../../core/task-topic.ts';
import type { TaskCommands } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { memoryOf } from '../writer-memory.ts';
import { recordAttempt } from './tasks-claim.ts';
import { choosePlace } from './tasks-enqueue.ts';
import {
  findTopic,
  getTopic,
  openTopic,
  parseObject,
  reserveNumbers,
  stateNames,
  stateNumbers,
  type TaskRow,
  TopicSet,
} from './tasks-rows.ts';
import { finishTask, freeNextOfKey } from './tasks-settle.ts';

type ManageCommands = Pick<TaskCommands, 'task.redrive' | 'task.drop' | 'task.sweep' | 'topic.configure'>;

export const manageCommands: CommandHandlers<ManageCommands> = {
  'task.redrive': ({ connection }, { space, seqs, topic, limit, nowMs }) => {
    const topics = new TopicSet();
    const rows = selectTasks(connection, { space, seqs, topic, states: ['dead'], limit });
    for (const row of rows) {
      const owner = getTopic(connection, row.topic_n);
      const place = choosePlace(connection, owner, row.key, null, nowMs);
      connection
        .sql(
          `UPDATE tasks SET state = ?, holds_key = ?, line = ?, failures = 0, crashes = 0, finished_at = NULL,
             forget_at = NULL, reason = NULL, error = NULL WHERE seq = ?`,
        )
        .run(place.state, place.holdsKey, reserveNumbers(connection, 1), row.seq);
      topics.add(owner);
    }
    return { count: rows.length, topics: topics.toArray() };
  },

  'task.drop': ({ connection }, { space, seqs, topic, states, limit, nowMs }) => {
    const topics = new TopicSet();
    const wanted = states ?? ['ready', 'scheduled', 'blocked', 'running', 'dead'];
    const rows = selectTasks(connection, { space, seqs, topic, states: wanted, limit });
    for (const { seq } of rows) {
      // Anew: dropping one task of a key may have made another one its holder.
      const row = getTask(connection, seq);
      if (row !== null) topics.add(dropTask(connection, row, nowMs));
    }
    return { count: rows.length, topics: topics.toArray() };
  },

  'task.sweep': ({ connection }, { nowMs, limit }) => {
    const rows = connection
      .sql('SELECT seq FROM tasks WHERE forget_at <= ? ORDER BY forget_at LIMIT ?')
      .all(nowMs, limit) as unknown as { seq: number }[];
    for (const { seq } of rows) {
      connection.sql('DELETE FROM task_attempts WHERE seq = ?').run(seq);
      connection.sql('DELETE FROM tasks WHERE seq = ?').run(seq);
    }
    connection
      .sql(
        `DELETE FROM task_rates WHERE (topic_n, key) IN
         (SELECT topic_n, key FROM task_rates WHERE arrival < ? ORDER BY arrival LIMIT ?)`,
      )
      .run(nowMs, limit);
    return { removed: rows.length, nextSweepAtMs: readNextSweep(connection) };
  },

  'topic.configure': ({ connection }, { space, topic: name, declared, overrides }) => {
    const topic = openTopic(connection, space, checkTopicName(name));
    const row = connection.sql('SELECT declared, overrides FROM topics WHERE n = ?').get(topic.n) as {
      declared: string;
      overrides: string;
    };
    const after = {
      declared: declared ?? parseObject(row.declared),
      overrides: overlay(parseObject(row.overrides), overrides ?? {}),
    };
    const settings = resolveTopicSettings(name, after.declared, after.overrides);
    connection
      .sql('UPDATE topics SET declared = ?, overrides = ?, revision = revision + 1 WHERE n = ?')
      .run(JSON.stringify(after.declared), JSON.stringify(after.overrides), topic.n);
    memoryOf(connection)?.forgetTopic(topic);
    if (settings.keyConcurrency > topic.settings.keyConcurrency) freeBlockedKeys(connection, space, name);
    return after;
  },
};

export function readNextSweep(connection: Connection): number | null {
  const row = connection
    .sql('SELECT forget_at FROM tasks WHERE forget_at IS NOT NULL ORDER BY forget_at LIMIT 1')
    .get() as { forget_at: number } | undefined;
  return row?.forget_at ?? null;
}

/** Ends a task without running it (again). */
export function dropTask(connection: Connection, row: TaskRow, nowMs: number): { space: string; topic: string } {
  const topic = getTopic(connection, row.topic_n);
  if (row.state === stateNumbers.running) recordAttempt(connection, row, nowMs, 'lost', null);
  finishTask(connection, row, topic, stateNumbers.dropped, nowMs);
  return topic;
}

export function getTask(connection: Connection, seq: number): TaskRow | null {
  const row = connection.sql('SELECT * FROM tasks WHERE seq = ?').get(seq);
  return row === undefined ? null : (row as unknown as TaskRow);
}

interface TaskSelection {
  readonly space: string;
  readonly seqs: readonly number[] | undefined;
  readonly topic: string | undefined;
  readonly states: readonly TaskState[];
  readonly limit: number;
}

function selectTasks(connection: Connection, { space, seqs, topic, states, limit }: TaskSelection): TaskRow[] {
  if (seqs !== undefined) {
    return [...new Set(seqs)]
      .slice(0, limit)
      .map((seq) => getTask(connection, seq))
      .filter((row): row is TaskRow => row !== null && getTopic(connection, row.topic_n).space === space)
      .filter((row) => states.includes(stateNames[row.state] as TaskState));
  }
  const found = topic === undefined ? null : findTopic(connection, space, topic);
  if (found === null) return [];
  const rows: TaskRow[] = [];
  for (const state of states) {
    if (rows.length >= limit || (isFinished(state) && state !== 'dead')) continue;
    rows.push(...selectInState(connection, found.n, stateNumbers[state], limit - rows.length));
  }
  return rows;
}

/** The state is part of the text, so that the partial index of the state is used. */
function selectInState(connection: Connection, topicN: number, state: number, limit: number): TaskRow[] {
  return connection
    .sql(`SELECT * FROM tasks WHERE topic_n = ? AND state = ${state} LIMIT ?`)
    .all(topicN, limit) as unknown as TaskRow[];
}

function overlay(base: JsonObject, changes: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete result[name];
    else result[name] = value;
  }
  return result;
}

/** More tasks of a key may run at once from now on; the first thousand keys at once, the others as their tasks finish. */
function freeBlockedKeys(connection: Connection, space: string, name: string): void {
  const topic = openTopic(connection, space, name);
  const keys = connection
    .sql(`SELECT DISTINCT key FROM tasks WHERE topic_n = ? AND state = ${stateNumbers.blocked} LIMIT 1000`)
    .all(topic.n) as unknown as { key: string }[];
  for (const { key } of keys) while (freeNextOfKey(connection, topic, key));
}
