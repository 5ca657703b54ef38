import { TackleError } from '../../../core/errors.ts';
import type { ScheduleSpec } from '../../../core/schedule.ts';
import type { EnqueuedTask, ScheduleView, TaskCommands } from '../../../ports/storage/tasks.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { enqueueTasks } from './tasks-enqueue.ts';
import { findTopic, stateNumbers } from './tasks-rows.ts';

type ScheduleCommands = Pick<TaskCommands, 'schedule.put' | 'schedule.remove' | 'schedule.tick'>;

interface ScheduleRow {
  readonly space: string;
  readonly name: string;
  readonly spec: string;
  readonly topic: string;
  readonly payload: string;
  readonly last_tick: number | null;
  readonly next_tick: number | null;
  readonly skipped: number;
}

/** Rows that say "this tick has had its run" are kept this long; older ticks are refused by `last_tick`. */
const tickMemoryMs = 2 * 86_400_000;

export const scheduleCommands: CommandHandlers<ScheduleCommands> = {
  'schedule.put': ({ connection }, { space, name, spec, topic, payload, nowMs, nextTickMs }) => {
    const created = findSchedule(connection, space, name) === null;
    connection
      .sql(
        `INSERT INTO schedules (space, name, spec, topic, payload, last_tick, next_tick) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (space, name) DO UPDATE SET spec = excluded.spec, topic = excluded.topic,
           payload = excluded.payload, next_tick = excluded.next_tick`,
      )
      .run(space, name, JSON.stringify(spec), topic, payload, nowMs, nextTickMs);
    return { created };
  },

  'schedule.remove': ({ connection }, { space, name }) => {
    connection.sql('DELETE FROM schedule_ticks WHERE space = ? AND name = ?').run(space, name);
    const { changes } = connection.sql('DELETE FROM schedules WHERE space = ? AND name = ?').run(space, name);
    return { removed: Number(changes) > 0 };
  },

  'schedule.tick': ({ connection }, params) => {
    const { space, name, ticks, missed, nextTickMs, nowMs, manual } = params;
    const schedule = findSchedule(connection, space, name);
    if (schedule === null) {
      if (manual === true) throw new TackleError('not_found', `There is no schedule "${name}" in this space.`);
      return { enqueued: [], skipped: 0, topic: null };
    }
    const { overlap } = JSON.parse(schedule.spec) as ScheduleSpec;
    const enqueued: EnqueuedTask[] = [];
    let skipped = 0;
    for (const tick of ticks) {
      if (manual !== true && !takeTick(connection, schedule, tick)) continue;
      if (manual !== true && overlap === 'skip' && hasUnfinished(connection, space, schedule.topic)) {
        skipped += 1;
        continue;
      }
      const task = { space, topic: schedule.topic, payload: schedule.payload };
      enqueued.push(...enqueueTasks(connection, [task], nowMs));
    }
    if (manual !== true) {
      advance(connection, schedule, ticks, skipped + missed, nextTickMs);
      connection
        .sql('DELETE FROM schedule_ticks WHERE space = ? AND name = ? AND tick < ?')
        .run(space, name, nowMs - tickMemoryMs);
    }
    return { enqueued, skipped, topic: schedule.topic };
  },
};

/** True for the one who comes first with a tick. */
function takeTick(connection: Connection, schedule: ScheduleRow, tick: number): boolean {
  if (schedule.last_tick !== null && tick <= schedule.last_tick) return false;
  const { changes } = connection
    .sql('INSERT OR IGNORE INTO schedule_ticks (space, name, tick) VALUES (?, ?, ?)')
    .run(schedule.space, schedule.name, tick);
  return Number(changes) > 0;
}

function advance(
  connection: Connection,
  schedule: ScheduleRow,
  ticks: readonly number[],
  left: number,
  nextTickMs: number | null,
): void {
  const lastTick = Math.max(schedule.last_tick ?? 0, ...ticks);
  connection
    .sql('UPDATE schedules SET last_tick = ?, next_tick = ?, skipped = skipped + ? WHERE space = ? AND name = ?')
    .run(lastTick, nextTickMs, left, schedule.space, schedule.name);
}

function hasUnfinished(connection: Connection, space: string, name: string): boolean {
  const topic = findTopic(connection, space, name);
  if (topic === null) return false;
  const { ready, scheduled, blocked, running } = stateNumbers;
  return [ready, scheduled, blocked, running].some(
    (state) =>
      connection.sql(`SELECT 1 AS found FROM tasks WHERE topic_n = ? AND state = ${state} LIMIT 1`).get(topic.n) !==
      undefined,
  );
}

function findSchedule(connection: Connection, space: string, name: string): ScheduleRow | null {
  const row = connection.sql('SELECT * FROM schedules WHERE space = ? AND name = ?').get(space, name);
  return row === undefined ? null : (row as unknown as ScheduleRow);
}

export function listSchedules(connection: Connection, space: string | undefined): ScheduleView[] {
  const rows =
    space === undefined
      ? connection.sql('SELECT * FROM schedules ORDER BY space, name').all()
      : connection.sql('SELECT * FROM schedules WHERE space = ? ORDER BY name').all(space);
  return (rows as unknown as ScheduleRow[]).map((row) => ({
    space: row.space,
    name: row.name,
    spec: JSON.parse(row.spec) as ScheduleSpec,
    topic: row.topic,
    payload: row.payload,
    lastTickMs: row.last_tick,
    nextTickMs: row.next_tick,
    skipped: row.skipped,
  }));
}
