import { TackleError } from '../../../core/errors.ts';
import { isPlainObject, type JsonObject } from '../../../core/json.ts';
import { planAdoption, planWaiting, waitsAsAdopted } from '../../../core/workflow-adopt.ts';
import type { NewWorkflowInstance, WorkflowCommands } from '../../../ports/storage/workflows.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers } from '../handlers.ts';
import { holdsLease } from './tasks-claim.ts';
import { settleTask } from './tasks-settle.ts';
import { applyOperation, openCommit, startInstance, toChange } from './workflows-apply.ts';
import { findInstance, readDocument } from './workflows-rows.ts';

export const adoptCommands: CommandHandlers<Pick<WorkflowCommands, 'workflow.adopt'>> = {
  'workflow.adopt': (context, { instance, step, state, lease, nowMs }) => {
    const { connection } = context;
    if (lease !== null && !holdsLease(connection, lease)) return null;
    const document = requireDocument(connection, instance, nowMs);
    if (lease === null && document.workflowName !== instance.name) throw notThere(instance);
    const known = findInstance(connection, instance.space, instance.id);
    const plan = lease === null ? planWaiting(document) : planAdoption(document, state, step);
    if (lease !== null) settleTask(connection, lease, { type: 'done' }, nowMs);
    const commit = openCommit(context, nowMs);
    if (known !== null) {
      if (lease === null || plan === null || !waitsAsAdopted(known.instance)) return null;
      const applied = applyOperation(commit, known, { type: 'update', patch: state, continue: true });
      return applied === null ? null : toChange(commit, applied);
    }
    if (plan === null) return null;
    const { operation, createdAtMs } = plan;
    const documentSinceMs = createdAtMs ?? nowMs;
    return toChange(commit, startInstance(commit, { instance, operation, memory: {}, documentSinceMs }));
  },
};

function requireDocument(connection: Connection, instance: NewWorkflowInstance, nowMs: number): JsonObject {
  const text = readDocument(connection, nowMs, instance);
  const document: unknown = text === null ? null : JSON.parse(text);
  if (!isPlainObject(document)) throw notThere(instance);
  return document as JsonObject;
}

function notThere({ id }: NewWorkflowInstance): TackleError {
  return new TackleError('not_found', `The workflow instance ${id} has no document to go on from.`);
}
