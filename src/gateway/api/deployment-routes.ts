import type { FastifyInstance } from 'fastify';
import type { AssetRef, BundleKind, Deployment } from '../../apps/deployment.ts';
import type { JsonObject } from '../../core/json.ts';
import { audit, findSpace, targetOf } from './request-context.ts';
import { anyObject, boolean, integer, limit, list, nullable, object, oneOf, sha256, text } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { urlsOfSpace } from './space-view.ts';

const S = '/projects/:project/spaces/:space';

interface DeployBody {
  readonly bundle: string;
  readonly sourceMap?: string | null;
  readonly kind?: BundleKind;
  /** Files that travel along, uploaded before; absent keeps those of the live version. */
  readonly assets?: readonly AssetRef[] | null;
  readonly meta?: JsonObject;
  /** Park workflow instances that cannot go on with this deployment, instead of refusing it. */
  readonly force?: boolean;
}

/** Versions of the app of a space: deploy, list, go back, take out of service. */
export function registerDeploymentRoutes(api: FastifyInstance, services: ApiServices): void {
  const { apps, projects, gateway, durable } = services;

  api.post<{ Body: DeployBody }>(
    `${S}/deployments`,
    {
      // The source map travels along, and JSON escapes cost a part more.
      bodyLimit: Math.ceil(gateway.maxBundleBytes * 4),
      schema: {
        body: object(
          {
            bundle: text(),
            sourceMap: nullable(text()),
            kind: oneOf('tackle', 'original'),
            assets: nullable(list(object({ path: text(), hash: sha256 }, ['path', 'hash']))),
            meta: anyObject,
            force: boolean,
          },
          ['bundle'],
        ),
      },
    },
    async (request, reply) => {
      const { project, space } = findSpace(request, services);
      const { bundle, sourceMap = null, kind = 'tackle', assets = null, meta = {}, force = false } = request.body;
      const deployment = await apps.deploy(space.id, { bundle, sourceMap, kind, assets, meta, force });
      const { version } = deployment;
      await audit(request, services, { action: 'deployment.create', target: targetOf(space), details: { version } });
      const stranded = await durable.workflows.listStranded(space.id);
      const urls = urlsOfSpace(projects, gateway, project, space);
      return reply.code(201).send({ deployment: viewDeployment(deployment), urls, stranded });
    },
  );

  api.get<{ Querystring: { limit: number } }>(
    `${S}/deployments`,
    { schema: { querystring: object({ limit: limit(20, 1000) }) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const versions = await apps.listVersions(space.id);
      return { deployments: versions.slice(0, request.query.limit).map(viewDeployment) };
    },
  );

  api.post<{ Body: { version?: number | null; force?: boolean } | null }>(
    `${S}/deployments/rollback`,
    { schema: { body: nullable(object({ version: nullable(integer({ minimum: 1 })), force: boolean })) } },
    async (request) => {
      const { space } = findSpace(request, services);
      const deployment = await apps.rollback(space.id, request.body?.version ?? null, {
        force: request.body?.force === true,
      });
      const { version } = deployment;
      await audit(request, services, { action: 'deployment.rollback', target: targetOf(space), details: { version } });
      return { deployment: viewDeployment(deployment) };
    },
  );

  api.delete(`${S}/deployments`, async (request) => {
    const { space } = findSpace(request, services);
    const version = apps.live(space.id)?.deployment.version ?? null;
    const removed = await apps.undeploy(space.id);
    if (removed) {
      await audit(request, services, { action: 'deployment.remove', target: targetOf(space), details: { version } });
    }
    return { undeployed: removed ? version : null };
  });
}

export function viewDeployment(deployment: Deployment) {
  const { version, state, kind, createdAt, bundleBytes, bundleHash, meta, manifest, error } = deployment;
  const { routes, queues, workers, jobs } = manifest;
  return {
    version,
    status: state,
    kind,
    createdAt,
    bytes: bundleBytes,
    sha256: bundleHash,
    meta,
    routes,
    queues,
    workers,
    jobs,
    error,
  };
}
