import type { FastifyInstance, FastifyReply } from 'fastify';
import { findSpace } from './request-context.ts';
import { boolean, limit, object, oneOf, text } from './schemas.ts';
import type { ApiServices, LogLevel, LogLine, LogSelection } from './services.ts';

const S = '/projects/:project/spaces/:space';
const PING_INTERVAL_MS = 15_000;
/** A reader that is this far behind is cut off instead of filling the memory of the gateway. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

interface LogQuery extends LogSelection {
  readonly tail: number;
  readonly follow?: boolean;
}

/** Logs of the app: the last lines, and what follows as server-sent events. */
export function registerLogRoutes(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: LogQuery }>(
    `${S}/logs`,
    {
      exposeHeadRoute: false,
      schema: {
        querystring: object({
          tail: { ...limit(100, 10_000), minimum: 0 },
          follow: boolean,
          context: text(),
          filter: text(),
          level: oneOf('error', 'warn', 'log', 'info', 'debug'),
        }),
      },
    },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const { tail, follow = false, ...selection } = request.query;
      if (follow) return followLogs(services, { spaceId: space.id, tail, selection }, reply);
      return { lines: tail === 0 ? [] : await services.logs.tail(space.id, { ...selection, limit: tail }) };
    },
  );
}

/** Follows before it reads the tail, so that no line falls between the two; lines of both are sent once. */
async function followLogs(
  services: ApiServices,
  { spaceId, tail, selection }: { spaceId: string; tail: number; selection: LogSelection },
  reply: FastifyReply,
): Promise<FastifyReply> {
  const early: LogLine[] = [];
  let deliver: (line: LogLine) => void = (line) => early.push(line);
  const stopFollowing = services.logs.follow(spaceId, (line) => {
    if (matches(line, selection)) deliver(line);
  });
  let lines: readonly LogLine[];
  try {
    lines = tail === 0 ? [] : await services.logs.tail(spaceId, { ...selection, limit: tail });
  } catch (error) {
    stopFollowing();
    throw error;
  }

  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const ping = setInterval(() => send('ping', {}), PING_INTERVAL_MS);
  const end = () => raw.end();
  services.closing.addEventListener('abort', end);
  raw.once('close', () => {
    services.closing.removeEventListener('abort', end);
    clearInterval(ping);
    stopFollowing();
  });

  function send(event: string, data: unknown): void {
    if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy();
    else raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  const sent = new Set(lines.map((line) => line._id));
  for (const line of lines) send('log', line);
  for (const line of early) if (!sent.has(line._id)) send('log', line);
  send('end-of-tail', {});
  deliver = (line) => {
    if (!sent.delete(line._id)) send('log', line);
  };
  return reply;
}

function matches(line: LogLine, { context, filter, level }: LogSelection & { readonly level?: LogLevel }): boolean {
  return (
    (context === undefined || line.context === context) &&
    (filter === undefined || line.log.includes(filter)) &&
    (level === undefined || line.logtype === level)
  );
}
