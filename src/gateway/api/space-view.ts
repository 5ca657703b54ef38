import type { Domain, Project, Projects, Space, SpaceToken } from '../../projects/index.ts';
import type { GatewayFacts } from './services.ts';

/** The shapes of docs/api.md. */
export interface SpaceView {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly createdAt: number;
  readonly urls: SpaceUrls;
  readonly hostLabel: string;
  readonly tokens: readonly TokenView[];
  readonly env: ReturnType<Projects['listEnv']>;
  readonly jwks: string | null;
  readonly allowedHosts: readonly string[];
  readonly egressCidrs: readonly string[];
  readonly quotas: Space['quotas'];
}

export interface SpaceUrls {
  readonly spaceBound: string;
  readonly project: string;
  readonly path: string;
  readonly domains: readonly string[];
}

export type TokenView = Omit<SpaceToken, 'spaceId'>;

export function viewProject(projects: Projects, gateway: GatewayFacts, project: Project) {
  const spaces = projects.listSpaces(project.id).map((space) => viewSpace(projects, gateway, project, space));
  const shortName = projects.findProjectAt(project.name)?.id === project.id ? project.name : null;
  return { ...project, shortName, url: urlOfProject(gateway, project), spaces };
}

export function viewSpace(projects: Projects, gateway: GatewayFacts, project: Project, space: Space): SpaceView {
  return {
    id: space.id,
    project: project.id,
    name: space.name,
    createdAt: space.createdAt,
    urls: urlsOfSpace(projects, gateway, project, space),
    hostLabel: space.hostLabel,
    tokens: projects.listTokens(space.id).map(viewToken),
    env: projects.listEnv(space.id),
    jwks: space.jwksUrl,
    allowedHosts: space.allowedHosts,
    egressCidrs: space.egressCidrs,
    quotas: space.quotas,
  };
}

export function viewToken({ spaceId: _, ...token }: SpaceToken): TokenView {
  return token;
}

export function viewDomain(projects: Projects, { host, projectId, spaceId, createdAt }: Domain) {
  const space = spaceId === null ? null : (projects.getSpace(spaceId)?.name ?? null);
  return { host, project: projectId, space, createdAt };
}

/** The host that answers for the project with the space as first segment; under a public name, its path. */
function urlOfProject(gateway: GatewayFacts, project: Project): string {
  const base = new URL(gateway.publicUrl);
  return isLocalName(base.hostname)
    ? `${base.protocol}//${project.id}.localhost${portOf(base)}`
    : `${base.origin}/p/${project.id}`;
}

export function urlsOfSpace(projects: Projects, gateway: GatewayFacts, project: Project, space: Space): SpaceUrls {
  const base = new URL(gateway.publicUrl);
  const path = `${base.origin}/p/${project.id}/${space.name}`;
  const domains = projects
    .listDomains(project.id)
    .filter((domain) => domain.spaceId === null || domain.spaceId === space.id)
    .map(
      (domain) => `${base.protocol}//${domain.host}${portOf(base)}${domain.spaceId === null ? `/${space.name}` : ''}`,
    );
  return {
    spaceBound: isLocalName(base.hostname) ? `${base.protocol}//${space.hostLabel}.localhost${portOf(base)}` : path,
    project: `${urlOfProject(gateway, project)}/${space.name}`,
    path,
    domains,
  };
}

/** Names below `localhost` resolve without DNS; below a public name they need records that nobody promised. */
function isLocalName(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
}

function portOf(url: URL): string {
  return url.port === '' ? '' : `:${url.port}`;
}
