import { serializeError, TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isPlainObject } from '../core/json.ts';
import { checkCronExpression, type ScheduleSpec } from '../core/schedule.ts';
import { checkTopicName, eventTopic, readWorkerOptions, resolveTopicSettings } from '../core/task-topic.ts';
import type { AppManifest, AppTask, AppTaskResult, InvokeOptions } from '../ports/sandbox.ts';
import type { ClaimedTask } from '../ports/storage/tasks.ts';
import { createInvocationContext } from './fence.ts';
import type { Attachment, Queues } from './queues.ts';
import { type RunContext, type RunResult, toOutcome } from './topic-consumer.ts';

export interface AppQueuesOptions {
  readonly queues: Queues;
  runTask(space: string, task: AppTask, options: InvokeOptions): Promise<AppTaskResult>;
}

/** Jobs get longer than workers: nobody waits for them, and the next tick comes anyway. */
const jobDefaults = { timeoutMs: 600_000, retry: { maxRetries: 0 } };
const detachGraceMs = 60_000;
const longestOutput = 2_000;

/** Topic of the ticks of a cron job; no worker can have this name because of the space. */
export function jobTopic(expression: string): string {
  return `job ${expression}`;
}

/** Workers and jobs of apps: attached when a deployment goes live, taken away when it goes. */
export class AppQueues {
  readonly #options: AppQueuesOptions;
  readonly #attached = new Map<string, Map<string, Attachment>>();

  constructor(options: AppQueuesOptions) {
    this.#options = options;
  }

  /** Throws `deploy_failed` for cron expressions, topics and settings that cannot work; names the line in the bundle. */
  validate(manifest: AppManifest): void {
    for (const expression of manifest.jobs) readSchedule(manifest, expression);
    for (const topic of listWorkers(manifest)) {
      try {
        resolveTopicSettings(checkTopicName(topic), readSettings(manifest, `queue_worker:${topic}`));
      } catch (error) {
        throw new TackleError('deploy_failed', error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** `manifest` null: the space has no app any more; its tasks wait. `env` may set a default for `workers`. */
  async apply(space: string, manifest: AppManifest | null, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const attached = this.#attached.get(space) ?? new Map<string, Attachment>();
    this.#attached.set(space, attached);
    const wanted = manifest === null ? new Map<string, WantedTopic>() : listTopics(manifest, env);
    for (const [topic, { declared, kind, name }] of wanted) {
      const known = attached.get(topic);
      if (known !== undefined) await known.redeclare(declared);
      else {
        const handler = (tasks: readonly ClaimedTask[], context: RunContext) =>
          kind === 'job' ? this.#runJob(name, tasks, context) : this.#runWorker(name, tasks, context);
        attached.set(topic, await this.#options.queues.attach({ space, topic, declared, handler }));
      }
    }
    for (const [topic, attachment] of attached) {
      if (wanted.has(topic)) continue;
      attached.delete(topic);
      void attachment.detach(detachGraceMs);
    }
    await this.#applyJobs(space, manifest);
  }

  async #applyJobs(space: string, manifest: AppManifest | null): Promise<void> {
    const { schedules } = this.#options.queues;
    const wanted = new Set(manifest?.jobs ?? []);
    for (const { name, topic } of await schedules.list(space)) {
      if (topic === jobTopic(name) && !wanted.has(name)) await schedules.remove(space, name);
    }
    for (const expression of wanted) {
      const spec = readSchedule(manifest!, expression);
      await schedules.put({ space, name: expression, spec, topic: jobTopic(expression), payload: 'null' });
    }
  }

  async #runWorker(topic: string, tasks: readonly ClaimedTask[], context: RunContext): Promise<readonly RunResult[]> {
    const bodies = tasks.map((task) => ({
      payload: JSON.parse(task.payload) as Json,
      _id: task.id,
      topic,
      jobId: task.jobId ?? task.id,
      _created: new Date(task.createdAtMs).toISOString(),
      attempt: task.failures + 1,
    }));
    const [first] = tasks;
    // A batch worker gets an array even when it holds one task only.
    const isBatch = tasks.length > 1 || this.#isBatchTopic(first!);
    const input: Json = isBatch ? { topic, payload: bodies.map(({ payload }) => payload), tasks: bodies } : bodies[0]!;
    const result = await this.#run(first!.space, { kind: 'worker', name: topic, input }, tasks, context);
    if ('type' in result) return tasks.map(() => result);
    return readWorkerResult(result, tasks);
  }

  async #runJob(expression: string, tasks: readonly ClaimedTask[], context: RunContext): Promise<readonly RunResult[]> {
    const task = tasks[0]!;
    const input = { jobId: task.id, cron: expression };
    const result = await this.#run(task.space, { kind: 'job', name: expression, input }, tasks, context);
    // A job says nothing by its status: handlers that never answer are among the official examples (spec 7.1).
    return ['type' in result ? result : { type: 'done' }];
  }

  async #run(
    space: string,
    task: AppTask,
    tasks: readonly ClaimedTask[],
    context: RunContext,
  ): Promise<AppTaskResult | RunResult> {
    const { queues, runTask } = this.#options;
    let result: AppTaskResult | RunResult;
    try {
      result = await runTask(space, task, {
        timeoutMs: context.timeoutMs,
        signal: context.signal,
        context: createInvocationContext(tasks, { hops: readHops(task) }),
      });
    } catch (error) {
      result = toOutcome(error);
    }
    // What a transaction of the task has settled stays settled, however its code ended.
    const areSettled = tasks.map((claimed) => queues.takeSettled(claimed));
    return areSettled.every(Boolean) ? { type: 'settled' } : result;
  }

  #isBatchTopic(task: ClaimedTask): boolean {
    return this.#attached.get(task.space)?.get(task.topic)?.settings.batch != null;
  }
}

interface WantedTopic {
  readonly kind: 'worker' | 'job';
  readonly name: string;
  readonly declared: JsonObject;
}

function listWorkers(manifest: AppManifest): string[] {
  return [...new Set([...manifest.queues, ...manifest.workers])];
}

function listTopics(manifest: AppManifest, env: Readonly<Record<string, string>>): Map<string, WantedTopic> {
  // The original platform's variable for the default parallelism (spec 6).
  const general = env.QUEUE_WORKERS === undefined ? {} : readWorkerOptions({ workers: env.QUEUE_WORKERS });
  const topics = new Map<string, WantedTopic>();
  for (const name of listWorkers(manifest)) {
    const declared = { ...general, ...readSettings(manifest, `queue_worker:${name}`) };
    topics.set(name, { kind: 'worker', name, declared });
  }
  for (const expression of manifest.jobs) {
    const { overlap } = readSchedule(manifest, expression);
    const options = readSettings(manifest, `job:${expression}`);
    const workers = overlap === 'allow' ? { workers: 100 } : { workers: 1 };
    const declared = { ...jobDefaults, ...options, ...workers };
    topics.set(jobTopic(expression), { kind: 'job', name: expression, declared });
  }
  return topics;
}

function readSettings(manifest: AppManifest, key: string): JsonObject {
  return readWorkerOptions(manifest.settings[key]);
}

/** `app.set('job:<expression>', {timezone, catchUp, overlap})`, with `app.set('timezone', …)` for all of them. */
function readSchedule(manifest: AppManifest, expression: string): ScheduleSpec {
  const given = manifest.settings[`job:${expression}`];
  const options: JsonObject = isPlainObject(given) ? (given as JsonObject) : {};
  const timezone = options.timezone ?? manifest.settings.timezone;
  const { catchUp, overlap } = options;
  const spec: ScheduleSpec = {
    expression,
    timezone: typeof timezone === 'string' ? timezone : 'UTC',
    catchUp: catchUp === 'all' || catchUp === 'none' ? catchUp : 'latest',
    overlap: overlap === 'queue' || overlap === 'allow' ? overlap : 'skip',
  };
  try {
    checkCronExpression(spec.expression, spec.timezone);
    return spec;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const positions = manifest.extensions.jobPositions;
    const position = isPlainObject(positions) ? positions[expression] : undefined;
    throw new TackleError('deploy_failed', typeof position === 'string' ? `${reason} It is at ${position}.` : reason);
  }
}

/** Below 400 is done (spec 6). A batch worker may name those that failed: `res.json({failed: [_id, …]})`. */
function readWorkerResult(result: AppTaskResult, tasks: readonly ClaimedTask[]): RunResult[] {
  if (result.status >= 400) {
    const said = typeof result.output === 'string' ? result.output : JSON.stringify(result.output);
    const detail = said === 'null' || said === '' ? '' : `: ${said.slice(0, longestOutput)}`;
    const error = serializeError(new TackleError('internal', `The worker answered ${result.status}${detail}`));
    return tasks.map(() => ({ type: 'failed', error, retryable: true }));
  }
  const failed = tasks.length > 1 ? readFailedIds(result.output) : new Set<string>();
  return tasks.map((task) =>
    failed.has(task.id)
      ? {
          type: 'failed',
          error: { code: 'internal', message: 'The batch worker named this task as failed' },
          retryable: true,
        }
      : { type: 'done' },
  );
}

function readFailedIds(output: Json): ReadonlySet<string> {
  try {
    const value = typeof output === 'string' ? (JSON.parse(output) as unknown) : output;
    const failed = isPlainObject(value) ? value.failed : null;
    return new Set(Array.isArray(failed) ? failed.filter((id) => typeof id === 'string') : []);
  } catch {
    return new Set();
  }
}

/** Of a task that carries an event to the app (`events/publish-event.ts`). */
function readHops({ name, input }: AppTask): number {
  if (name !== eventTopic || !isPlainObject(input) || !isPlainObject(input.payload)) return 0;
  return typeof input.payload.hops === 'number' ? input.payload.hops : 0;
}
