import type { FastifyInstance } from 'fastify';
import type { SpaceQuotas, TokenAccess } from '../../projects/index.ts';
import { findSpace, identityOf, requireHome, type SpaceParams, sendNothing } from './request-context.ts';
import { boolean, integer, list, nullable, object, oneOf, text } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { viewToken } from './space-view.ts';

const S = '/projects/:project/spaces/:space';

/** Everything that is set for one space. */
export function registerSettingsRoutes(api: FastifyInstance, services: ApiServices): void {
  registerTokenRoutes(api, services);
  registerEnvRoutes(api, services);
  registerNetworkRoutes(api, services);
  registerQuotaRoutes(api, services);
}

function registerTokenRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects } = services;

  api.get(`${S}/tokens`, async (request) => {
    const { space } = findSpace(request, services);
    return { tokens: projects.listTokens(space.id).map(viewToken) };
  });

  api.post<{ Body: { access?: TokenAccess; description?: string; expiresAt?: number | null } | null }>(
    `${S}/tokens`,
    {
      schema: {
        body: nullable(
          object({ access: oneOf('READWRITE', 'READ'), description: text(), expiresAt: nullable(integer()) }),
        ),
      },
    },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { access = 'READWRITE', ...rest } = request.body ?? {};
      const token = await projects.admin.createToken({ spaceId: space.id, access, ...rest }, identityOf(request).actor);
      return reply.code(201).send(viewToken(token));
    },
  );

  api.delete<{ Params: SpaceParams & { key: string } }>(`${S}/tokens/:key`, async (request, reply) => {
    const { space } = findSpace(request, services);
    await projects.admin.removeToken(space.id, request.params.key, identityOf(request).actor);
    return sendNothing(reply);
  });
}

function registerEnvRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects } = services;

  api.get(`${S}/env`, async (request) => ({ env: projects.listEnv(findSpace(request, services).space.id) }));

  api.put<{ Params: SpaceParams & { key: string }; Body: { value: string; encrypted?: boolean } }>(
    `${S}/env/:key`,
    { schema: { body: object({ value: text(), encrypted: boolean }, ['value']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const { value, encrypted = false } = request.body;
      const { key } = request.params;
      return projects.admin.setEnv({ spaceId: space.id, key, value, encrypted }, identityOf(request).actor);
    },
  );

  api.delete<{ Params: SpaceParams & { key: string } }>(`${S}/env/:key`, async (request, reply) => {
    const { space } = findSpace(request, services);
    await projects.admin.removeEnv(space.id, request.params.key, identityOf(request).actor);
    return sendNothing(reply);
  });
}

function registerNetworkRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects } = services;

  api.get(`${S}/jwks`, async (request) => ({ url: findSpace(request, services).space.jwksUrl }));

  api.put<{ Body: { url: string | null } }>(
    `${S}/jwks`,
    { schema: { body: object({ url: nullable(text()) }, ['url']) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const url = request.body.url === '' ? null : request.body.url;
      const changed = await projects.admin.setJwksUrl(space.id, url, identityOf(request).actor);
      return { url: changed.jwksUrl };
    },
  );

  api.get(`${S}/allowed-hosts`, async (request) => ({ allowedHosts: findSpace(request, services).space.allowedHosts }));

  api.post<{ Body: { host: string } }>(
    `${S}/allowed-hosts`,
    { schema: { body: object({ host: text() }, ['host']) } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const changed = await projects.admin.addAllowedHost(space.id, request.body.host, identityOf(request).actor);
      return reply.code(201).send({ allowedHosts: changed.allowedHosts });
    },
  );

  api.delete<{ Params: SpaceParams & { host: string } }>(`${S}/allowed-hosts/:host`, async (request) => {
    const { space } = findSpace(request, services);
    const changed = await projects.admin.removeAllowedHost(space.id, request.params.host, identityOf(request).actor);
    return { allowedHosts: changed.allowedHosts };
  });

  api.get(`${S}/egress`, async (request) => ({ cidrs: findSpace(request, services).space.egressCidrs }));

  api.put<{ Body: { cidrs: string[] } }>(
    `${S}/egress`,
    { schema: { body: object({ cidrs: list(text()) }, ['cidrs']) } },
    async (request) => {
      requireHome(request);
      const { space } = findSpace(request, services);
      const changed = await projects.admin.setEgressCidrs(space.id, request.body.cidrs, identityOf(request).actor);
      return { cidrs: changed.egressCidrs };
    },
  );
}

function registerQuotaRoutes(api: FastifyInstance, services: ApiServices): void {
  const quota = nullable(integer({ minimum: 0 }));

  api.get(`${S}/quotas`, async (request) => findSpace(request, services).space.quotas);

  api.put<{ Body: Partial<SpaceQuotas> }>(
    `${S}/quotas`,
    {
      schema: {
        body: object({ maxBytes: quota, maxDocuments: quota, maxRequestsPerSecond: quota }),
      },
    },
    async (request) => {
      requireHome(request);
      const { space } = findSpace(request, services);
      const changed = await services.projects.admin.setQuotas(space.id, request.body, identityOf(request).actor);
      return changed.quotas;
    },
  );
}
