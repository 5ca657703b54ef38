import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { parseWorkflowDefinition, type WorkflowDefinition } from '../core/workflow-definition.ts';
import type { AppManifest, AppTask, AppTaskResult, InvokeOptions } from '../ports/sandbox.ts';
import type { Storage } from '../ports/storage.ts';
import { AppQueues } from '../queues/app-queues.ts';
import type { Clock } from '../queues/clock.ts';
import type { Failpoints } from '../queues/failpoints.ts';
import { createInvocationContext } from '../queues/fence.ts';
import { Queues } from '../queues/queues.ts';
import { createDurableHostCalls, type FindDocuments } from './durable-host-calls.ts';
import { Workflows } from './workflows.ts';

/** The deployment that serves a space. */
export interface LiveApp {
  readonly deployment: { readonly version: number; readonly kind: 'tackle' | 'original' };
  readonly manifest: AppManifest;
}

/** A deployment that may go live; `original`: its bundle has the original library, which brings an engine of its own. */
interface CheckedDeployment {
  readonly kind: 'tackle' | 'original';
  readonly manifest: AppManifest;
}

/** What the apps room offers to durable work; `version` null is the live deployment. */
export interface DurableApps {
  runTask(spaceId: string, task: AppTask, options: InvokeOptions, version?: number | null): Promise<AppTaskResult>;
  listLive(): readonly (LiveApp & { readonly deployment: { readonly spaceId: string } })[];
  onSwitch(listener: (spaceId: string, app: LiveApp | null) => void | Promise<void>): void;
  onValidate(
    validate: (
      spaceId: string,
      deployment: CheckedDeployment,
      options: { readonly force: boolean },
    ) => void | Promise<void>,
  ): void;
  onPrune(listUsedVersions: (spaceId: string) => Promise<readonly number[]>): void;
}

export interface DurableOptions {
  readonly storage: Storage;
  readonly findDocuments: FindDocuments;
  readonly getEnv: (spaceId: string) => Readonly<Record<string, string>>;
  /** For the app's log: tasks without worker, instances that cannot go on. */
  onWarning(spaceId: string, message: string): void;
  onError(message: string, error: unknown): void;
  readonly clock?: Clock;
  readonly failpoints?: Failpoints;
  readonly owner?: string;
}

export interface Durable {
  readonly queues: Queues;
  readonly workflows: Workflows;
  /** For the table of host calls. */
  readonly hostCalls: ReturnType<typeof createDurableHostCalls>;
  /** Serves the apps that are live and those to come, and takes up what the last boot left. Call once. */
  /** `isPaused`: take tasks in, but run none and tick no schedule. */
  start(apps: DurableApps, options: { readonly isPaused: boolean }): Promise<void>;
  /** Stops and forgets everything of a space that is being removed; see `Queues.removeSpace`. */
  removeSpace(spaceId: string): Promise<void>;
  /** Claims nothing more, waits for what runs, gives the rest back unharmed. */
  stop(graceMs: number): Promise<void>;
}

/** Queues, schedules and workflows of apps, put together. */
export function createDurable(options: DurableOptions): Durable {
  let apps: DurableApps | null = null;
  const requireApps = (): DurableApps => {
    if (apps === null) throw new Error('Durable work has not been started');
    return apps;
  };
  const queues = new Queues(options);
  const workflows = new Workflows({
    queues,
    async runStep({ space, version, workflow, step, input, lease, timeoutMs, signal }) {
      const task: AppTask = { kind: 'step', name: `${workflow}/${step}`, input: input as unknown as Json };
      const invoke = { timeoutMs, signal, context: createInvocationContext([lease], { isStep: true }) };
      const result = await requireApps().runTask(space, task, invoke, version === null ? null : Number(version));
      return result.output;
    },
    emit(space, workflow, event, data: JsonObject) {
      const task: AppTask = { kind: 'event', name: workflow, input: { event, data } };
      requireApps()
        .runTask(space, task, { timeoutMs: 10_000 })
        .catch((error: unknown) => options.onWarning(space, `The listener for "${event}" failed: ${String(error)}`));
    },
    onWarning: options.onWarning,
  });
  const appQueues = new AppQueues({ queues, runTask: (...call) => requireApps().runTask(...call) });

  /** Which library's engine each space had last. */
  const engines = new Map<string, 'tackle' | 'original'>();

  async function apply(spaceId: string, app: LiveApp | null): Promise<void> {
    const kind = app?.deployment.kind ?? null;
    const isForeign = kind === 'original';
    if (app !== null && isForeign) await workflows.yieldTo(spaceId, String(app.deployment.version));
    await workflows.release(spaceId, app?.manifest.queues ?? []);
    await appQueues.apply(spaceId, app?.manifest ?? null, options.getEnv(spaceId));
    const definitions = app === null ? [] : readDefinitions(app.manifest);
    await workflows.declare(spaceId, definitions, app === null ? null : String(app.deployment.version), { isForeign });
    if (kind === 'tackle' && engines.get(spaceId) === 'original') void adoptAll(spaceId, definitions);
    if (kind !== null) engines.set(spaceId, kind);
  }

  /** Shows what the original engine left in `wait`. What is missed here is taken over when somebody continues it. */
  async function adoptAll(spaceId: string, definitions: readonly WorkflowDefinition[]): Promise<void> {
    try {
      for (const definition of definitions) {
        const filter = { workflowName: definition.name, nextStep: { $ne: null } };
        for await (const { json } of options.findDocuments(spaceId, definition.collection, filter, {})) {
          const ids = (JSON.parse(json) as { readonly _id: string }[]).map(({ _id }) => _id);
          await workflows.adoptWaiting(spaceId, definition, ids);
        }
      }
    } catch (error) {
      options.onError('Waiting instances of the original workflow engine could not be taken over yet', error);
    }
  }

  return {
    queues,
    workflows,
    hostCalls: createDurableHostCalls(queues, workflows, options.findDocuments, options.onWarning),
    async start(given, { isPaused }) {
      apps = given;
      given.onValidate(async (spaceId, { kind, manifest }, { force }) => {
        appQueues.validate(manifest);
        readDefinitions(manifest);
        if (kind === 'original' && !force) refuseWhileRunning(await workflows.report(spaceId));
      });
      given.onPrune(async (spaceId) => (await workflows.usedVersions(spaceId)).map(Number));
      // Without handlers tasks are kept, and nothing of the time before the backup happens twice.
      if (isPaused) return;
      given.onSwitch(apply);
      await queues.start();
      for (const app of given.listLive()) await apply(app.deployment.spaceId, app);
    },
    async removeSpace(spaceId) {
      workflows.forgetSpace(spaceId);
      await queues.removeSpace(spaceId);
    },
    stop: (graceMs) => queues.stop(graceMs),
  };
}

/** The original engine would get our tasks in its own topics, and could make nothing of them. */
function refuseWhileRunning(report: Awaited<ReturnType<Workflows['report']>>): void {
  const counts = report
    .filter(({ status }) => status === 'running' || status === 'waiting')
    .map(({ name, status, count }) => `${count} of "${name}" ${status}`);
  if (counts.length === 0) return;
  throw new TackleError(
    'conflict',
    `Workflow instances of this gateway's engine have not ended (${counts.join(', ')}); the original library in this bundle cannot go on with them. Let them end or cancel them, deploy with tackle deploy, or use --force ("force": true), which parks them until then.`,
  );
}

function readDefinitions(manifest: AppManifest): WorkflowDefinition[] {
  const { workflows } = manifest.extensions;
  return Array.isArray(workflows) ? workflows.map((workflow) => parseWorkflowDefinition(workflow as Json)) : [];
}
