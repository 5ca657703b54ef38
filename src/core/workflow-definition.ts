import { TackleError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import { isPlainObject } from './json.ts';
import { readWorkerOptions } from './task-topic.ts';

/** A workflow as a deployment declares it; the step functions stay in the app. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly description: string;
  /** In order of declaration; an instance starts at the first. */
  readonly steps: readonly string[];
  readonly collection: string;
  readonly queuePrefix: string;
  readonly maxStepCount: number;
  /** `latest`: a new deployment takes over waiting instances. `pinned`: each ends on the deployment it began on. */
  readonly versioning: 'latest' | 'pinned';
  /** Settings of each step's topic. */
  readonly stepSettings: Readonly<Record<string, JsonObject>>;
  /** Events of the workflow that the app listens to. */
  readonly listens: readonly string[];
}

/** Defaults of spec 8.1; `maxRetries` is what the original accepts without using it, and its documentation promises 3. */
export const workflowDefaults = {
  collectionName: 'workflowdata',
  queuePrefix: 'workflowqueue',
  timeoutMs: 30_000,
  maxStepCount: 3,
  workers: 1,
  maxRetries: 3,
} as const;

/** Throws `deploy_failed` that names the workflow and what is wrong with it. */
export function parseWorkflowDefinition(value: Json): WorkflowDefinition {
  const source = isPlainObject(value) ? (value as JsonObject) : {};
  const name = source.name;
  if (typeof name !== 'string' || !/^[^\s\u0000-\u001f]{1,200}$/.test(name)) {
    throw new TackleError('deploy_failed', `A workflow needs a name without spaces, not ${JSON.stringify(name)}.`);
  }
  const steps = Array.isArray(source.steps) ? source.steps.filter((step) => typeof step === 'string') : [];
  if (steps.length === 0 || steps.some((step) => step.trim() === '' || step === 'null')) {
    throw new TackleError('deploy_failed', `The workflow "${name}" needs at least one step, each with a name.`);
  }
  const options: JsonObject = isPlainObject(source.options) ? (source.options as JsonObject) : {};
  const perStep: JsonObject = isPlainObject(options.steps) ? (options.steps as JsonObject) : {};
  return {
    name,
    description: typeof source.description === 'string' ? source.description : '',
    steps,
    collection: readText(options.collectionName, workflowDefaults.collectionName),
    queuePrefix: readText(options.queuePrefix, workflowDefaults.queuePrefix),
    maxStepCount: readCount(options.maxStepCount, workflowDefaults.maxStepCount),
    versioning: options.versioning === 'pinned' ? 'pinned' : 'latest',
    stepSettings: Object.fromEntries(steps.map((step) => [step, readStepSettings(options, perStep[step] ?? {})])),
    listens: Array.isArray(source.listens) ? source.listens.filter((event) => typeof event === 'string') : [],
  };
}

function readStepSettings(options: JsonObject, step: Json): JsonObject {
  const { workers, timeout, maxRetries, retryDelay, retry, heartbeatMs } = options;
  const general = readWorkerOptions({
    workers: workers ?? workflowDefaults.workers,
    timeout: timeout ?? workflowDefaults.timeoutMs,
    maxRetries: maxRetries ?? workflowDefaults.maxRetries,
    ...(retryDelay === undefined ? {} : { retryDelay }),
    ...(retry === undefined ? {} : { retry }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  const own = readWorkerOptions(step);
  const retries = { ...(general.retry as JsonObject), ...((own.retry as JsonObject | undefined) ?? {}) };
  // What happened in a step is in the history of its instance; its done tasks would only repeat that.
  return { retentionMs: 0, ...general, ...own, retry: retries };
}

function readText(value: Json | undefined, fallback: string): string {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : fallback;
}

function readCount(value: Json | undefined, fallback: number): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : fallback;
}
