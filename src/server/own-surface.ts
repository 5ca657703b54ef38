import type { RequestListener } from 'node:http';
import Fastify from 'fastify';
import { registerApi } from '../gateway/api/register-api.ts';
import type { ApiServices } from '../gateway/api/services.ts';
import { registerHealth } from './health.ts';
import type { Surface } from './late-surface.ts';

/** Everything on the gateway's own hosts, behind Fastify without a server of its own. */
export async function createOwnSurface(services: ApiServices): Promise<Surface> {
  const fastify = Fastify({
    logger: false,
    bodyLimit: services.gateway.maxBodyBytes,
    genReqId: (request) => request.headers['x-request-id'] as string,
    exposeHeadRoutes: true,
  });
  // Browsers ask for one with every page, and note down an error where there is none.
  fastify.get('/favicon.ico', (_request, reply) => reply.code(204).header('cache-control', 'max-age=86400').send());
  registerHealth(fastify, services.checkHealth);
  await registerApi(fastify, services);
  fastify.setNotFoundHandler((request, reply) => {
    void reply.code(404).send({
      error: { code: 'not_found', message: `There is nothing at ${request.url.split('?')[0]}.`, requestId: request.id },
    });
  });
  await fastify.ready();
  const listener: RequestListener = (request, response) => fastify.routing(request, response);
  return { listener, close: () => fastify.close() };
}
