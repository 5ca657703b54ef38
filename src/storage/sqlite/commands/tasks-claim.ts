import { TackleError } from '../../../core/errors.ts';
import { formatTaskId, type TaskLease } from '../../../core/task.ts';
import { computeRateAllowance } from '../../../core/task-rate.ts';
import type { RateLimit } from '../../../core/task-topic.ts';
import type { ClaimedTask, TaskCommands, TopicRef } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { choosePlace } from './tasks-enqueue.ts';
import {
  findTopic,
  getTopic,
  parseObject,
  reserveNumbers,
  stateNumbers,
  type TaskRow,
  type Topic,
  TopicSet,
} from './tasks-rows.ts';

type ClaimCommands = Pick<TaskCommands, 'task.claim' | 'task.fence' | 'task.extend' | 'task.promote' | 'task.reclaim'>;

export const claimCommands: CommandHandlers<ClaimCommands> = {
  'task.claim': ({ connection }, { owner, nowMs, requests }) => {
    const tasks: ClaimedTask[] = [];
    const throttled: (TopicRef & { retryAtMs: number })[] = [];
    for (const request of requests) {
      const topic = findTopic(connection, request.space, request.topic);
      if (topic === null || topic.settings.paused || request.limit <= 0) continue;
      const retryAtMs = claimOfTopic(connection, topic, { owner, nowMs, limit: request.limit }, tasks);
      if (retryAtMs !== null) throttled.push({ space: topic.space, topic: topic.topic, retryAtMs });
    }
    return { tasks, throttled, nextDueAtMs: readNextDue(connection) };
  },

  'task.fence': ({ connection }, { leases, orSettled = false }) => {
    for (const lease of leases) {
      if (holdsLease(connection, lease) || (orSettled && hasSettled(connection, lease))) continue;
      throw new TackleError('lease_lost', 'This attempt lost its task to another one; nothing was written.', {
        details: lease,
      });
    }
    return null;
  },

  'task.extend': ({ connection }, { leases, leaseUntilMs }) => {
    const lost: TaskLease[] = [];
    for (const lease of leases) {
      const { changes } = connection
        .sql(`UPDATE tasks SET lease_until = ? WHERE seq = ? AND attempt = ? AND state = ${stateNumbers.running}`)
        .run(leaseUntilMs, lease.seq, lease.attempt);
      if (Number(changes) === 0) lost.push(lease);
    }
    return { lost };
  },

  'task.promote': ({ connection }, { nowMs, limit }) => {
    const rows = connection
      .sql(`SELECT * FROM tasks WHERE state = ${stateNumbers.scheduled} AND run_at <= ? ORDER BY run_at, seq LIMIT ?`)
      .all(nowMs, limit) as unknown as TaskRow[];
    const topics = new TopicSet();
    const firstLine = rows.length === 0 ? 0 : reserveNumbers(connection, rows.length);
    for (const [index, row] of rows.entries()) {
      const topic = getTopic(connection, row.topic_n);
      topics.add(topic);
      const place =
        row.holds_key === 1
          ? { state: stateNumbers.ready, holdsKey: 1 }
          : choosePlace(connection, topic, row.key, null, nowMs);
      // A task that was tried before keeps its place; a delayed one lines up behind what came meanwhile.
      const line = row.attempt > 0 ? row.line : firstLine + index;
      connection
        .sql('UPDATE tasks SET state = ?, holds_key = ?, line = ?, run_at = NULL WHERE seq = ?')
        .run(place.state, place.holdsKey, line, row.seq);
    }
    return { topics: topics.toArray(), more: rows.length === limit, nextDueAtMs: readNextDue(connection) };
  },

  'task.reclaim': ({ connection }, { nowMs, limit, notOwner, leaseBeforeMs }) => {
    const rows =
      notOwner === undefined
        ? connection
            .sql(`SELECT * FROM tasks WHERE state = ${stateNumbers.running} AND lease_until < ? LIMIT ?`)
            .all(leaseBeforeMs ?? 0, limit)
        : connection
            .sql(`SELECT * FROM tasks WHERE state = ${stateNumbers.running} AND owner <> ? LIMIT ?`)
            .all(notOwner, limit);
    const topics = new TopicSet();
    for (const row of rows as unknown as TaskRow[]) {
      topics.add(getTopic(connection, row.topic_n));
      connection
        .sql(`UPDATE tasks SET state = ${stateNumbers.ready}, owner = NULL, lease_until = NULL WHERE seq = ?`)
        .run(row.seq);
      recordAttempt(connection, row, nowMs, 'lost', null);
    }
    return { topics: topics.toArray(), count: rows.length };
  },
};

/** A claim that only puts tasks aside ends after so many and comes again, so that nobody waits for the writer. */
const examinedPerClaim = 1_000;

interface ClaimOptions {
  readonly owner: string;
  readonly nowMs: number;
  readonly limit: number;
}

/** Appends what was claimed; answers until when a rate limit holds the topic back, or null. */
function claimOfTopic(
  connection: Connection,
  topic: Topic,
  options: ClaimOptions,
  claimed: ClaimedTask[],
): number | null {
  const { rateLimit } = topic.settings;
  if (rateLimit === null) {
    for (const row of selectReady(connection, topic, options.limit)) {
      claimed.push(startTask(connection, row, topic, options));
    }
    return null;
  }
  return rateLimit.perKey
    ? claimWithinKeyRates(connection, topic, rateLimit, options, claimed)
    : claimWithinRate(connection, topic, rateLimit, options, claimed);
}

function claimWithinRate(
  connection: Connection,
  topic: Topic,
  rate: RateLimit,
  options: ClaimOptions,
  claimed: ClaimedTask[],
): number | null {
  const rows = selectReady(connection, topic, options.limit);
  const allowance = computeRateAllowance(rate, readArrival(connection, topic, ''), options.nowMs, rows.length);
  for (const row of rows.slice(0, allowance.allowed)) claimed.push(startTask(connection, row, topic, options));
  if (allowance.allowed > 0) writeArrival(connection, topic, '', allowance.arrivalAt);
  return allowance.retryAtMs;
}

/** A key over its rate steps aside until it may start again, so that it never stands before the others. */
function claimWithinKeyRates(
  connection: Connection,
  topic: Topic,
  rate: RateLimit,
  options: ClaimOptions,
  claimed: ClaimedTask[],
): number | null {
  const wanted = claimed.length + options.limit;
  let examined = 0;
  while (claimed.length < wanted) {
    if (examined >= examinedPerClaim) return options.nowMs;
    const rows = selectReady(connection, topic, wanted - claimed.length);
    if (rows.length === 0) return null;
    examined += rows.length;
    for (const row of rows) {
      const key = row.key ?? '';
      const allowance = computeRateAllowance(rate, readArrival(connection, topic, key), options.nowMs, 1);
      if (allowance.allowed === 1) {
        claimed.push(startTask(connection, row, topic, options));
        writeArrival(connection, topic, key, allowance.arrivalAt);
      } else {
        connection
          .sql(`UPDATE tasks SET state = ${stateNumbers.scheduled}, run_at = ? WHERE seq = ?`)
          .run(allowance.retryAtMs, row.seq);
      }
    }
  }
  return null;
}

const { ready, scheduled, running } = stateNumbers;

const readyColumns = 'seq, attempt, public_id, job_id, payload, key, options, failures, crashes, created_at';
const selectReadySql = `SELECT ${readyColumns} FROM tasks WHERE topic_n = ? AND state = ${ready}
  ORDER BY priority DESC, line LIMIT ?`;
const startSql = `UPDATE tasks SET state = ${running}, attempt = attempt + 1, owner = ?, lease_until = ?, started_at = ?
  WHERE seq = ?`;
const holdsLeaseSql = `SELECT 1 FROM tasks WHERE seq = ? AND attempt = ? AND state = ${running}`;
const nextDueSql = `SELECT run_at FROM tasks WHERE state = ${scheduled} ORDER BY run_at LIMIT 1`;

type ReadyRow = readonly [
  seq: number,
  attempt: number,
  publicId: string | null,
  jobId: string | null,
  payload: string,
  key: string | null,
  options: string | null,
  failures: number,
  crashes: number,
  createdAt: number,
];

/** The next tasks of the topic, as they will be when they are started. */
function selectReady(connection: Connection, topic: Topic, limit: number): ClaimedTask[] {
  const rows = connection.tuples(selectReadySql).all(topic.n, limit) as unknown as ReadyRow[];
  return rows.map(([seq, attempt, publicId, jobId, payload, key, options, failures, crashes, createdAtMs]) => ({
    space: topic.space,
    topic: topic.topic,
    seq,
    attempt: attempt + 1,
    id: publicId ?? formatTaskId(seq, createdAtMs),
    jobId,
    payload,
    key,
    options: options === null ? null : parseObject(options),
    failures,
    crashes,
    createdAtMs,
  }));
}

function startTask(
  connection: Connection,
  task: ClaimedTask,
  topic: Topic,
  { owner, nowMs }: ClaimOptions,
): ClaimedTask {
  connection.sql(startSql).run(owner, nowMs + topic.settings.heartbeatMs, nowMs, task.seq);
  return task;
}

export function holdsLease(connection: Connection, { seq, attempt }: TaskLease): boolean {
  return connection.tuples(holdsLeaseSql).get(seq, attempt) !== undefined;
}

/** An attempt that was taken away has an entry that says so; one that ended well has none. */
function hasSettled(connection: Connection, { seq, attempt }: TaskLease): boolean {
  const row = connection
    .sql(
      `SELECT 1 AS settled FROM tasks WHERE seq = ? AND attempt = ? AND state <> ${stateNumbers.running} AND NOT EXISTS
         (SELECT 1 FROM task_attempts a WHERE a.seq = tasks.seq AND a.attempt = tasks.attempt AND outcome IN ('lost', 'release'))`,
    )
    .get(seq, attempt);
  return row !== undefined;
}

export function recordAttempt(
  connection: Connection,
  row: Pick<TaskRow, 'seq' | 'attempt' | 'started_at'>,
  endedAtMs: number,
  outcome: string,
  error: string | null,
): void {
  connection
    .sql(
      `INSERT OR REPLACE INTO task_attempts (seq, attempt, started_at, ended_at, outcome, error) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(row.seq, row.attempt, row.started_at ?? endedAtMs, endedAtMs, outcome, error);
}

export function readNextDue(connection: Connection): number | null {
  const row = connection.tuples(nextDueSql).get() as unknown as readonly [number] | undefined;
  return row?.[0] ?? null;
}

function readArrival(connection: Connection, topic: Topic, key: string): number | null {
  const row = connection.sql('SELECT arrival FROM task_rates WHERE topic_n = ? AND key = ?').get(topic.n, key) as
    | { arrival: number }
    | undefined;
  return row?.arrival ?? null;
}

function writeArrival(connection: Connection, topic: Topic, key: string, arrival: number): void {
  connection
    .sql(
      `INSERT INTO task_rates (topic_n, key, arrival) VALUES (?, ?, ?)
       ON CONFLICT (topic_n, key) DO UPDATE SET arrival = excluded.arrival`,
    )
    .run(topic.n, key, arrival);
}
