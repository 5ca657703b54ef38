import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import { readSessionCookie, serializeEndedSessionCookie, serializeSessionCookie } from '../admin-guard-sessions.ts';
import { viewCollection } from './collection-routes.ts';
import { viewDeployment } from './deployment-routes.ts';
import {
  adminRequestOf,
  audit,
  findSpace,
  identityOf,
  isInScope,
  requireHome,
  sendNothing,
} from './request-context.ts';
import { boolean, nullable, object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { urlsOfSpace } from './space-view.ts';

/** The gateway itself: what runs, whether it is well, backups. */
export function registerGatewayRoutes(api: FastifyInstance, services: ApiServices): void {
  const { projects, gateway } = services;

  api.get('/info', async (request) => {
    const { scope, adminTokenId } = identityOf(request);
    const { version, startedAt, publicUrl, adminUrl, home } = gateway;
    const machine = { home, pid: process.pid, node: process.version, platform: `${process.platform}-${process.arch}` };
    return {
      name: 'tackle',
      version,
      url: publicUrl,
      adminUrl,
      startedAt,
      token: { id: adminTokenId, scope },
      ...(scope.kind === 'home' ? machine : {}),
    };
  });

  api.get('/status', async (request) => {
    requireHome(request);
    const [checks, sandbox] = await Promise.all([services.checkHealth(), services.describeSandbox()]);
    const visible = projects.listProjects().filter((project) => isInScope(request, project.id));
    return {
      ready: checks.every((check) => check.ok),
      checks,
      sandbox,
      projects: visible.length,
      spaces: visible.reduce((sum, project) => sum + projects.listSpaces(project.id).length, 0),
      memoryBytes: process.memoryUsage.rss(),
      uptimeMs: services.now() - gateway.startedAt,
    };
  });

  api.get('/projects/:project/spaces/:space/status', async (request) => {
    const { project, space } = findSpace(request, services);
    const [collections, files, deployments, errors] = await Promise.all([
      services.documentsOf(space.id).listCollections(),
      services.files.files.usage(space.id),
      services.apps.listVersions(space.id),
      services.logs.tail(space.id, { limit: 20, level: 'error' }),
    ]);
    return {
      project: project.id,
      space: space.name,
      url: urlsOfSpace(projects, gateway, project, space).project,
      collections: collections.map(viewCollection),
      deployments: deployments.slice(0, 20).map(viewDeployment),
      errors,
      usage: {
        collections: collections.length,
        documents: collections.reduce((sum, { documents }) => sum + documents, 0),
        bytes: collections.reduce((sum, { bytes }) => sum + bytes, 0),
        files: files.files,
        fileBytes: files.bytes,
      },
    };
  });

  api.post<{ Body: { withKey?: boolean } | null }>(
    '/backup',
    { schema: { body: nullable(object({ withKey: boolean })) } },
    async (request, reply) => {
      requireHome(request);
      const withKey = request.body?.withKey ?? false;
      const archive = await services.createBackup({ withKey });
      await audit(request, services, { action: 'backup.create', target: 'home', details: { withKey } });
      return reply.type('application/octet-stream').send(Readable.from(archive, { objectMode: false }));
    },
  );
}

/** Signing browsers in and out. `/sign-in` is the one route that needs no credentials but its code. */
export function registerSessionRoutes(api: FastifyInstance, services: ApiServices): void {
  const { sessions, gateway, guard } = services;

  api.post('/sign-in-links', async (request, reply) => {
    requireHome(request);
    const { adminTokenId, scope, actor } = identityOf(request);
    const { code, expiresAt } = sessions.createSignInCode({ adminTokenId, scope });
    await audit(request, services, { action: 'sign-in-link.create', target: actor.id });
    const url = `${gateway.adminUrl}/api/v1/sign-in?code=${code}`;
    return reply.code(201).send({ url, expiresAt });
  });

  api.get('/session', async (request) => {
    const { actor, scope, session } = identityOf(request);
    return {
      actor,
      scope,
      ...(session === null ? {} : { csrfToken: session.csrfToken, expiresAt: session.expiresAt }),
    };
  });

  api.delete('/session', async (request, reply) => {
    const { client } = adminRequestOf(request, services);
    const secret = readSessionCookie(request.headers.cookie, client.host);
    if (secret !== null) sessions.endSession(secret);
    reply.header(
      'set-cookie',
      serializeEndedSessionCookie({ host: client.host, isHttps: client.protocol === 'https' }),
    );
    return sendNothing(reply);
  });

  api.get<{ Querystring: { code: string } }>(
    '/sign-in',
    { config: { needsNoCredentials: true }, schema: { querystring: object({ code: text() }, ['code']) } },
    async (request, reply) => {
      const { client } = adminRequestOf(request, services);
      if (!guard.isPageHost(client.host)) {
        throw new TackleError('forbidden', `Browsers sign in at ${gateway.adminUrl}; open the link as it was printed`);
      }
      const redeemed = sessions.redeemSignInCode(request.query.code);
      if (redeemed === null) {
        throw new TackleError(
          'unauthenticated',
          'This sign-in link was used already or is too old; get a new one with: tackle admin sign-in',
        );
      }
      const cookie = serializeSessionCookie(redeemed.secret, {
        host: client.host,
        isHttps: client.protocol === 'https',
      });
      return reply.header('set-cookie', cookie).redirect('/', 303);
    },
  );
}
