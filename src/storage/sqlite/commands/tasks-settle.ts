import type { Settlement, TaskLease } from '../../../core/task.ts';
import type { SettledTask, TaskCommands } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { recordAttempt } from './tasks-claim.ts';
import { countHolders } from './tasks-enqueue.ts';
import { getTopic, reserveNumbers, stateNumbers, type TaskRow, type Topic } from './tasks-rows.ts';

/** Dead letters stay this long: longer than done tasks, since somebody still has to look at them. */
const deadRetentionMs = 30 * 86_400_000;

export const settleCommands: CommandHandlers<Pick<TaskCommands, 'task.settle'>> = {
  'task.settle': ({ connection }, { settlements, nowMs }) => ({
    tasks: settlements.map(({ seq, attempt, settlement }) =>
      settleTask(connection, { seq, attempt }, settlement, nowMs),
    ),
  }),
};

const runningSql = `SELECT topic_n, key, holds_key, started_at FROM tasks
  WHERE seq = ? AND attempt = ? AND state = ${stateNumbers.running}`;
type RunningRow = readonly [topicN: number, key: string | null, holdsKey: number, startedAt: number | null];
export type RunningTask = Pick<TaskRow, 'seq' | 'attempt' | 'key' | 'holds_key' | 'started_at'> & {
  readonly topicN: number;
};

/** Also used by workflows, whose steps settle in their own commit. */
export function settleTask(
  connection: Connection,
  lease: TaskLease,
  settlement: Settlement,
  nowMs: number,
): SettledTask {
  const row = findRunning(connection, lease);
  return row === null ? { status: 'lost', freed: false } : settleRunning(connection, row, settlement, nowMs);
}

/** Null when the attempt lost its lease, or was settled. */
export function findRunning(connection: Connection, { seq, attempt }: TaskLease): RunningTask | null {
  const found = connection.tuples(runningSql).get(seq, attempt) as unknown as RunningRow | undefined;
  if (found === undefined) return null;
  const [topicN, key, holdsKey, startedAt] = found;
  return { seq, attempt, topicN, key, holds_key: holdsKey, started_at: startedAt };
}

/** For who has looked before, in the same commit. */
export function settleRunning(
  connection: Connection,
  row: RunningTask,
  settlement: Settlement,
  nowMs: number,
): SettledTask {
  const topic = getTopic(connection, row.topicN);
  if (settlement.type === 'done') return finishTask(connection, row, topic, stateNumbers.done, nowMs);
  if (settlement.type === 'release') {
    returnTask(connection, row, nowMs);
    return { status: 'settled', freed: false };
  }
  const error = JSON.stringify(settlement.error);
  recordAttempt(connection, row, nowMs, settlement.type, error);
  if (settlement.type === 'dead') {
    connection
      .sql('UPDATE tasks SET reason = ?, error = ?, failures = failures + ?, crashes = crashes + ? WHERE seq = ?')
      .run(settlement.reason, error, settlement.countsAsCrash ? 0 : 1, settlement.countsAsCrash ? 1 : 0, row.seq);
    return finishTask(connection, row, topic, stateNumbers.dead, nowMs);
  }
  connection
    .sql(
      `UPDATE tasks SET state = ?, run_at = ?, owner = NULL, lease_until = NULL, error = ?, failures = failures + ?,
         crashes = crashes + ? WHERE seq = ?`,
    )
    .run(
      stateNumbers.scheduled,
      settlement.runAtMs,
      error,
      settlement.countsAsFailure ? 1 : 0,
      settlement.countsAsCrash ? 1 : 0,
      row.seq,
    );
  return { status: 'settled', freed: false };
}

/** Back to its old place, and no attempt on its record: the number goes on growing because it is the fence. */
function returnTask(connection: Connection, row: RunningTask, nowMs: number): void {
  connection
    .sql(`UPDATE tasks SET state = ${stateNumbers.ready}, owner = NULL, lease_until = NULL WHERE seq = ?`)
    .run(row.seq);
  recordAttempt(connection, row, nowMs, 'release', null);
}

/** Ends a task in whatever state it is, and lets the next of its key go. */
export function finishTask(
  connection: Connection,
  row: Pick<TaskRow, 'seq' | 'key' | 'holds_key'>,
  topic: Topic,
  state: number,
  nowMs: number,
): SettledTask {
  const { retentionMs } = topic.settings;
  if (state === stateNumbers.done && retentionMs === 0) {
    connection.sql('DELETE FROM tasks WHERE seq = ?').run(row.seq);
  } else {
    const forgetAt = nowMs + (state === stateNumbers.dead ? Math.max(deadRetentionMs, retentionMs) : retentionMs);
    connection
      .sql(
        `UPDATE tasks SET state = ?, finished_at = ?, forget_at = ?, holds_key = 0, dedupe_key = NULL, owner = NULL,
           lease_until = NULL, run_at = NULL WHERE seq = ?`,
      )
      .run(state, nowMs, forgetAt, row.seq);
  }
  const freed = row.key !== null && row.holds_key === 1 && freeNextOfKey(connection, topic, row.key);
  return { status: 'settled', freed };
}

const nextOfKeySql = `SELECT seq FROM tasks WHERE topic_n = ? AND key = ? AND state = ${stateNumbers.blocked}
  ORDER BY line LIMIT 1`;
const freeSql = `UPDATE tasks SET state = ${stateNumbers.ready}, holds_key = 1, line = ? WHERE seq = ?`;

/** The longest waiting task of a key goes to the end of the topic's line, so that keys take turns. */
export function freeNextOfKey(connection: Connection, topic: Topic, key: string): boolean {
  if (countHolders(connection, topic.n, key) >= topic.settings.keyConcurrency) return false;
  const next = connection.tuples(nextOfKeySql).get(topic.n, key) as unknown as readonly [number] | undefined;
  if (next === undefined) return false;
  connection.sql(freeSql).run(reserveNumbers(connection, 1), next[0]);
  return true;
}
