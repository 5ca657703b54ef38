import type { FastifyReply, FastifyRequest } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Project, Space } from '../../projects/index.ts';
import type { AdminIdentity, AdminRequest } from '../admin-guard.ts';
import type { ApiServices } from './services.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard before any route of the API runs. */
    admin: AdminIdentity | null;
  }
}

export interface ProjectParams {
  readonly project: string;
}
export interface SpaceParams extends ProjectParams {
  readonly space: string;
}

export function identityOf(request: FastifyRequest): AdminIdentity {
  if (request.admin === null) throw new TackleError('unauthenticated', 'This request has no credentials');
  return request.admin;
}

export function adminRequestOf(request: FastifyRequest, services: ApiServices): AdminRequest {
  return { method: request.method, headers: request.headers, client: services.readClientAddress(request.raw) };
}

/** Throws `forbidden` unless the credentials are valid for the whole home. */
export function requireHome(request: FastifyRequest): void {
  if (identityOf(request).scope.kind === 'home') return;
  throw new TackleError('forbidden', 'This needs an admin token of the whole gateway; yours is valid for one project');
}

export function isInScope(request: FastifyRequest, projectId: string): boolean {
  const { scope } = identityOf(request);
  return scope.kind === 'home' || scope.projectId === projectId;
}

export function findProject(request: FastifyRequest, services: ApiServices, name: string): Project {
  const project = services.projects.findProject(name);
  const { scope } = identityOf(request);
  // The same answer whether a project outside of the scope exists or not.
  if (scope.kind === 'project' && project?.id !== scope.projectId) {
    throw new TackleError('forbidden', `Your admin token is valid for project ${scope.projectId} only`);
  }
  if (project !== null) return project;
  const named = services.projects.listProjectsNamed(name).map(({ id }) => id);
  if (named.length > 1) {
    throw new TackleError('not_found', `Several projects are called ${name}; use the unique name: ${named.join(', ')}`);
  }
  const names = services.projects.listProjects().map(({ id }) => id);
  const known = names.length === 0 ? 'there is none yet' : names.slice(0, 10).join(', ');
  throw new TackleError(
    'not_found',
    `There is no project ${shorten(name)} (projects: ${known}); create it with: tackle create`,
  );
}

export function findSpaceIn(services: ApiServices, project: Project, name: string): Space {
  const space = services.projects.findSpace(project.id, name);
  if (space !== null) return space;
  const names = services.projects.listSpaces(project.id).map((candidate) => candidate.name);
  throw new TackleError(
    'not_found',
    `Project ${project.id} has no space ${shorten(name)} (spaces: ${names.join(', ')}); create it with: tackle add ${shorten(name)}`,
  );
}

export function findSpace(request: FastifyRequest, services: ApiServices): { project: Project; space: Space } {
  const params = request.params as SpaceParams;
  const project = findProject(request, services, params.project);
  return { project, space: findSpaceIn(services, project, params.space) };
}

/**
 * Notes an action of another room that has been done already. When the note cannot be written the action stands, so the
 * answer must not say that it failed.
 */
export async function audit(
  request: FastifyRequest,
  services: ApiServices,
  entry: { readonly action: string; readonly target: string; readonly details?: JsonObject },
): Promise<void> {
  const { actor } = identityOf(request);
  try {
    await services.projects.audit.append({ actor, details: {}, ...entry });
  } catch (error) {
    services.onError(error, { requestId: request.id, what: `audit entry of ${entry.action} ${entry.target}` });
  }
}

export function targetOf(space: Space, ...rest: readonly string[]): string {
  return [space.projectId, space.name, ...rest].join('/');
}

export function sendNothing(reply: FastifyReply): FastifyReply {
  return reply.code(204).send();
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
