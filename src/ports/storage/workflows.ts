import type { SerializedError } from '../../core/errors.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import type { Settlement, TaskLease } from '../../core/task.ts';
import type { StepOutcome, WorkflowInstance, WorkflowParent, WorkflowStatus } from '../../core/workflow.ts';
import type { StepRecord, WorkflowOperation } from '../../core/workflow-decide.ts';
import type { TopicRef } from './tasks.ts';

/**
 * Workflow instances. An engine keeps the instance's row, its document (written like any document of the space, schema
 * included), its tasks, waits, memory and history; what becomes of them is decided by `core/workflow-decide.ts`, which it
 * runs inside the commit.
 */
export interface WorkflowRef {
  readonly space: string;
  readonly id: string;
}

export interface NewWorkflowInstance extends WorkflowRef {
  readonly name: string;
  readonly collection: string;
  readonly queuePrefix: string;
  readonly maxStepCount: number;
  readonly version: string | null;
  readonly parent: WorkflowParent | null;
}

export interface WorkflowChange {
  readonly status: WorkflowStatus;
  /** JSON text of the document after the change. */
  readonly document: string;
  /** Topics that got tasks. */
  readonly topics: readonly TopicRef[];
  /** Instances that ended by it: this one, its children, its parent. */
  readonly ended: readonly string[];
  /** From engines that can answer `workflow.load` for the next step from memory; theirs alone to read. */
  readonly queued?: { readonly visit: number; readonly instance: string } | null;
}

export interface StepReport extends WorkflowRef {
  readonly branch: string;
  /** The collection of the instance, when no other document can change by this report; null when one may. */
  readonly onlyIn: string | null;
  readonly lease: TaskLease;
  readonly startedAtMs: number;
  readonly outcome: StepOutcome;
  /** What becomes of the task. */
  readonly settlement: Settlement;
}

export type StepReportResult =
  | ({ readonly type: 'applied' } & WorkflowChange)
  /** The task may not report any more; its lease is gone or the instance went on without it. */
  | { readonly type: 'stale' }
  /** The document may not look like this (schema, size); nothing was written. */
  | { readonly type: 'rejected'; readonly error: SerializedError };

export interface WorkflowView extends WorkflowRef {
  readonly instance: WorkflowInstance;
  /** JSON text, null when the app removed it. */
  readonly document: string | null;
}

export interface HistoryEntry extends StepRecord {
  readonly number: number;
  /** JSON text of the document as it was before the step's change. */
  readonly stateBefore: string;
}

export interface WorkflowCommands {
  /** Document, row and first task in one commit. Rejects with `duplicate_id`, `schema_violation`. */
  'workflow.start': {
    params: {
      readonly instance: NewWorkflowInstance;
      readonly step: string;
      readonly state: JsonObject;
      readonly delayMs: number;
      readonly nowMs: number;
    };
    result: WorkflowChange;
  };
  /**
   * Takes over an instance of the original library's engine (spec 8.2) and gives its document a row. From one of its waiting
   * tasks: queues its step (all unfinished ones, when it is in a fork) and settles the task. Without (`lease` null): it waits
   * for `continue`, unless the document is one of another workflow. Null when there is nothing to take over: the task lost its
   * lease, the instance has ended, or it is here already; one that waits since then is continued by such a task. Rejects with
   * `not_found` when there is no document.
   */
  'workflow.adopt': {
    params: {
      readonly instance: NewWorkflowInstance;
      readonly step: string;
      /** What the task carries; fields that only it knows are those that the step before gave to `goto`. */
      readonly state: JsonObject;
      readonly lease: TaskLease | null;
      readonly nowMs: number;
    };
    result: WorkflowChange | null;
  };
  /**
   * One result per report; a report that cannot be applied leaves the others alone. With `strict` it rejects the commit
   * instead: with `lease_lost` when it is stale, else with its error.
   */
  'workflow.steps': {
    params: { readonly reports: readonly StepReport[]; readonly nowMs: number; readonly strict?: boolean };
    result: { readonly reports: readonly StepReportResult[] };
  };
  /** Rejects with `not_found`, and with what the operation itself refuses. */
  'workflow.apply': {
    params: WorkflowRef & {
      readonly operation: Extract<
        WorkflowOperation,
        { type: 'continue' | 'update' | 'cancel' | 'park' | 'unpark' | 'timer' }
      >;
      readonly nowMs: number;
    };
    result: WorkflowChange;
  };
  /**
   * Gives an event to whoever waits longest for its address, (event, key) or (event, instance), or keeps it until
   * `expiresAtMs`. `dedupeId`: the same event twice is one.
   */
  'workflow.send': {
    params: {
      readonly space: string;
      readonly event: string;
      readonly key: string | null;
      readonly instanceId: string | null;
      readonly payload: Json;
      readonly expiresAtMs: number;
      readonly dedupeId: string | null;
      readonly nowMs: number;
    };
    result: { readonly delivered: string | null; readonly duplicate: boolean; readonly topics: readonly TopicRef[] };
  };
  /** Keeps what `run(name, fn)` gave; rejects with `lease_lost` when the step may not report any more. */
  'workflow.remember': {
    params: WorkflowRef & {
      readonly lease: TaskLease;
      readonly visit: number;
      readonly memo: string;
      readonly value: Json;
    };
    result: null;
  };
  /** A new instance that begins where entry `number` of the other began, with `state` instead of what it had. */
  'workflow.fork': {
    params: {
      readonly from: WorkflowRef;
      readonly number: number;
      readonly id: string;
      /** Laid over the state before the step; null removes a field. */
      readonly patch: JsonObject;
      /** Instead of running the step, take this as its outcome. */
      readonly outcome: { readonly next: string | readonly string[] | null; readonly patch: JsonObject } | null;
      /** Laid over what the step remembered: memo to value. */
      readonly memory: JsonObject;
      readonly keepMemory: boolean;
      readonly version: string | null;
      readonly nowMs: number;
    };
    result: WorkflowChange;
  };
  /** Takes up instances of a workflow that wait for a step which is known now. */
  'workflow.unpark': {
    params: {
      readonly space: string;
      readonly name: string;
      readonly steps: readonly string[];
      readonly limit: number;
      readonly nowMs: number;
    };
    result: { readonly count: number; readonly topics: readonly TopicRef[] };
  };
  /**
   * Forgets instances of a space that is being removed, with their history, waits and kept events, but not their documents:
   * as many as one commit may hold. Call it until it is done.
   */
  'workflow.removeSpace': { params: { readonly space: string }; result: { readonly done: boolean } };
  /** Forgets expired events, and control rows and history of instances that ended before. */
  'workflow.sweep': {
    params: { readonly nowMs: number; readonly endedBeforeMs: number; readonly limit: number };
    result: { readonly removed: number };
  };
}

export interface WorkflowReads {
  'workflow.get': { params: WorkflowRef; result: WorkflowView | null };
  /** What steps need to run: the instance, its document, and what the visit remembers. In the order asked for. */
  'workflow.load': {
    params: {
      /** `collection`: where its document is, if the caller knows; engines may answer from memory then. */
      readonly steps: readonly (WorkflowRef & { readonly visit: number; readonly collection?: string })[];
    };
    result: readonly ({ readonly view: WorkflowView; readonly memory: JsonObject } | null)[];
  };
  /** Newest first. */
  'workflow.list': {
    params: {
      readonly space: string;
      readonly name?: string;
      readonly status?: WorkflowStatus;
      readonly limit: number;
      /** Id of the last one seen. */
      readonly after?: string;
    };
    result: readonly WorkflowInstance[];
  };
  'workflow.history': { params: WorkflowRef; result: readonly HistoryEntry[] };
  /** How many instances stand where. `step` is null for ended ones. */
  'workflow.report': {
    params: { readonly space: string; readonly name?: string };
    result: readonly {
      readonly name: string;
      readonly status: WorkflowStatus;
      readonly step: string | null;
      readonly count: number;
    }[];
  };
  /** Deployments that instances which have not ended are bound to. */
  'workflow.versions': {
    params: { readonly space: string };
    result: readonly { readonly version: string; readonly count: number }[];
  };
}
