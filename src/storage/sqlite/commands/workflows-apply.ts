import { serializeError, TackleError } from '../../../core/errors.ts';
import type { Json, JsonObject } from '../../../core/json.ts';
import type { ChildStart, WorkflowInstance } from '../../../core/workflow.ts';
import { stepTopic } from '../../../core/workflow.ts';
import {
  decideWorkflow,
  type StepRecord,
  type WorkflowEffect,
  type WorkflowOperation,
} from '../../../core/workflow-decide.ts';
import { createControl } from '../../../core/workflow-draft.ts';
import type { NewWorkflowInstance, WorkflowChange } from '../../../ports/storage/workflows.ts';
import type { Connection } from '../connection.ts';
import type { WriterContext } from '../handlers.ts';
import { historyRange, toHistoryId, toHistoryNumber } from '../history-id.ts';
import { describeHead } from '../kept-steps.ts';
import { insertTask } from './tasks-enqueue.ts';
import { dropTask, getTask } from './tasks-manage.ts';
import { openTopic, reserveNumbers, stateNumbers, TopicSet } from './tasks-rows.ts';
import { consumeEvent, eventAddress, findStoredEvent, type StoredEvent } from './workflows-events.ts';
import {
  findInstance,
  insertDocument,
  insertInstance,
  type StoredInstance,
  saveInstance,
  writeDocument,
} from './workflows-rows.ts';

/** What one command has done so far; operations may lead to others, on the parent or on children. */
export interface WorkflowCommit {
  readonly context: WriterContext;
  readonly nowMs: number;
  readonly topics: TopicSet;
  readonly ended: string[];
  /** Tasks that were taken out of the queue. */
  readonly dropped: Set<number>;
}

export function openCommit(context: WriterContext, nowMs: number): WorkflowCommit {
  return { context, nowMs, topics: new TopicSet(), ended: [], dropped: new Set() };
}

export interface AppliedOperation {
  readonly instance: WorkflowInstance;
  readonly document: string;
  readonly queued: WorkflowChange['queued'];
}

/** Null when the operation was stale; then nothing was written. Throws what the document or the operation refuses. */
export function applyOperation(
  commit: WorkflowCommit,
  stored: StoredInstance,
  operation: WorkflowOperation,
  child?: ChildStart,
): AppliedOperation | null {
  const { context, nowMs } = commit;
  const { connection } = context;
  let taken: StoredEvent | null = null;
  const decision = decideWorkflow(stored.instance, operation, {
    nowMs,
    allocateTicket: () => reserveNumbers(connection, 1),
    takeEvent(event, key) {
      taken = findStoredEvent(connection, stored.space, eventAddress(event, key, stored.instance.id), nowMs);
      return taken;
    },
  });
  if (decision.stale) return null;
  // The document comes first: it is the only thing that may be refused, and nothing else is written yet then.
  const written = writeDocument(context, stored, decision.instance, decision.patch);
  if (written === null && operation.type !== 'cancel') {
    return applyOperation(commit, stored, { type: 'cancel', reason: 'Its document was removed.' });
  }
  if (taken !== null) consumeEvent(connection, taken);
  const { record, instance } = decision;
  const lastEntry =
    record === null ? stored.lastEntry : writeHistory(connection, stored, record, written?.before ?? '{}');
  const goesOn = operation.type === 'step' && operation.outcome.type === 'goto' && written?.isLasting === true;
  const isAlone = goesOn && isAloneInVisit(instance);
  const applied = {
    ...stored,
    instance,
    lastEntry,
    ...(isAlone ? { head: stored.head ?? describeHead(instance) } : {}),
  };
  const control = saveInstance(connection, applied);
  const document = written?.after ?? 'null';
  for (const effect of decision.effects) applyEffect(commit, applied, effect, document, child);
  const queued = isAlone ? { visit: instance.control.lastVisit, instance: `${applied.head}\n${control}` } : null;
  return { instance, document, queued };
}

export interface InstanceStart {
  readonly instance: NewWorkflowInstance;
  readonly operation: Extract<WorkflowOperation, { type: 'start' | 'resume' | 'adopt-waiting' }>;
  readonly memory: JsonObject;
  /** The document is there already and has been since then. */
  readonly documentSinceMs?: number;
}

export function startInstance(
  commit: WorkflowCommit,
  { instance, operation, memory, documentSinceMs }: InstanceStart,
): AppliedOperation {
  const { context, nowMs } = commit;
  const { connection } = context;
  const fresh: WorkflowInstance = {
    id: instance.id,
    name: instance.name,
    collection: instance.collection,
    queuePrefix: instance.queuePrefix,
    maxStepCount: instance.maxStepCount,
    version: instance.version,
    parent: instance.parent,
    createdAtMs: documentSinceMs ?? nowMs,
    control: createControl(nowMs),
  };
  const decision = decideWorkflow(fresh, operation, {
    nowMs,
    allocateTicket: () => reserveNumbers(connection, 1),
    takeEvent: () => null,
  });
  if (findInstance(connection, instance.space, instance.id) !== null) {
    throw new TackleError('duplicate_id', `There is a workflow instance ${instance.id} already.`);
  }
  const inserted =
    documentSinceMs === undefined
      ? insertDocument(context, instance.space, decision.instance, decision.patch)
      : undefined;
  const { stored, control } = insertInstance(connection, instance.space, decision.instance);
  const written = inserted ?? writeDocument(context, stored, decision.instance, decision.patch);
  const document = written?.after ?? 'null';
  for (const [memo, value] of Object.entries(memory)) remember(commit, stored.n, 1, memo, value);
  for (const effect of decision.effects) applyEffect(commit, stored, effect, document);
  const isAlone = operation.type === 'start' && written?.isLasting === true && isAloneInVisit(decision.instance);
  const queued = isAlone ? { visit: 1, instance: `${describeHead(decision.instance)}\n${control}` } : null;
  return { instance: decision.instance, document, queued };
}

/** Whether the step that is queued begins a visit, and nothing else is under way in the instance. */
function isAloneInVisit({ control: { branches, lastVisit } }: WorkflowInstance): boolean {
  const root = branches[''];
  return root?.state === 'queued' && root.visit === lastVisit && Object.keys(branches).length === 1;
}

export function toChange(commit: WorkflowCommit, applied: AppliedOperation): WorkflowChange {
  return {
    status: applied.instance.control.status,
    document: applied.document,
    topics: commit.topics.toArray(),
    ended: [...commit.ended],
    queued: applied.queued,
  };
}

function applyEffect(
  commit: WorkflowCommit,
  stored: StoredInstance,
  effect: WorkflowEffect,
  document: string,
  child?: ChildStart,
): void {
  const { context, nowMs } = commit;
  const { connection } = context;
  switch (effect.type) {
    case 'enqueue':
      enqueueStep(commit, stored, effect);
      return;
    case 'drop': {
      const task = getTask(connection, effect.ticket);
      const unfinished = task !== null && (task.state <= stateNumbers.running || task.state === stateNumbers.dead);
      if (!unfinished) return;
      dropTask(connection, task, nowMs);
      commit.dropped.add(effect.ticket);
      return;
    }
    case 'listen':
      connection
        .sql(
          `INSERT OR REPLACE INTO workflow_waits (instance_n, branch, space, address, visit, line)
           VALUES (?, ?, ?, ?, ?, ?)`,
        )
        .run(
          stored.n,
          effect.branch,
          stored.space,
          eventAddress(effect.event, effect.key, stored.instance.id),
          effect.visit,
          reserveNumbers(connection, 1),
        );
      return;
    case 'unlisten':
      connection.sql('DELETE FROM workflow_waits WHERE instance_n = ? AND branch = ?').run(stored.n, effect.branch);
      return;
    case 'remember':
      remember(commit, stored.n, effect.visit, effect.memo, effect.value);
      return;
    case 'start-child':
      startChild(commit, stored, effect, child);
      return;
    case 'cancel-child': {
      const found = findInstance(connection, stored.space, effect.childId);
      const status = found?.instance.control.status;
      if (found === null || status === 'completed' || status === 'cancelled') return;
      applyOperation(commit, found, { type: 'cancel', reason: `Its parent ${stored.instance.id} was cancelled.` });
      return;
    }
    case 'ended':
      tellParent(commit, stored, document);
      return;
  }
}

function enqueueStep(
  commit: WorkflowCommit,
  stored: StoredInstance,
  effect: Extract<WorkflowEffect, { type: 'enqueue' }>,
): void {
  const { connection } = commit.context;
  const topic = openTopic(connection, stored.space, stepTopic(stored.instance, effect.step));
  const payload = JSON.stringify({
    stepsName: stored.instance.name,
    goto: effect.step,
    instanceId: stored.instance.id,
    options: {},
    branch: effect.branch,
    visit: effect.visit,
    ...(effect.timer ? { timer: true } : {}),
  });
  const task = {
    space: topic.space,
    topic: topic.topic,
    payload,
    ...(effect.delayMs > 0 ? { runAtMs: commit.nowMs + effect.delayMs } : {}),
  };
  insertTask(connection, { task, topic, seq: effect.ticket, nowMs: commit.nowMs });
  commit.topics.add(topic);
}

export function remember(commit: WorkflowCommit, n: number, visit: number, memo: string, value: Json): void {
  commit.context.connection
    .sql('INSERT OR REPLACE INTO workflow_memory (instance_n, visit, memo, value) VALUES (?, ?, ?, ?)')
    .run(n, visit, memo, JSON.stringify(value));
}

/** A child that cannot be started is an answer too: its parent sees the error where it waits. */
function startChild(
  commit: WorkflowCommit,
  stored: StoredInstance,
  effect: Extract<WorkflowEffect, { type: 'start-child' }>,
  child: ChildStart | undefined,
): void {
  const { branch, visit, memo, childId } = effect;
  try {
    if (child === undefined) throw new TackleError('invalid_request', 'The child workflow was not described.');
    startInstance(commit, {
      instance: {
        space: stored.space,
        id: childId,
        name: child.workflow,
        collection: child.collection,
        queuePrefix: child.queuePrefix,
        maxStepCount: child.maxStepCount,
        version: child.version,
        parent: { id: stored.instance.id, branch, visit, memo },
      },
      operation: { type: 'start', step: child.firstStep, state: child.input, delayMs: 0 },
      memory: {},
    });
  } catch (error) {
    if (!(error instanceof TackleError) || error.status >= 500) throw error;
    const result = { error: { ...serializeError(error) } } as unknown as Json;
    const parent = findInstance(commit.context.connection, stored.space, stored.instance.id)!;
    applyOperation(commit, parent, { type: 'child', branch, visit, memo, childId, result });
  }
}

function tellParent(commit: WorkflowCommit, stored: StoredInstance, document: string): void {
  const { connection } = commit.context;
  const { instance, space } = stored;
  connection.sql('DELETE FROM workflow_waits WHERE instance_n = ?').run(stored.n);
  connection
    .sql('DELETE FROM workflow_events WHERE space = ? AND address >= ? AND address < ?')
    .run(space, `id:${instance.id}\n`, `id:${instance.id}\u000b`);
  commit.ended.push(instance.id);
  if (instance.parent === null) return;
  const parent = findInstance(connection, space, instance.parent.id);
  if (parent === null) return;
  const { branch, visit, memo } = instance.parent;
  const result: Json = {
    instanceId: instance.id,
    status: instance.control.status,
    state: JSON.parse(document) as Json,
  };
  applyOperation(commit, parent, { type: 'child', branch, visit, memo, childId: instance.id, result });
}

/** Answers the number of the entry. */
function writeHistory(connection: Connection, stored: StoredInstance, record: StepRecord, before: string): number {
  const number = (stored.lastEntry ?? readLastEntry(connection, stored.n)) + 1;
  connection
    .sql('INSERT INTO workflow_history (id, entry, state_before) VALUES (?, ?, ?)')
    .run(toHistoryId(stored.n, number), JSON.stringify(record), before);
  return number;
}

function readLastEntry(connection: Connection, instanceN: number): number {
  const { first, end } = historyRange(instanceN);
  const last = connection
    .sql('SELECT id FROM workflow_history WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1')
    .get(first, end) as { id: number } | undefined;
  return last === undefined ? 0 : toHistoryNumber(last.id);
}
