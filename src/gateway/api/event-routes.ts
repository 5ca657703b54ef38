import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import { requireHome } from './request-context.ts';
import { object, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

interface EventBody {
  readonly event: string;
  readonly sessionKey?: string;
  readonly context?: Record<string, unknown>;
  readonly dedupeKey?: string;
}

/** Events from outside for the hooks of the gateway. */
export function registerEventRoutes(api: FastifyInstance, services: ApiServices): void {
  api.post<{ Body: EventBody }>(
    '/events',
    {
      schema: {
        body: object({ event: text(), sessionKey: text(), context: { type: 'object' }, dedupeKey: text() }, ['event']),
      },
    },
    async (request, reply) => {
      requireHome(request);
      const { event, sessionKey, context, dedupeKey } = request.body;
      const [type = '', action = ''] = event.split(/:(.*)/s);
      if (type === '' || action === '') {
        throw new TackleError(
          'invalid_request',
          `"${event}" is not an event; write family:action, such as command:new`,
        );
      }
      const result = await services.publishEvent({ type, action, sessionKey: sessionKey ?? event, context, dedupeKey });
      return reply.code(202).send(result);
    },
  );
}
