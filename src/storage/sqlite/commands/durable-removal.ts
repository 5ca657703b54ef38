import type { TaskCommands, TaskReads } from '../../../ports/storage/tasks.ts';
import type { WorkflowCommands } from '../../../ports/storage/workflows.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { historyRange } from '../history-id.ts';
import { memoryOf } from '../writer-memory.ts';

type RemovalCommands = Pick<TaskCommands, 'task.removeSpace'> & Pick<WorkflowCommands, 'workflow.removeSpace'>;

/** What one commit removes: so many rows, and fewer when they are large, for each page of them must be freed. */
const mostRows = 500;
const mostBytes = 4 * 1024 * 1024;

export const removalCommands: CommandHandlers<RemovalCommands> = {
  'task.removeSpace': ({ connection }, { space, seqs, topics }) => {
    connection.sql('DELETE FROM schedules WHERE space = ?').run(space);
    connection.sql('DELETE FROM schedule_ticks WHERE space = ?').run(space);
    const named = JSON.stringify(seqs);
    connection.sql('DELETE FROM task_attempts WHERE seq IN (SELECT value FROM json_each(?))').run(named);
    connection.sql('DELETE FROM tasks WHERE seq IN (SELECT value FROM json_each(?))').run(named);
    if (topics) {
      const ofSpace = '(SELECT n FROM topics WHERE space = ?)';
      connection.sql(`DELETE FROM task_rates WHERE topic_n IN ${ofSpace}`).run(space);
      connection.sql('DELETE FROM topics WHERE space = ?').run(space);
      memoryOf(connection)?.undo();
    }
    return null;
  },

  'workflow.removeSpace': ({ connection }, { space }) => {
    const instances = connection
      .sql('SELECT n FROM workflow_instances WHERE space = ? LIMIT ?')
      .all(space, mostRows) as unknown as { n: number }[];
    memoryOf(connection)?.forgetInstances();
    let left = mostRows;
    for (const { n } of instances) {
      left -= removeRows(connection, historyOf(n), left) + 1;
      if (left > 0) left -= removeRows(connection, memoryRowsOf(n), left);
      if (left <= 0) return { done: false };
      connection.sql('DELETE FROM workflow_waits WHERE instance_n = ?').run(n);
      connection.sql('DELETE FROM workflow_instances WHERE n = ?').run(n);
    }
    // Each text names the condition of a partial index; together they find every event.
    for (const condition of ['consumed = 0', 'dedupe_id IS NOT NULL']) {
      const found = `SELECT n FROM workflow_events WHERE space = ? AND ${condition} LIMIT ?`;
      left -= Number(connection.sql(`DELETE FROM workflow_events WHERE n IN (${found})`).run(space, left).changes);
      if (left <= 0) return { done: false };
    }
    return { done: true };
  },
};

export const removalReads: ReadHandlers<Pick<TaskReads, 'task.ofSpace'>> = {
  'task.ofSpace': { lane: 'scan', run: ({ connection }, { space, after }) => findTasks(connection, space, after) },
};

function* findTasks(
  connection: Connection,
  space: string,
  start: number,
): Generator<void, TaskReads['task.ofSpace']['result'], void> {
  const topics = connection.sql('SELECT n FROM topics WHERE space = ?').all(space) as unknown as { n: number }[];
  const ours = new Set(topics.map(({ n }) => n));
  const seqs: number[] = [];
  let bytes = 0;
  for (let after = start; ours.size > 0; ) {
    const rows = connection
      .sql('SELECT seq, topic_n, octet_length(payload) AS bytes FROM tasks WHERE seq > ? ORDER BY seq LIMIT 1000')
      .all(after) as unknown as { seq: number; topic_n: number; bytes: number }[];
    for (const row of rows) {
      if (!ours.has(row.topic_n)) continue;
      seqs.push(row.seq);
      bytes += row.bytes;
      if (seqs.length >= mostRows || bytes >= mostBytes) return { seqs, next: row.seq };
    }
    if (rows.length < 1_000) break;
    after = rows.at(-1)!.seq;
    yield;
  }
  return { seqs, next: null };
}

/** Answers what it cost of `budget`: everything when there is more. */
function removeRows(connection: Connection, rows: RowsOfInstance, budget: number): number {
  const { table, key, text, condition, params } = rows;
  const { bytes } = connection
    .sql(
      `SELECT coalesce(sum(octet_length(${text})), 0) AS bytes FROM (SELECT ${text} FROM ${table} WHERE ${condition} LIMIT ?)`,
    )
    .get(...params, budget) as { bytes: number };
  const most = bytes > mostBytes ? Math.max(1, Math.floor(budget * (mostBytes / bytes))) : budget;
  const { changes } = connection
    .sql(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${condition} LIMIT ?)`)
    .run(...params, most);
  return Number(changes) < most ? Number(changes) : budget;
}

interface RowsOfInstance {
  readonly table: string;
  readonly key: string;
  /** The column that may be large. */
  readonly text: string;
  readonly condition: string;
  readonly params: readonly number[];
}

function historyOf(instanceN: number): RowsOfInstance {
  const { first, end } = historyRange(instanceN);
  const condition = 'id >= ? AND id < ?';
  return { table: 'workflow_history', key: 'id', text: 'state_before', condition, params: [first, end] };
}

function memoryRowsOf(instanceN: number): RowsOfInstance {
  const condition = 'instance_n = ?';
  return {
    table: 'workflow_memory',
    key: 'instance_n, visit, memo',
    text: 'value',
    condition,
    params: [instanceN],
  };
}
