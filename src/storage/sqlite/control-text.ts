import type { StepCount, WorkflowBranch, WorkflowControl, WorkflowInstance } from '../../core/workflow.ts';

/**
 * The control fields of an instance as its row keeps them: JSON without what most instances do not have, half as long. Every
 * step writes them, and what a commit costs is mostly the pages that it touches.
 */
export function encodeControl(control: WorkflowControl): string {
  const { branches, stepCount, previousStep, parallelSteps, lastError, totalTime, children, ...rest } = control;
  const stored: StoredControl = { ...rest, branches: {}, stepCount: {} };
  for (const id of Object.keys(branches)) stored.branches[id] = encodeBranch(branches[id]!);
  for (const step of Object.keys(stepCount)) stored.stepCount[step] = encodeCount(stepCount[step]!);
  if (previousStep !== null) stored.previousStep = previousStep;
  if (Object.keys(parallelSteps).length > 0) stored.parallelSteps = parallelSteps;
  if (lastError !== null) stored.lastError = lastError;
  if (totalTime !== null) stored.totalTime = totalTime;
  if (children.length > 0) stored.children = children;
  return JSON.stringify(stored);
}

/** Also reads rows of earlier releases, in which nothing is left out. */
export function decodeControl(text: string): WorkflowInstance['control'] {
  const stored = JSON.parse(text) as StoredControl;
  const branches: Record<string, WorkflowBranch> = {};
  for (const id of Object.keys(stored.branches)) branches[id] = { ...plainBranch, ...stored.branches[id]! };
  const stepCount: Record<string, StepCount> = {};
  for (const step of Object.keys(stored.stepCount)) stepCount[step] = decodeCount(stored.stepCount[step]!);
  return { ...plainControl, ...stored, branches, stepCount };
}

type Defaulted<Type, Names extends keyof Type> = Omit<Type, Names> & { -readonly [Name in Names]?: Type[Name] };

type ControlDefault = 'previousStep' | 'parallelSteps' | 'lastError' | 'totalTime' | 'children';
type StoredControl = Omit<Defaulted<WorkflowControl, ControlDefault>, 'branches' | 'stepCount'> & {
  readonly branches: Record<string, StoredBranch>;
  readonly stepCount: Record<string, StoredCount>;
};

const plainControl: Pick<WorkflowControl, ControlDefault> = {
  previousStep: null,
  parallelSteps: {},
  lastError: null,
  totalTime: null,
  children: [],
};

type BranchDefault = keyof typeof plainBranch;
type StoredBranch = Defaulted<WorkflowBranch, BranchDefault>;

const plainBranch = {
  parent: null,
  timer: 0,
  open: 0,
  target: null,
  label: '',
  waitingFor: null,
  pendingNext: null,
  error: null,
} satisfies Partial<WorkflowBranch>;

function encodeBranch(branch: WorkflowBranch): StoredBranch {
  const { parent, timer, open, target, label, waitingFor, pendingNext, error, ...rest } = branch;
  const stored: StoredBranch = rest;
  if (parent !== null) stored.parent = parent;
  if (timer !== 0) stored.timer = timer;
  if (open !== 0) stored.open = open;
  if (target !== null) stored.target = target;
  if (label !== '') stored.label = label;
  if (waitingFor !== null) stored.waitingFor = waitingFor;
  if (pendingNext !== null) stored.pendingNext = pendingNext;
  if (error !== null) stored.error = error;
  return stored;
}

type StoredCount =
  | StepCount
  | readonly [visits: number, startTime: string, totalTime: number]
  | readonly [visits: number, startTime: string, totalTime: number, finishTime: string];

function encodeCount({ visits, startTime, totalTime, finishTime }: StepCount): StoredCount {
  return finishTime === undefined ? [visits, startTime, totalTime] : [visits, startTime, totalTime, finishTime];
}

function decodeCount(stored: StoredCount): StepCount {
  if (!Array.isArray(stored)) return stored as StepCount;
  const [visits, startTime, totalTime, finishTime] = stored as readonly [number, string, number, string | undefined];
  return finishTime === undefined ? { visits, startTime, totalTime } : { visits, startTime, finishTime, totalTime };
}
