import { TackleError } from '../core/errors.ts';
import { isPlainObject, type Json, type JsonObject } from '../core/json.ts';
import { clampDelayMs, type TaskLease } from '../core/task.ts';
import { checkTopicName } from '../core/task-topic.ts';
import type { HostCallContext, RawJson } from '../ports/sandbox.ts';
import type { NewTask } from '../ports/storage/tasks.ts';
import type { Command } from '../ports/storage.ts';
import { createFence, isStepCall, readLeases } from '../queues/fence.ts';
import { encodePayload } from '../queues/payload.ts';
import type { Queues } from '../queues/queues.ts';
import { readEnqueueOptions } from './enqueue-options.ts';
import { readTransaction } from './transaction-calls.ts';
import type { Workflows } from './workflows.ts';

type Params = Readonly<Record<string, unknown>>;
type Handler = (space: string, params: Params, context: HostCallContext) => Promise<Json | RawJson | undefined>;

/** Pages of documents as JSON arrays, for `enqueueFromQuery`. */
export type FindDocuments = (
  space: string,
  collection: string,
  filter: unknown,
  options: JsonObject,
) => AsyncIterable<{ readonly json: string }>;

/** Serves `queue.*`, `schedule.*`, `workflow.*` and `transaction.*` for apps. Parameters come from hostile code. */
export function createDurableHostCalls(
  queues: Queues,
  workflows: Workflows,
  findDocuments: FindDocuments,
  onWarning: (space: string, message: string) => void,
): Readonly<Record<string, Handler>> {
  return {
    ...createQueueCalls(queues, findDocuments, onWarning),
    ...createWorkflowCalls(workflows),
    ...createTransactionCalls(queues),
  };
}

function createQueueCalls(
  queues: Queues,
  findDocuments: FindDocuments,
  onWarning: (space: string, message: string) => void,
): Record<string, Handler> {
  const warned = new Set<string>();
  const warnWithoutWorker = (space: string, topic: string): void => {
    if (queues.hasHandler({ space, topic }) || warned.has(`${space}\n${topic}`)) return;
    if (warned.size < 10_000) warned.add(`${space}\n${topic}`);
    onWarning(space, `Missing queuehook for topic '${topic}': its tasks are kept until a deployment brings a worker.`);
  };
  return {
    'queue.enqueue': async (space, params, context) => {
      const topic = checkTopicName(params.topic);
      const nowMs = queues.clock.now();
      const payload = encodePayload(params.payload ?? null, `The payload for "${topic}"`);
      const task: NewTask = { space, topic, payload, ...readEnqueueOptions(objectOf(params.options), nowMs) };
      const [enqueued] = await queues.enqueue([task], readLeases(context));
      warnWithoutWorker(space, topic);
      return describeJob(enqueued!.id, topic, payload, nowMs);
    },
    'queue.enqueueMany': async (space, params, context) => {
      const topic = checkTopicName(params.topic);
      const payloads = readPayloads(params.payloads, topic);
      const options = readEnqueueOptions(objectOf(params.options), queues.clock.now());
      const tasks = payloads.map((payload): NewTask => ({ space, topic, payload, ...options }));
      const enqueued = await queues.enqueue(tasks, readLeases(context));
      warnWithoutWorker(space, topic);
      return { ids: enqueued.map(({ id }) => id) };
    },
    'queue.enqueueFromQuery': async (space, params) => {
      const topic = checkTopicName(params.topic);
      const pages = findDocuments(space, textOf(params, 'collection'), params.filter ?? {}, objectOf(params.options));
      const result = await queues.enqueueBatch(space, toBatches(space, topic, pages));
      warnWithoutWorker(space, topic);
      return { jobId: result.jobId, count: result.count };
    },
    'schedule.runAt': async (space, params, context) => {
      const topic = checkTopicName(params.worker);
      const timeMs = Number(params.timeMs);
      if (!Number.isFinite(timeMs)) throw new TackleError('invalid_request', 'runAt needs a date.');
      const payload = encodePayload(params.payload ?? null, `The payload for "${topic}"`);
      const nowMs = queues.clock.now();
      const runAtMs = nowMs + clampDelayMs(timeMs - nowMs);
      const [enqueued] = await queues.enqueue([{ space, topic, payload, runAtMs }], readLeases(context));
      warnWithoutWorker(space, topic);
      const date = new Date(clampDate(timeMs)).toISOString();
      return { date, payload: JSON.parse(payload) as Json, worker: topic, _id: enqueued!.id };
    },
  };
}

/** One commit holds the writer; so many tasks take it a few milliseconds. */
const mostAtOnce = 1_000;

function readPayloads(given: unknown, topic: string): string[] {
  if (!Array.isArray(given) || given.length > mostAtOnce) {
    const what = Array.isArray(given) ? `${given.length} payloads` : `a ${typeof given}`;
    throw new TackleError(
      'invalid_request',
      `enqueueMany takes a list of at most ${mostAtOnce} payloads, not ${what}.`,
    );
  }
  return given.map((payload: unknown, index) => encodePayload(payload ?? null, `Payload ${index} for "${topic}"`));
}

async function* toBatches(
  space: string,
  topic: string,
  pages: AsyncIterable<{ readonly json: string }>,
): AsyncIterable<NewTask[]> {
  for await (const { json } of pages) {
    const documents = JSON.parse(json) as JsonObject[];
    yield documents.map((document) => ({
      space,
      topic,
      payload: JSON.stringify(document),
      ...(typeof document._id === 'string' ? { id: document._id } : {}),
    }));
  }
}

function describeJob(id: string, topic: string, payload: string, nowMs: number): RawJson {
  const created = new Date(nowMs).toISOString();
  const text = JSON.stringify({ topic, _created: created, jobId: id, _id: id });
  return { rawJson: `{"payload":${payload},${text.slice(1)}` };
}

const workflowStatuses = ['running', 'waiting', 'completed', 'cancelled', 'failed', 'parked'] as const;

function createWorkflowCalls(workflows: Workflows): Record<string, Handler> {
  return {
    'workflow.start': async (space, params, context) => {
      const id = params.id === null || params.id === undefined ? {} : { id: textOf(params, 'id') };
      const rawJson = await workflows.start(space, textOf(params, 'workflow'), objectOf(params.state), {
        ...id,
        delayMs: clampDelayMs(params.delayMs),
        leases: readLeases(context),
      });
      return { rawJson };
    },
    'workflow.continue': async (space, params) => {
      const id = textOf(params, 'instanceId');
      await workflows.continue(space, id, params.reset === true);
      const { instance } = await workflows.get(space, id);
      return { instanceId: id, nextStep: instance.control.nextStep };
    },
    'workflow.update': async (space, params) => ({
      rawJson: await workflows.updateState(
        space,
        textOf(params, 'instanceId'),
        objectOf(params.state),
        params.continue !== false,
      ),
    }),
    'workflow.cancel': async (space, params) => ({
      rawJson: await workflows.cancel(space, textOf(params, 'instanceId')),
    }),
    'workflow.send': async (space, params) => ({
      deliveredTo: await workflows.send(space, {
        event: textOf(params, 'event'),
        payload: (params.payload ?? null) as Json,
        instanceId: textOrNull(params, 'instanceId'),
        key: textOrNull(params, 'key'),
        ttlMs: clampDelayMs(params.ttlMs),
        id: textOrNull(params, 'id'),
      }),
    }),
    'workflow.remember': async (space, params, context) => {
      const [lease] = readLeases(context);
      if (lease === undefined) throw new TackleError('invalid_request', 'run(name, fn) works inside of a step only.');
      const value = (params.value ?? null) as Json;
      encodePayload(value, `The result of "${String(params.memo)}"`);
      const request = {
        id: textOf(params, 'instanceId'),
        lease,
        visit: Number(params.visit),
        memo: textOf(params, 'memo'),
        value,
      };
      await workflows.remember(space, request);
      return null;
    },
    'workflow.instances': async (space, params) => {
      const after = textOrNull(params, 'after');
      const status = workflowStatuses.find((known) => known === params.status);
      const found = await workflows.list({
        space,
        name: textOf(params, 'workflow'),
        limit: 500,
        ...(status === undefined ? {} : { status }),
        ...(after === null ? {} : { after }),
      });
      return { ids: found.map(({ id }) => id), next: found.length === 500 ? (found.at(-1)?.id ?? null) : null };
    },
    'workflow.history': async (space, params) =>
      (await workflows.history(space, textOf(params, 'instanceId'))) as unknown as Json,
    'workflow.fork': async (space, params) => ({
      rawJson: await workflows.fork(space, textOf(params, 'instanceId'), readForkRequest(params)),
    }),
  };
}

/** Results of `run(name)` are remembered under `run:name`. */
export function readForkRequest(params: Params): Parameters<Workflows['fork']>[2] {
  const { from } = params;
  if (typeof from !== 'string' && typeof from !== 'number') {
    throw new TackleError(
      'invalid_request',
      'Fork needs `from`: the name of a step, or the number of a history entry.',
    );
  }
  const results = Object.entries(objectOf(params.results)).map(([name, value]) => [
    `run:${name}`,
    { type: 'run', value },
  ]);
  const outcome = isPlainObject(params.outcome) ? params.outcome : null;
  return {
    from,
    patch: objectOf(params.patch),
    memory: Object.fromEntries(results) as JsonObject,
    keepMemory: params.keepResults !== false,
    outcome:
      outcome === null
        ? null
        : { next: (outcome.next ?? null) as string | readonly string[] | null, patch: objectOf(outcome.patch) },
  };
}

function createTransactionCalls(queues: Queues): Record<string, Handler> {
  return {
    'transaction.read': async (space, params) => {
      const read = { space, collection: textOf(params, 'collection'), id: textOf(params, 'id') };
      const found = await queues.storage.read({ kind: 'document.get', ...read });
      return found === null
        ? { rawJson: '{"document":null,"revision":null}' }
        : { rawJson: `{"document":${found.json},"revision":${found.revision}}` };
    },
    'transaction.commit': async (space, params, context) => {
      const nowMs = queues.clock.now();
      const leases = readLeases(context);
      const { commands, tasks } = readTransaction(space, params, nowMs);
      const settles = params.settle === true;
      if (settles && leases.length === 0) {
        throw new TackleError('invalid_request', 'transaction(fn, {settle: true}) works inside of a worker only.');
      }
      queues.requireOpen(space);
      if (settles && isStepCall(context)) {
        const advice = 'use step.transaction(fn), whose writes are part of what the step commits';
        throw new TackleError(
          'invalid_request',
          `transaction(fn, {settle: true}) is for workers; in a step ${advice}.`,
        );
      }
      const all: Command[] = [...createFence(context, { orSettled: !settles }), ...commands];
      if (tasks.length > 0) all.push({ kind: 'task.enqueue', tasks, nowMs });
      if (settles) all.push({ kind: 'task.settle', settlements: leases.map(toSettlement), nowMs });
      try {
        await queues.dispatcher.guard('enqueue', () =>
          queues.storage.commit(all as never, { lane: { lane: 'space', space } }),
        );
      } catch (error) {
        if (error instanceof TackleError && error.code === 'conflict') return { committed: false };
        throw error;
      }
      queues.noteEnqueued(tasks);
      if (settles) queues.noteSettled(leases);
      return { committed: true };
    },
  };
}

function toSettlement(lease: TaskLease): TaskLease & { readonly settlement: { readonly type: 'done' } } {
  return { ...lease, settlement: { type: 'done' } };
}

function textOf(params: Params, name: string): string {
  const value = params[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new TackleError(
    'invalid_request',
    `The parameter "${name}" must be a string, not ${JSON.stringify(value)?.slice(0, 100)}.`,
  );
}

function textOrNull(params: Params, name: string): string | null {
  return params[name] === null || params[name] === undefined ? null : textOf(params, name);
}

function objectOf(value: unknown): JsonObject {
  if (value === null || value === undefined) return {};
  if (isPlainObject(value)) return value as JsonObject;
  throw new TackleError('invalid_request', `An object was expected, not ${JSON.stringify(value)?.slice(0, 100)}.`);
}

/** Dates beyond what ISO strings can hold are cut. */
function clampDate(timeMs: number): number {
  return Math.min(8.64e15, Math.max(-8.64e15, timeMs));
}
