import type { SerializedError } from './errors.ts';
import { toIsoTime } from './iso-time.ts';
import type { Json, JsonObject } from './json.ts';

/**
 * A workflow instance as its own row knows it: the control fields. What the user keeps in it lives in the document of the
 * same id (spec 8.2), into which these fields are written through; the row is the one truth about them.
 *
 * An instance is a tree of branches. The root branch has the id ''. A step that goes to a list of steps forks its branch:
 * each child runs one step (which may fork again), and when the last child has said where to go, the branch goes on there.
 */
export type WorkflowStatus =
  | 'running'
  /** Nothing is queued: it waits for `continue`, an event, a timer or a child. */
  | 'waiting'
  | 'completed'
  | 'cancelled'
  /** A step failed for good, or the loop guard struck; `continue` takes it up again. */
  | 'failed'
  /** It cannot go on with the code that is deployed; a deployment that knows the step, or `continue`, takes it up again. */
  | 'parked';

export type BranchState =
  /** A task for its step is in the queue or running. */
  | 'queued'
  /** Its step called `wait`. */
  | 'waiting'
  /** Its step waits for an event, a time or a child, and runs again with what came. */
  | 'suspended'
  /** It has children that are not all back yet. */
  | 'forked'
  | 'failed'
  | 'parked';

export interface WorkflowBranch {
  readonly parent: string | null;
  readonly state: BranchState;
  readonly step: string;
  /** Number of this visit in the instance; the scope of what `run`, `sleep` and the like remember. */
  readonly visit: number;
  /** Number in the queue of the task that may report for this branch; 0 while there is none. */
  readonly ticket: number;
  /** Number in the queue of the task that ends a wait by its timeout; 0 while there is none. */
  readonly timer: number;
  /** Of a fork: how many children are still out, and where those that are back want to go. */
  readonly open: number;
  readonly target: string | null;
  /** Key in `parallelSteps`. */
  readonly label: string;
  readonly waitingFor: WaitRequest | null;
  /** Of a parked branch whose step is done: where it wants to go as soon as that is known. */
  readonly pendingNext: string | readonly string[] | null;
  /** Why it failed, is parked or is tried again. */
  readonly error: WorkflowError | null;
  /** Of a queued or parked branch whose step may not begin before. */
  readonly dueAtMs?: number;
  /** Of a branch that was parked by hand: what it did then, and goes on with. */
  readonly parkedFrom?: 'queued' | 'waiting' | 'suspended';
}

/** What a suspended step waits for; `memo` names the place in the step that gets the answer. */
export type WaitRequest =
  | { readonly type: 'sleep'; readonly memo: string; readonly untilMs: number }
  | {
      readonly type: 'event';
      readonly memo: string;
      readonly event: string;
      /** With a key the event is addressed by (event, key) instead of by instance. */
      readonly key: string | null;
      readonly timeoutMs: number | null;
    }
  | { readonly type: 'child'; readonly memo: string; readonly childId: string };

/** As apps see it in the document (spec appendix A). */
export interface StepCount {
  readonly visits: number;
  readonly startTime: string;
  readonly finishTime?: string;
  readonly totalTime: number;
}

export interface ParallelStep {
  readonly done: boolean;
  readonly startTime: string;
  readonly previousStep: string | null;
  readonly nextStep?: string | null;
  /** The fields that the branch gave to `goto`. */
  readonly result?: JsonObject;
}

export interface WorkflowParent {
  readonly id: string;
  readonly branch: string;
  readonly visit: number;
  readonly memo: string;
}

export interface WorkflowControl {
  readonly status: WorkflowStatus;
  readonly branches: Readonly<Record<string, WorkflowBranch>>;
  readonly lastVisit: number;
  readonly nextStep: string | null;
  readonly previousStep: string | null;
  readonly stepCount: Readonly<Record<string, StepCount>>;
  readonly parallelSteps: Readonly<Record<string, ParallelStep>>;
  readonly lastError: WorkflowError | null;
  readonly updatedAtMs: number;
  readonly totalTime: number | null;
  /** Instances that this one started and still waits for. */
  readonly children: readonly string[];
  /** The app keeps a field `status` of its own in the state; ours is not written over it. */
  readonly ownsStatus?: boolean;
}

export interface WorkflowInstance {
  readonly id: string;
  readonly name: string;
  readonly collection: string;
  readonly queuePrefix: string;
  readonly maxStepCount: number;
  /** Deployment that must run its steps; null for whichever is live. */
  readonly version: string | null;
  readonly parent: WorkflowParent | null;
  readonly createdAtMs: number;
  readonly control: WorkflowControl;
}

export interface WorkflowError {
  readonly message: string;
  readonly code: string;
  readonly step: string;
  readonly attempt: number;
  readonly time: string;
}

/** How a step ended. `patch` holds only the fields that the step changed. */
export type StepOutcome =
  | {
      readonly type: 'goto';
      readonly next: string | readonly string[] | null;
      readonly patch: JsonObject;
      readonly delayMs: number;
      /** False keeps a branch of a fork going instead of joining it. */
      readonly join: boolean;
    }
  | { readonly type: 'wait'; readonly patch: JsonObject }
  | { readonly type: 'suspend'; readonly request: WaitRequest; readonly child?: ChildStart }
  /** Failed for good: its retries are used up, or the error says that there is no use. */
  | { readonly type: 'failed'; readonly error: SerializedError }
  /** Will be tried again by the queue. */
  | { readonly type: 'retrying'; readonly error: SerializedError }
  /** The deployed code has no step of this name; `next` and `patch` are those of a `goto` to it. */
  | {
      readonly type: 'unknown-step';
      readonly step: string;
      readonly next: string | readonly string[] | null;
      readonly patch: JsonObject;
    };

export interface ChildStart {
  readonly workflow: string;
  readonly collection: string;
  readonly queuePrefix: string;
  readonly maxStepCount: number;
  readonly version: string | null;
  readonly firstStep: string;
  readonly input: JsonObject;
}

/**
 * Fields of the document that belong to the engine; apps may write to them, but it has no effect (foundations 11). `status` is
 * not among them: the original engine leaves it to the app until an instance is cancelled, so ours is there only until the app
 * writes another.
 */
export const protectedFields: ReadonlySet<string> = new Set([
  '_id',
  'nextStep',
  'createdAt',
  'updatedAt',
  'instanceId',
  'workflowName',
  'stepCount',
  'parallelSteps',
  'previousStep',
  'lastError',
  'totalTime',
]);

export function withoutProtectedFields(state: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !protectedFields.has(name)));
}

/** The control fields as they stand in the document. */
export function describeControl(instance: WorkflowInstance): Record<string, Json> {
  const { control } = instance;
  const fields: Record<string, Json> = {
    nextStep: control.nextStep,
    createdAt: toIsoTime(instance.createdAtMs),
    updatedAt: toIsoTime(control.updatedAtMs),
    workflowName: instance.name,
    stepCount: control.stepCount as unknown as Json,
    instanceId: instance.id,
  };
  if (control.ownsStatus !== true || control.status === 'cancelled') fields.status = control.status;
  if (Object.keys(control.parallelSteps).length > 0) fields.parallelSteps = control.parallelSteps as unknown as Json;
  if (control.previousStep !== null) fields.previousStep = control.previousStep;
  if (control.lastError !== null) fields.lastError = control.lastError as unknown as Json;
  if (control.totalTime !== null) fields.totalTime = control.totalTime;
  return fields;
}

/** Names of the control fields that `describeControl` may leave out, as far as they are the engine's. */
export function listControlFields({ control }: WorkflowInstance): readonly string[] {
  return control.ownsStatus === true && control.status !== 'cancelled' ? optionalFields : optionalFieldsAndStatus;
}

const optionalFields = ['parallelSteps', 'previousStep', 'lastError', 'totalTime'];
const optionalFieldsAndStatus = [...optionalFields, 'status'];

/** The topic of a step (spec 8.2). */
export function stepTopic(instance: Pick<WorkflowInstance, 'queuePrefix' | 'name'>, step: string): string {
  return `${instance.queuePrefix}_${instance.name}_${step}`;
}

export function isEnded(status: WorkflowStatus): boolean {
  return status === 'completed' || status === 'cancelled';
}
