import type { FastifyInstance } from 'fastify';
import type { HealthCheck } from '../gateway/api/services.ts';
import type { Storage } from '../ports/storage.ts';

/**
 * `/health` says that the process answers, `/ready` that it can do its work: a load balancer asks the second, a supervisor
 * that restarts asks the first. Neither tells anything about what is inside.
 */
export function registerHealth(fastify: FastifyInstance, checkHealth: () => Promise<readonly HealthCheck[]>): void {
  fastify.get('/health', async () => ({ status: 'ok' }));
  fastify.get('/ready', async (_request, reply) => {
    const checks = await checkHealth();
    const ready = checks.every((check) => check.ok);
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
}

export async function checkStorage(storage: Storage): Promise<HealthCheck> {
  const failure = await storage.checkReady().then(
    () => null,
    (error: Error) => error.message,
  );
  return { name: 'storage', ok: failure === null, detail: failure ?? 'the writer answers, the disk can be written' };
}
