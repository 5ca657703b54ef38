import type { SerializedError } from '../../../core/errors.ts';
import type { JsonObject } from '../../../core/json.ts';
import { formatTaskId, type TaskState } from '../../../core/task.ts';
import { resolveTopicSettings } from '../../../core/task-topic.ts';
import type { TaskView, TopicRef } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import { memoryOf, type Topic } from '../writer-memory.ts';

/** Numbers of the states in the file; the partial indexes name them. */
export const stateNumbers = {
  ready: 0,
  scheduled: 1,
  blocked: 2,
  running: 3,
  done: 4,
  dead: 5,
  dropped: 6,
  staged: 7,
} as const satisfies Record<TaskState, number>;

export const stateNames = Object.keys(stateNumbers) as TaskState[];

export interface TaskRow {
  readonly seq: number;
  readonly topic_n: number;
  readonly state: number;
  readonly line: number;
  readonly priority: number;
  readonly run_at: number | null;
  readonly key: string | null;
  readonly holds_key: number;
  readonly public_id: string | null;
  readonly job_id: string | null;
  readonly payload: string;
  readonly options: string | null;
  readonly attempt: number;
  readonly failures: number;
  readonly crashes: number;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly reason: string | null;
  readonly error: string | null;
}

export type { Topic };

interface TopicRow {
  readonly n: number;
  readonly space: string;
  readonly name: string;
  readonly declared: string;
  readonly overrides: string;
}

/** The topic of that name, made when it is new. */
export function openTopic(connection: Connection, space: string, name: string): Topic {
  const known = findTopic(connection, space, name);
  if (known !== null) return known;
  connection.sql('INSERT INTO topics (space, name) VALUES (?, ?)').run(space, name);
  return findTopic(connection, space, name)!;
}

export function findTopic(connection: Connection, space: string, name: string): Topic | null {
  const known = memoryOf(connection)?.findTopic(space, name);
  if (known !== undefined) return known;
  const row = connection.sql('SELECT * FROM topics WHERE space = ? AND name = ?').get(space, name);
  return row === undefined ? null : toTopic(connection, row as unknown as TopicRow);
}

export function getTopic(connection: Connection, n: number): Topic {
  const known = memoryOf(connection)?.getTopic(n);
  if (known !== undefined) return known;
  const row = connection.sql('SELECT * FROM topics WHERE n = ?').get(n);
  return toTopic(connection, row as unknown as TopicRow);
}

function toTopic(connection: Connection, row: TopicRow): Topic {
  const settings = resolveTopicSettings(row.name, parseObject(row.declared), parseObject(row.overrides));
  const topic = { n: row.n, space: row.space, topic: row.name, settings };
  memoryOf(connection)?.keepTopic(topic);
  return topic;
}

/** Reserves `count` numbers and answers the first of them. */
export function reserveNumbers(connection: Connection, count: number): number {
  return memoryOf(connection)!.reserveNumbers(count);
}

export function toTaskView(row: TaskRow & { readonly space: string; readonly name: string }): TaskView {
  return {
    space: row.space,
    topic: row.name,
    seq: row.seq,
    id: row.public_id ?? formatTaskId(row.seq, row.created_at),
    jobId: row.job_id,
    state: stateNames[row.state] ?? 'dropped',
    key: row.key,
    priority: row.priority,
    attempt: row.attempt,
    failures: row.failures,
    crashes: row.crashes,
    createdAtMs: row.created_at,
    runAtMs: row.run_at,
    startedAtMs: row.started_at,
    finishedAtMs: row.finished_at,
    reason: row.reason as TaskView['reason'],
    error: row.error === null ? null : (JSON.parse(row.error) as SerializedError),
    payload: row.payload,
  };
}

export function parseObject(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

/** Distinct topics, in the order of their first mention. */
export class TopicSet {
  readonly #topics = new Map<string, TopicRef>();

  add({ space, topic }: TopicRef): void {
    this.#topics.set(`${space}\n${topic}`, { space, topic });
  }

  toArray(): TopicRef[] {
    return [...this.#topics.values()];
  }
}
