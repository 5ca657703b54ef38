import type { FastifyInstance } from 'fastify';
import type { Json, JsonObject } from '../../core/json.ts';
import type { WorkflowInstance, WorkflowStatus } from '../../core/workflow.ts';
import { readForkRequest } from '../../workflows/durable-host-calls.ts';
import { audit, findSpace, type SpaceParams, targetOf } from './request-context.ts';
import { anyObject, anyValue, boolean, limit, nullable, object, oneOf, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const S = '/projects/:project/spaces/:space';
const statuses = ['running', 'waiting', 'completed', 'cancelled', 'failed', 'parked'] as const;

interface InstanceParams extends SpaceParams {
  readonly id: string;
}

/** Workflows of a space and their instances. */
export function registerWorkflowRoutes(api: FastifyInstance, services: ApiServices): void {
  registerReportRoutes(api, services);
  registerInstanceRoutes(api, services);
}

function registerReportRoutes(api: FastifyInstance, services: ApiServices): void {
  const { workflows } = services.durable;

  api.get(`${S}/workflows`, async (request) => {
    const { space } = findSpace(request, services);
    const counts = await workflows.report(space.id);
    const definitions = workflows.definitions(space.id);
    const names = new Set([...definitions.map(({ name }) => name), ...counts.map(({ name }) => name)]);
    return {
      workflows: [...names].map((name) => {
        const definition = definitions.find((candidate) => candidate.name === name);
        return {
          name,
          isDeployed: definition !== undefined,
          description: definition?.description ?? '',
          steps: definition?.steps ?? [],
          versioning: definition?.versioning ?? null,
          counts: counts.filter((row) => row.name === name).map(({ status, step, count }) => ({ status, step, count })),
        };
      }),
    };
  });

  api.get<{ Querystring: { workflow?: string; status?: WorkflowStatus; limit: number; after?: string } }>(
    `${S}/workflow-instances`,
    {
      schema: {
        querystring: object({
          workflow: text(),
          status: oneOf(...statuses),
          limit: limit(100, 1_000),
          after: text(),
        }),
      },
    },
    async (request) => {
      const { space } = findSpace(request, services);
      const { workflow, status, limit: wanted, after } = request.query;
      const instances = await workflows.list({
        space: space.id,
        limit: wanted,
        ...(workflow === undefined ? {} : { name: workflow }),
        ...(status === undefined ? {} : { status }),
        ...(after === undefined ? {} : { after }),
      });
      return {
        instances: instances.map(describe),
        next: instances.length === wanted ? (instances.at(-1)?.id ?? null) : null,
      };
    },
  );
}

function registerInstanceRoutes(api: FastifyInstance, services: ApiServices): void {
  const { workflows } = services.durable;

  api.post<{ Body: { workflow: string; state?: JsonObject; id?: string } }>(
    `${S}/workflow-instances`,
    { schema: { body: object({ workflow: text(), state: anyObject, id: text() }, ['workflow']) } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { workflow, state, id } = request.body;
      const document = await workflows.start(space.id, workflow, state ?? {}, id === undefined ? {} : { id });
      return reply.code(201).send(JSON.parse(document));
    },
  );

  api.get<{ Params: InstanceParams }>(`${S}/workflow-instances/:id`, async (request) => {
    const { space } = findSpace(request, services);
    const { id } = request.params;
    const [view, history] = await Promise.all([workflows.get(space.id, id), workflows.history(space.id, id)]);
    return {
      ...describe(view.instance),
      branches: view.instance.control.branches,
      state: view.document === null ? null : (JSON.parse(view.document) as Json),
      history: history.map((entry) => ({ ...entry, stateBefore: JSON.parse(entry.stateBefore) as Json })),
    };
  });

  api.post<{ Params: InstanceParams; Body: { reset?: boolean } | null }>(
    `${S}/workflow-instances/:id/continue`,
    { schema: { body: nullable(object({ reset: boolean })) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { id } = request.params;
      await workflows.continue(space.id, id, request.body?.reset === true);
      await audit(request, services, { action: 'workflow.continue', target: targetOf(space, id) });
      return describe((await workflows.get(space.id, id)).instance);
    },
  );

  api.post<{ Params: InstanceParams }>(`${S}/workflow-instances/:id/cancel`, async (request) => {
    const { space } = findSpace(request, services);
    const { id } = request.params;
    await workflows.cancel(space.id, id);
    await audit(request, services, { action: 'workflow.cancel', target: targetOf(space, id) });
    return describe((await workflows.get(space.id, id)).instance);
  });

  api.post<{ Params: InstanceParams; Body: { event: string; payload?: Json; id?: string } }>(
    `${S}/workflow-instances/:id/events`,
    { schema: { body: object({ event: text(), payload: anyValue, id: text() }, ['event']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { event, payload, id } = request.body;
      const deliveredTo = await workflows.send(space.id, {
        event,
        payload: payload ?? null,
        instanceId: request.params.id,
        id: id ?? null,
      });
      return { deliveredTo };
    },
  );

  const forkBody = object(
    {
      from: { type: ['string', 'integer'] },
      patch: anyObject,
      results: anyObject,
      keepResults: boolean,
      outcome: nullable(object({ next: nullable({ type: ['string', 'array'] }), patch: anyObject })),
    },
    ['from'],
  );
  api.post<{ Params: InstanceParams; Body: JsonObject }>(
    `${S}/workflow-instances/:id/fork`,
    { schema: { body: forkBody } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { id } = request.params;
      const document = await workflows.fork(space.id, id, readForkRequest(request.body));
      await audit(request, services, { action: 'workflow.fork', target: targetOf(space, id) });
      return reply.code(201).send(JSON.parse(document));
    },
  );
}

function describe(instance: WorkflowInstance): JsonObject {
  const { control } = instance;
  return {
    id: instance.id,
    workflow: instance.name,
    status: control.status,
    step: control.nextStep,
    version: instance.version,
    parent: instance.parent?.id ?? null,
    children: control.children,
    createdAtMs: instance.createdAtMs,
    updatedAtMs: control.updatedAtMs,
    lastError: control.lastError as unknown as Json,
  };
}
