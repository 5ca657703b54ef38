import type { WorkflowStatus } from '../../../core/workflow.ts';
import type { StepRecord } from '../../../core/workflow-decide.ts';
import type { WorkflowReads, WorkflowView } from '../../../ports/storage/workflows.ts';
import type { ReaderContext, ReadHandlers } from '../handlers.ts';
import { historyRange, toHistoryNumber } from '../history-id.ts';
import { readMemory } from './workflows.ts';
import { findInstance, type InstanceRow, readDocument, toInstance } from './workflows-rows.ts';

const endedStatuses = "('completed', 'cancelled')";

export const workflowReads: ReadHandlers<WorkflowReads> = {
  'workflow.get': {
    lane: 'point',
    run: (context, { space, id }) => loadView(context, space, id)?.view ?? null,
  },
  'workflow.load': {
    lane: 'point',
    run: (context, { steps }) =>
      steps.map(({ space, id, visit }) => {
        const loaded = loadView(context, space, id);
        return loaded === null ? null : { view: loaded.view, memory: readMemory(context.connection, loaded.n, visit) };
      }),
  },
  'workflow.list': {
    lane: 'point',
    run: ({ connection }, { space, name, status, limit, after }) => {
      const position =
        after === undefined
          ? Number.MAX_SAFE_INTEGER
          : ((
              connection.sql('SELECT n FROM workflow_instances WHERE space = ? AND id = ?').get(space, after) as
                | { n: number }
                | undefined
            )?.n ?? 0);
      const rows = connection
        .sql(
          `SELECT * FROM workflow_instances WHERE space = ?1 AND n < ?2 AND (?3 IS NULL OR name = ?3)
             AND (?4 IS NULL OR status = ?4) ORDER BY n DESC LIMIT ?5`,
        )
        .all(space, position, name ?? null, status ?? null, limit) as unknown as InstanceRow[];
      return rows.map(toInstance);
    },
  },
  'workflow.history': {
    lane: 'point',
    run: ({ connection }, { space, id }) => {
      const stored = findInstance(connection, space, id);
      if (stored === null) return [];
      const { first, end } = historyRange(stored.n);
      const rows = connection
        .sql('SELECT * FROM workflow_history WHERE id >= ? AND id < ? ORDER BY id')
        .all(first, end) as unknown as { id: number; entry: string; state_before: string }[];
      return rows.map(({ id, entry, state_before }) => ({
        ...(JSON.parse(entry) as StepRecord),
        number: toHistoryNumber(id),
        stateBefore: state_before,
      }));
    },
  },
  'workflow.report': {
    lane: 'scan',
    run: ({ connection }, { space, name }) =>
      connection
        .sql(
          // The index counts those that have ended, which are the most; only of the others the rows are looked at.
          `SELECT name, status, NULL AS step, count(*) AS count FROM workflow_instances
             WHERE space = ?1 AND (?2 IS NULL OR name = ?2) AND status IN ${endedStatuses} GROUP BY name, status
           UNION ALL
           SELECT name, status, step, count(*) AS count FROM workflow_instances
             WHERE space = ?1 AND (?2 IS NULL OR name = ?2) AND status NOT IN ${endedStatuses} GROUP BY name, status, step
           ORDER BY name, status, step`,
        )
        .all(space, name ?? null) as unknown as {
        name: string;
        status: WorkflowStatus;
        step: string | null;
        count: number;
      }[],
  },
  'workflow.versions': {
    lane: 'point',
    run: ({ connection }, { space }) =>
      connection
        .sql(
          `SELECT version, count(*) AS count FROM workflow_instances
           WHERE space = ? AND version IS NOT NULL AND ended_at IS NULL GROUP BY version`,
        )
        .all(space) as unknown as { version: string; count: number }[],
  },
};

function loadView(
  { connection, nowMs }: ReaderContext,
  space: string,
  id: string,
): { readonly n: number; readonly view: WorkflowView } | null {
  const stored = findInstance(connection, space, id);
  if (stored === null) return null;
  const { instance } = stored;
  const document = readDocument(connection, nowMs, { space, collection: instance.collection, id });
  return { n: stored.n, view: { space, id, instance, document } };
}
