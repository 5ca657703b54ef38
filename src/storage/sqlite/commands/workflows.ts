import { type ErrorCode, serializeError, TackleError } from '../../../core/errors.ts';
import type { Json, JsonObject } from '../../../core/json.ts';
import type { StepRecord } from '../../../core/workflow-decide.ts';
import type { StepReport, StepReportResult, WorkflowCommands } from '../../../ports/storage/workflows.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers, WriterContext } from '../handlers.ts';
import { historyRange, toHistoryId } from '../history-id.ts';
import { memoryOf } from '../writer-memory.ts';
import { removalCommands } from './durable-removal.ts';
import { holdsLease } from './tasks-claim.ts';
import { findRunning, type RunningTask, settleRunning } from './tasks-settle.ts';
import { adoptCommands } from './workflows-adopt.ts';
import { applyOperation, openCommit, remember, startInstance, toChange } from './workflows-apply.ts';
import { eventCommands } from './workflows-events.ts';
import { findInstance, type StoredInstance } from './workflows-rows.ts';

export const workflowCommands: CommandHandlers<WorkflowCommands> = {
  ...eventCommands,
  ...adoptCommands,
  'workflow.removeSpace': removalCommands['workflow.removeSpace'],

  'workflow.start': (context, { instance, step, state, delayMs, nowMs }) => {
    const commit = openCommit(context, nowMs);
    const operation = { type: 'start', step, state, delayMs } as const;
    return toChange(commit, startInstance(commit, { instance, operation, memory: {} }));
  },

  'workflow.steps': (context, { reports, nowMs, strict }) => {
    const results = reports.map((report) => applyReport(context, report, nowMs));
    if (strict === true) for (const result of results) requireApplied(result);
    return { reports: results };
  },

  'workflow.apply': (context, { space, id, operation, nowMs }) => {
    const commit = openCommit(context, nowMs);
    const stored = requireInstance(context.connection, space, id);
    const applied = applyOperation(commit, stored, operation);
    if (applied !== null) return toChange(commit, applied);
    return { status: stored.instance.control.status, document: 'null', topics: [], ended: [] };
  },

  'workflow.remember': (context, { space, id, lease, visit, memo, value }) => {
    const { connection } = context;
    if (!holdsLease(connection, lease)) {
      throw new TackleError('lease_lost', 'This step lost its task to another attempt; nothing was written.');
    }
    remember(openCommit(context, context.nowMs), requireInstance(connection, space, id).n, visit, memo, value);
    return null;
  },

  'workflow.fork': (context, params) => {
    const { connection } = context;
    const from = requireInstance(connection, params.from.space, params.from.id);
    const { entry, state } = readForkPoint(connection, from, params.number);
    const commit = openCommit(context, params.nowMs);
    const memory = params.keepMemory ? readMemory(connection, from.n, entry.visit) : {};
    const applied = startInstance(commit, {
      instance: { ...from.instance, space: from.space, id: params.id, version: params.version, parent: null },
      operation: {
        type: 'resume',
        step: entry.step,
        state: overlay(state, params.patch),
        previousStep: null,
        outcome: params.outcome,
      },
      memory: overlay(memory, params.memory),
    });
    return toChange(commit, applied);
  },

  'workflow.unpark': (context, { space, name, steps, limit, nowMs }) => {
    const { connection } = context;
    const rows = connection
      .sql(
        `SELECT id FROM workflow_instances WHERE space = ? AND name = ? AND status = 'parked'
           AND step IN (SELECT value FROM json_each(?)) LIMIT ?`,
      )
      .all(space, name, JSON.stringify(steps), limit) as unknown as { id: string }[];
    const commit = openCommit(context, nowMs);
    let count = 0;
    for (const { id } of rows) {
      const stored = requireInstance(connection, space, id);
      const applied = applyOperation(commit, stored, { type: 'unpark', steps });
      if (applied !== null && applied.instance.control.status !== 'parked') count += 1;
    }
    return { count, topics: commit.topics.toArray() };
  },

  'workflow.sweep': ({ connection }, { nowMs, endedBeforeMs, limit }) => {
    const { changes } = connection
      .sql('DELETE FROM workflow_events WHERE n IN (SELECT n FROM workflow_events WHERE expires_at <= ? LIMIT ?)')
      .run(nowMs, limit);
    const ended = connection
      .sql('SELECT n FROM workflow_instances WHERE ended_at < ? ORDER BY ended_at LIMIT ?')
      .all(endedBeforeMs, limit) as unknown as { n: number }[];
    for (const { n } of ended) {
      const { first, end } = historyRange(n);
      connection.sql('DELETE FROM workflow_history WHERE id >= ? AND id < ?').run(first, end);
      connection.sql('DELETE FROM workflow_memory WHERE instance_n = ?').run(n);
      connection.sql('DELETE FROM workflow_instances WHERE n = ?').run(n);
    }
    if (ended.length > 0) memoryOf(connection)?.forgetInstances();
    return { removed: Number(changes) + ended.length };
  },
};

function applyReport(context: WriterContext, report: StepReport, nowMs: number): StepReportResult {
  const { connection } = context;
  const task = findRunning(connection, report.lease);
  if (task === null) return { type: 'stale' };
  const stored = findInstance(connection, report.space, report.id);
  if (stored === null) return settleStale(connection, task, nowMs);
  const commit = openCommit(context, nowMs);
  const { outcome, branch, lease, startedAtMs } = report;
  try {
    const applied = applyOperation(
      commit,
      stored,
      { type: 'step', branch, ticket: lease.seq, attempt: lease.attempt, startedAtMs, outcome },
      outcome.type === 'suspend' ? outcome.child : undefined,
    );
    if (applied === null) return settleStale(connection, task, nowMs);
    if (!commit.dropped.has(task.seq)) settleRunning(connection, task, report.settlement, nowMs);
    return { type: 'applied', ...toChange(commit, applied) };
  } catch (error) {
    if (!(error instanceof TackleError) || error.status >= 500) throw error;
    return { type: 'rejected', error: serializeError(error) };
  }
}

function requireApplied(result: StepReportResult): void {
  if (result.type === 'applied') return;
  if (result.type === 'stale') throw new TackleError('lease_lost', 'The instance went on without this step.');
  throw new TackleError(result.error.code as ErrorCode, result.error.message);
}

/** The instance went on without this task; the task has nothing left to do. */
function settleStale(connection: Connection, task: RunningTask, nowMs: number): StepReportResult {
  settleRunning(connection, task, { type: 'done' }, nowMs);
  return { type: 'stale' };
}

function requireInstance(connection: Connection, space: string, id: string): StoredInstance {
  const stored = findInstance(connection, space, id);
  if (stored !== null) return stored;
  throw new TackleError('not_found', `No steps found with instanceId: ${id}`);
}

function readForkPoint(
  connection: Connection,
  from: StoredInstance,
  number: number,
): { entry: StepRecord; state: JsonObject } {
  const row = connection
    .sql('SELECT entry, state_before FROM workflow_history WHERE id = ?')
    .get(toHistoryId(from.n, number)) as { entry: string; state_before: string } | undefined;
  if (row === undefined) {
    throw new TackleError('not_found', `Workflow instance ${from.instance.id} has no history entry ${number}.`);
  }
  const entry = JSON.parse(row.entry) as StepRecord;
  if (entry.branch !== '') {
    throw new TackleError(
      'conflict',
      `Entry ${number} ("${entry.step}") ran in a branch of a fork; fork from the step that forked, or from the join.`,
    );
  }
  return { entry, state: JSON.parse(row.state_before) as JsonObject };
}

export function readMemory(connection: Connection, n: number, visit: number): Record<string, Json> {
  const rows = connection
    .sql('SELECT memo, value FROM workflow_memory WHERE instance_n = ? AND visit = ?')
    .all(n, visit) as unknown as { memo: string; value: string }[];
  return Object.fromEntries(rows.map(({ memo, value }) => [memo, JSON.parse(value) as Json]));
}

function overlay(base: JsonObject, patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries({ ...base, ...patch }).filter(([, value]) => value !== null));
}
