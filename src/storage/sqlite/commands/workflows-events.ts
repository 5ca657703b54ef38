import { TackleError } from '../../../core/errors.ts';
import type { Json } from '../../../core/json.ts';
import { isEnded } from '../../../core/workflow.ts';
import type { WorkflowCommands } from '../../../ports/storage/workflows.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers, WriterContext } from '../handlers.ts';
import { applyOperation, openCommit } from './workflows-apply.ts';
import { findInstance, type InstanceRow, toInstance } from './workflows-rows.ts';

export interface StoredEvent {
  readonly n: number;
  readonly payload: Json;
}

/** Events of an instance lie together, so that they go with it. */
export function eventAddress(event: string, key: string | null, instanceId: string): string {
  return key === null ? `id:${instanceId}\n${event}` : `key:${event}\n${key}`;
}

export function findStoredEvent(
  connection: Connection,
  space: string,
  address: string,
  nowMs: number,
): StoredEvent | null {
  const row = connection
    .sql(
      `SELECT n, payload FROM workflow_events WHERE space = ? AND address = ? AND consumed = 0 AND expires_at > ?
       ORDER BY n LIMIT 1`,
    )
    .get(space, address, nowMs) as { n: number; payload: string } | undefined;
  return row === undefined ? null : { n: row.n, payload: JSON.parse(row.payload) as Json };
}

/** The row stays until it expires when it has an id, so that the same event is not delivered twice. */
export function consumeEvent(connection: Connection, event: StoredEvent): void {
  connection.sql('UPDATE workflow_events SET consumed = 1 WHERE n = ?').run(event.n);
  connection.sql('DELETE FROM workflow_events WHERE n = ? AND dedupe_id IS NULL').run(event.n);
}

export const eventCommands: CommandHandlers<Pick<WorkflowCommands, 'workflow.send'>> = {
  'workflow.send': (context, params) => {
    const { connection } = context;
    const { space, event, key, instanceId, nowMs, dedupeId } = params;
    if (key === null) checkReceiver(connection, space, instanceId);
    const address = eventAddress(event, key, instanceId ?? '');
    if (dedupeId !== null && wasSent(connection, space, address, dedupeId)) {
      return { delivered: null, duplicate: true, topics: [] };
    }
    const { delivered, topics } = deliver(context, space, address, params.payload, nowMs);
    if (delivered === null || dedupeId !== null) {
      connection
        .sql(
          `INSERT INTO workflow_events (space, address, payload, dedupe_id, consumed, expires_at)
           VALUES (?, ?, ?, ?, ?, ?)`,
        )
        .run(space, address, JSON.stringify(params.payload), dedupeId, delivered === null ? 0 : 1, params.expiresAtMs);
    }
    return { delivered, duplicate: false, topics };
  },
};

function checkReceiver(connection: Connection, space: string, instanceId: string | null): void {
  const receiver = instanceId === null ? null : findInstance(connection, space, instanceId);
  if (receiver === null) {
    throw new TackleError('not_found', `There is no workflow instance ${instanceId ?? '(none given)'} to send to.`);
  }
  if (isEnded(receiver.instance.control.status)) {
    const { status } = receiver.instance.control;
    throw new TackleError('conflict', `Workflow instance ${receiver.instance.id} is ${status}; it takes no events.`);
  }
}

function wasSent(connection: Connection, space: string, address: string, dedupeId: string): boolean {
  const row = connection
    .sql('SELECT 1 AS found FROM workflow_events WHERE space = ? AND address = ? AND dedupe_id = ?')
    .get(space, address, dedupeId);
  return row !== undefined;
}

interface WaitRow extends InstanceRow {
  readonly branch: string;
  readonly visit: number;
}

/** To whoever waits longest; a wait that turns out to be over is removed and the next one asked. */
function deliver(
  context: WriterContext,
  space: string,
  address: string,
  payload: Json,
  nowMs: number,
): { delivered: string | null; topics: ReturnType<ReturnType<typeof openCommit>['topics']['toArray']> } {
  const { connection } = context;
  const commit = openCommit(context, nowMs);
  for (;;) {
    const row = connection
      .sql(
        `SELECT i.*, w.branch, w.visit FROM workflow_waits w JOIN workflow_instances i ON i.n = w.instance_n
         WHERE w.space = ? AND w.address = ? ORDER BY w.line LIMIT 1`,
      )
      .get(space, address) as unknown as WaitRow | undefined;
    if (row === undefined) return { delivered: null, topics: commit.topics.toArray() };
    const stored = { n: row.n, space, instance: toInstance(row), lastEntry: null };
    const applied = applyOperation(commit, stored, { type: 'event', branch: row.branch, visit: row.visit, payload });
    if (applied !== null && !isEnded(applied.instance.control.status)) {
      return { delivered: row.id, topics: commit.topics.toArray() };
    }
    connection.sql('DELETE FROM workflow_waits WHERE instance_n = ? AND branch = ?').run(row.n, row.branch);
  }
}
