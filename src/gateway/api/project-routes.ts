import type { FastifyInstance } from 'fastify';
import {
  findProject,
  findSpace,
  identityOf,
  isInScope,
  type ProjectParams,
  requireHome,
  sendNothing,
} from './request-context.ts';
import { object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { viewProject, viewSpace } from './space-view.ts';

/** Projects and spaces themselves. */
export function registerProjectRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects, gateway } = services;

  api.get('/projects', async (request) => {
    const visible = projects.listProjects().filter((project) => isInScope(request, project.id));
    return { projects: visible.map((project) => viewProject(projects, gateway, project)) };
  });

  api.post<{ Body: { name: string; description?: string } }>(
    '/projects',
    { schema: { body: object({ name: text(), description: text() }, ['name']) } },
    async (request, reply) => {
      requireHome(request);
      const project = await projects.admin.createProject(request.body, identityOf(request).actor);
      return reply.code(201).send(viewProject(projects, gateway, project));
    },
  );

  api.get<{ Params: ProjectParams }>('/projects/:project', async (request) =>
    viewProject(projects, gateway, findProject(request, services, request.params.project)),
  );

  api.delete<{ Params: ProjectParams }>('/projects/:project', async (request, reply) => {
    requireHome(request);
    const project = findProject(request, services, request.params.project);
    await projects.admin.removeProject(project.id, identityOf(request).actor);
    return sendNothing(reply);
  });

  api.get<{ Params: ProjectParams }>('/projects/:project/spaces', async (request) => {
    const project = findProject(request, services, request.params.project);
    return { spaces: viewProject(projects, gateway, project).spaces };
  });

  api.post<{ Params: ProjectParams; Body: { name: string } }>(
    '/projects/:project/spaces',
    { schema: { body: object({ name: text() }, ['name']) } },
    async (request, reply) => {
      const project = findProject(request, services, request.params.project);
      const { name } = request.body;
      const space = await projects.admin.createSpace({ projectId: project.id, name }, identityOf(request).actor);
      return reply.code(201).send(viewSpace(projects, gateway, project, space));
    },
  );

  api.get('/projects/:project/spaces/:space', async (request) => {
    const { project, space } = findSpace(request, services);
    return viewSpace(projects, gateway, project, space);
  });

  api.delete('/projects/:project/spaces/:space', async (request, reply) => {
    const { space } = findSpace(request, services);
    await projects.admin.removeSpace(space.id, identityOf(request).actor);
    return sendNothing(reply);
  });
}
