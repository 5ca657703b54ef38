import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import { findProject, findSpaceIn, identityOf, isInScope, requireHome, sendNothing } from './request-context.ts';
import { integer, limit, nullable, object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { viewDomain } from './space-view.ts';

/** Domains, admin tokens, and the record of what was done with them. */
export function registerAccessRoutes(api: FastifyInstance, services: ApiServices): void {
  registerDomainRoutes(api, services);
  registerAdminTokenRoutes(api, services);
  registerAuditRoutes(api, services);
}

function registerDomainRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects } = services;

  api.get<{ Querystring: { project?: string } }>(
    '/domains',
    { schema: { querystring: object({ project: text() }) } },
    async (request) => {
      const name = request.query.project;
      const projectId = name === undefined ? undefined : findProject(request, services, name).id;
      const domains = projects.listDomains(projectId).filter((domain) => isInScope(request, domain.projectId));
      return { domains: domains.map((domain) => viewDomain(projects, domain)) };
    },
  );

  api.post<{ Body: { host: string; project: string; space?: string | null } }>(
    '/domains',
    { schema: { body: object({ host: text(), project: text(), space: nullable(text()) }, ['host', 'project']) } },
    async (request, reply) => {
      requireHome(request);
      const { host, space: spaceName } = request.body;
      const project = findProject(request, services, request.body.project);
      const hasSpace = spaceName !== undefined && spaceName !== null && spaceName !== '';
      const spaceId = hasSpace ? findSpaceIn(services, project, spaceName).id : null;
      const domain = await projects.admin.addDomain(
        { host, projectId: project.id, spaceId },
        identityOf(request).actor,
      );
      return reply.code(201).send(viewDomain(projects, domain));
    },
  );

  api.delete<{ Params: { host: string } }>('/domains/:host', async (request, reply) => {
    requireHome(request);
    await projects.admin.removeDomain(request.params.host, identityOf(request).actor);
    return sendNothing(reply);
  });
}

function registerAdminTokenRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects } = services;

  api.get('/admin-tokens', async (request) => {
    requireHome(request);
    return { adminTokens: projects.listAdminTokens() };
  });

  api.post<{ Body: { description?: string; project?: string | null; expiresAt?: number | null } | null }>(
    '/admin-tokens',
    {
      schema: {
        body: nullable(object({ description: text(), project: nullable(text()), expiresAt: nullable(integer()) })),
      },
    },
    async (request, reply) => {
      requireHome(request);
      const { project: name, ...rest } = request.body ?? {};
      const isScoped = name !== undefined && name !== null && name !== '';
      const scope = isScoped
        ? ({ kind: 'project', projectId: findProject(request, services, name).id } as const)
        : ({ kind: 'home' } as const);
      const { token, secret } = await projects.admin.createAdminToken({ scope, ...rest }, identityOf(request).actor);
      return reply.code(201).send({ ...token, secret });
    },
  );

  api.delete<{ Params: { id: string } }>('/admin-tokens/:id', async (request, reply) => {
    requireHome(request);
    const { adminTokenId, actor } = identityOf(request);
    const isLastOne = projects.listAdminTokens().filter(({ scope }) => scope.kind === 'home').length === 1;
    if (request.params.id === adminTokenId && isLastOne) {
      throw new TackleError('conflict', 'This is the last admin token of the gateway; make another one first');
    }
    await projects.admin.removeAdminToken(request.params.id, actor);
    return sendNothing(reply);
  });
}

function registerAuditRoutes(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: { limit: number; before?: string } }>(
    '/audit',
    { schema: { querystring: object({ limit: limit(100, 1000), before: text() }) } },
    async (request) => {
      requireHome(request);
      const entries = await services.projects.audit.list(request.query);
      const next = entries.length === request.query.limit ? entries.at(-1)!.id : null;
      return { entries, next };
    },
  );
}
