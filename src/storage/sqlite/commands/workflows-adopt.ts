import { TackleError } from '../../../core/errors.ts';
import { isPlainObject, type JsonObject } from '../../../core/json.ts';
import { planAdoption } from '../../../core/workflow-adopt.ts';
import type { WorkflowCommands } from '../../../ports/storage/workflows.ts';
import type { CommandHandlers } from '../handlers.ts';
import { holdsLease } from './tasks-claim.ts';
import { settleTask } from './tasks-settle.ts';
import { openCommit, startInstance, toChange } from './workflows-apply.ts';
import { findInstance, readDocument } from './workflows-rows.ts';

export const adoptCommands: CommandHandlers<Pick<WorkflowCommands, 'workflow.adopt'>> = {
  'workflow.adopt': (context, { instance, step, state, lease, nowMs }) => {
    const { connection } = context;
    if (!holdsLease(connection, lease)) return null;
    const text = readDocument(connection, nowMs, instance);
    const document: unknown = text === null ? null : JSON.parse(text);
    if (!isPlainObject(document)) {
      throw new TackleError('not_found', `The workflow instance ${instance.id} has no document to go on from.`);
    }
    const plan = planAdoption(document as JsonObject, state, step);
    const isKnown = findInstance(connection, instance.space, instance.id) !== null;
    settleTask(connection, lease, { type: 'done' }, nowMs);
    if (plan === null || isKnown) return null;
    const commit = openCommit(context, nowMs);
    const { operation, createdAtMs } = plan;
    const documentSinceMs = createdAtMs ?? nowMs;
    return toChange(commit, startInstance(commit, { instance, operation, memory: {}, documentSinceMs }));
  },
};
