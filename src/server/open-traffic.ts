import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import { maxInternalBodyBytes } from '../apps/host-calls/internal-fetch.ts';
import type { ApiServices } from '../gateway/api/services.ts';
import { type AppTraffic, createAppTraffic } from '../gateway/app-traffic.ts';
import { createGateway, type RequestLogEntry } from '../gateway/gateway.ts';
import { createInternalRequests, type InternalRequests } from '../gateway/internal-requests.ts';
import { createPlatformAnswers } from '../gateway/platform-answers.ts';
import { createRateLimiter } from '../gateway/rate-limiter.ts';
import { createRealtimeGateway } from '../gateway/realtime-channels.ts';
import { withoutPort } from '../gateway/request-target.ts';
import { createStaticFiles } from '../gateway/static-files.ts';
import type { Config } from './config.ts';
import { createLateSurface } from './late-surface.ts';
import type { AppRooms } from './open-app-rooms.ts';
import type { SpaceRooms } from './open-space-rooms.ts';

export interface TrafficOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly rooms: SpaceRooms;
  readonly appRooms: AppRooms;
  readonly ownHosts: readonly string[];
  /** What the gateway's own hosts offer. */
  readonly services: ApiServices;
}

export interface Traffic {
  /** For the one port. */
  readonly listener: RequestListener;
  /** The same way without a port, for apps that call apps. */
  readonly internal: InternalRequests;
  /** Builds the gateway's own surface without a request that waits for it. */
  prepareOwnSurface(): void;
}

/** The way of a request, whoever sends it; what has to be closed again goes onto `opened`. */
export function openTraffic(opened: AsyncDisposableStack, options: TrafficOptions): Traffic {
  const { config, logger, services } = options;
  const ownSurface = opened.use(
    createLateSurface(
      async () => (await import('./own-surface.ts')).createOwnSurface(services),
      (error) => logger.error({ err: error }, 'the API could not be built'),
    ),
  );
  const served = {
    directory: options.rooms.projects,
    ownHosts: new Set(options.ownHosts.map(withoutPort)),
    appTraffic: createAppTrafficOf(options),
    onRequest: logger.isLevelEnabled('debug') ? (entry: RequestLogEntry) => logger.debug(entry, 'request') : undefined,
  };
  const internal = createInternalRequests({
    ...served,
    maxBodyBytes: maxInternalBodyBytes,
    timeoutMs: config.apps.requestTimeoutMs,
  });
  opened.defer(() => internal.close());
  const { readClientAddress } = services;
  return {
    listener: createGateway({ ...served, readClientAddress, ownSurface: ownSurface.listener }),
    internal,
    prepareOwnSurface: () => ownSurface.prepare(),
  };
}

function createAppTrafficOf({ config, logger, rooms, appRooms, services }: TrafficOptions): AppTraffic {
  return createAppTraffic({
    apps: appRooms.apps,
    projects: rooms.projects,
    realtime: createRealtimeGateway(rooms.channels),
    rateLimiter: createRateLimiter(Date),
    answerByPlatform: createPlatformAnswers({
      documentsOf: (spaceId) => rooms.documents.forSpace(spaceId),
      staticFiles: createStaticFiles(rooms.fileRooms),
    }),
    maxBodyBytes: services.gateway.maxBodyBytes,
    routeTimeoutMs: config.apps.requestTimeoutMs,
    onError: (error, requestId, target) =>
      logger.error({ err: error, requestId, space: target.space.id }, 'a request to an app failed'),
  });
}
