import type { FastifyInstance } from 'fastify';
import type { Json, JsonObject } from '../../core/json.ts';
import { isTick } from '../../core/schedule.ts';
import type { TaskState } from '../../core/task.ts';
import { encodePayload } from '../../queues/payload.ts';
import { readEnqueueOptions } from '../../workflows/enqueue-options.ts';
import { audit, findSpace, type SpaceParams, sendNothing, targetOf } from './request-context.ts';
import { anyObject, anyValue, limit, list, nullable, object, oneOf, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const S = '/projects/:project/spaces/:space';
const taskStates = ['ready', 'scheduled', 'blocked', 'running', 'done', 'dead', 'dropped'] as const;
const purgeable = ['ready', 'scheduled', 'blocked', 'dead'] as const;

interface TopicParams extends SpaceParams {
  readonly topic: string;
}
interface TaskParams extends SpaceParams {
  readonly id: string;
}

/** Topics, tasks and schedules of a space. */
export function registerQueueRoutes(api: FastifyInstance, services: ApiServices): void {
  registerTopicRoutes(api, services);
  registerTaskRoutes(api, services);
  registerScheduleRoutes(api, services);
}

function registerTopicRoutes(api: FastifyInstance, services: ApiServices): void {
  const { queues } = services.durable;

  api.get(`${S}/topics`, async (request) => {
    const { space } = findSpace(request, services);
    return { topics: await queues.listTopics(space.id) };
  });

  api.put<{ Params: TopicParams; Body: JsonObject }>(
    `${S}/topics/:topic`,
    { schema: { body: anyObject } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { topic } = request.params;
      const settings = await queues.configure({ space: space.id, topic }, request.body);
      await audit(request, services, {
        action: 'topic.configure',
        target: targetOf(space, topic),
        details: request.body,
      });
      return { topic, settings };
    },
  );

  for (const verb of ['pause', 'resume'] as const) {
    api.post<{ Params: TopicParams }>(`${S}/topics/:topic/${verb}`, async (request) => {
      const { space } = findSpace(request, services);
      const { topic } = request.params;
      const settings = await queues[verb]({ space: space.id, topic });
      await audit(request, services, { action: `topic.${verb}`, target: targetOf(space, topic) });
      return { topic, settings };
    });
  }

  api.post<{ Params: TopicParams }>(`${S}/topics/:topic/redrive`, async (request) => {
    const { space } = findSpace(request, services);
    const { topic } = request.params;
    const { count, isDone } = await queues.redrive(space.id, { topic });
    if (count > 0) {
      await audit(request, services, { action: 'topic.redrive', target: targetOf(space, topic), details: { count } });
    }
    return { count, done: isDone };
  });

  api.post<{ Params: TopicParams; Body: { states?: readonly TaskState[] } | null }>(
    `${S}/topics/:topic/purge`,
    { schema: { body: nullable(object({ states: list(oneOf(...purgeable)) })) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { topic } = request.params;
      const { count, isDone } = await queues.purge(space.id, topic, request.body?.states ?? purgeable);
      if (count > 0) {
        await audit(request, services, { action: 'topic.purge', target: targetOf(space, topic), details: { count } });
      }
      return { count, done: isDone };
    },
  );

  api.post<{ Params: TopicParams; Body: { payload?: Json; options?: JsonObject } }>(
    `${S}/topics/:topic/tasks`,
    { schema: { body: object({ payload: anyValue, options: anyObject }) } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { topic } = request.params;
      const payload = encodePayload(request.body.payload ?? null, 'The payload');
      const options = readEnqueueOptions(request.body.options ?? {}, services.now());
      const [task] = await queues.enqueue([{ space: space.id, topic, payload, ...options }]);
      return reply.code(201).send(task);
    },
  );
}

interface TaskQuery {
  readonly topic?: string;
  readonly state?: TaskState;
  readonly job?: string;
  readonly limit: number;
  readonly after?: number;
  readonly newest: boolean;
}

function registerTaskRoutes(api: FastifyInstance, services: ApiServices): void {
  const { queues } = services.durable;

  api.get<{ Querystring: TaskQuery }>(
    `${S}/tasks`,
    {
      schema: {
        querystring: object({
          topic: text(),
          state: oneOf(...taskStates),
          job: text(),
          limit: limit(100, 1_000),
          after: { type: 'integer' },
          newest: { type: 'boolean', default: false },
        }),
      },
    },
    async (request) => {
      const { space } = findSpace(request, services);
      const { topic, state, job, limit: wanted, after, newest } = request.query;
      const tasks = await queues.listTasks({
        space: space.id,
        limit: wanted,
        reverse: newest,
        ...(topic === undefined ? {} : { topic }),
        ...(state === undefined ? {} : { states: [state] }),
        ...(job === undefined ? {} : { jobId: job }),
        ...(after === undefined ? {} : { after }),
      });
      return { tasks, next: tasks.length === wanted ? (tasks.at(-1)?.seq ?? null) : null };
    },
  );

  api.get<{ Params: TaskParams }>(`${S}/tasks/:id`, async (request) => {
    const { space } = findSpace(request, services);
    const task = await queues.getTask(space.id, request.params.id);
    return { ...task, payload: JSON.parse(task.payload) as Json };
  });

  api.post<{ Params: TaskParams }>(`${S}/tasks/:id/redrive`, async (request) => {
    const { space } = findSpace(request, services);
    const { id } = request.params;
    const { count } = await queues.redrive(space.id, { ids: [id] });
    await audit(request, services, { action: 'task.redrive', target: targetOf(space, id), details: { count } });
    return { count };
  });

  api.delete<{ Params: TaskParams }>(`${S}/tasks/:id`, async (request, reply) => {
    const { space } = findSpace(request, services);
    const { id } = request.params;
    await queues.drop(space.id, [id]);
    await audit(request, services, { action: 'task.drop', target: targetOf(space, id) });
    return sendNothing(reply);
  });
}

function registerScheduleRoutes(api: FastifyInstance, services: ApiServices): void {
  const { queues } = services.durable;

  api.get(`${S}/schedules`, async (request) => {
    const { space } = findSpace(request, services);
    const schedules = await queues.schedules.list(space.id);
    return {
      schedules: schedules.map(({ name, spec, topic, lastTickMs, nextTickMs, skipped }) => ({
        name,
        ...spec,
        topic,
        // Before the first tick the store keeps the time of the declaration there.
        lastTickMs: lastTickMs !== null && isTick(spec, lastTickMs) ? lastTickMs : null,
        nextTickMs,
        skipped,
      })),
    };
  });

  api.post<{ Body: { name: string } }>(
    `${S}/schedules/run`,
    { schema: { body: object({ name: text() }, ['name']) } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { name } = request.body;
      const task = await queues.schedules.runNow(space.id, name);
      await audit(request, services, { action: 'schedule.run', target: targetOf(space, name) });
      return reply.code(201).send({ taskId: task.id });
    },
  );
}
