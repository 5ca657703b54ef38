import type { Logger } from 'pino';
import { maxBundleBytes } from '../apps/build/built-app.ts';
import type { JsonObject } from '../core/json.ts';
import { createAdminGuard } from '../gateway/admin-guard.ts';
import { createAdminSessions } from '../gateway/admin-guard-sessions.ts';
import type { ApiServices, GatewayFacts } from '../gateway/api/services.ts';
import { createClientAddressReader } from '../gateway/client-address.ts';
import { createAppLogs } from './app-logs.ts';
import { createBackupStream } from './backup.ts';
import type { Config } from './config.ts';
import { type EventListeners, publishToAll, refuseUnheard } from './event-bus.ts';
import { checkStorage } from './health.ts';
import type { AppRooms } from './open-app-rooms.ts';
import type { Engines } from './open-engines.ts';
import type { SpaceRooms } from './open-space-rooms.ts';
import { version } from './version.ts';

export interface ApiServicesOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly engines: Engines;
  readonly rooms: SpaceRooms;
  readonly appRooms: AppRooms;
  readonly hooks: EventListeners['hooks'];
  readonly facts: GatewayFacts;
  /** Aborts when the gateway stops. */
  readonly closing: AbortSignal;
}

export function createApiServices(options: ApiServicesOptions): ApiServices {
  const { config, logger, engines, rooms, appRooms, facts } = options;
  const { projects, storage, fileRooms } = rooms;
  const now = () => Date.now();
  const sessions = createAdminSessions(now);
  const listeners = { appEvents: appRooms.appEvents, hooks: options.hooks };
  return {
    projects,
    apps: appRooms.apps,
    durable: appRooms.durable,
    documentsOf: (spaceId) => rooms.documents.forSpace(spaceId),
    keyValueOf: (spaceId) => rooms.keyValue.forSpace(spaceId),
    files: fileRooms,
    logs: createAppLogs(engines.telemetry),
    guard: createAdminGuard({ projects, sessions, adminHosts: config.server.adminHosts, now }),
    sessions,
    readClientAddress: createClientAddressReader(config.server.trustProxy),
    gateway: facts,
    publishEvent: async ({ type, action, sessionKey, context, dedupeKey }) => {
      const data = (context ?? {}) as JsonObject;
      const event = { key: `${type}:${action}`, sessionKey, data, dedupeKey, source: 'api', hops: 0 };
      return refuseUnheard(await publishToAll(listeners, event));
    },
    createBackup: ({ withKey }) =>
      createBackupStream({ home: config.home, storage, blobs: fileRooms.blobs, withKey, version }),
    checkHealth: async () => [await checkStorage(storage)],
    describeSandbox: () => engines.sandbox.describe(),
    now,
    closing: options.closing,
    onError: (error, context) => logger.error({ err: error, ...context }, 'a request failed'),
  };
}

/** The gateway learns its own addresses when it listens; everybody who reads these facts sees them then. */
export type LateFacts = { -readonly [Key in keyof GatewayFacts]: GatewayFacts[Key] };

export function createFacts(config: Config): LateFacts {
  return {
    version,
    home: config.home,
    startedAt: Date.now(),
    publicUrl: '',
    adminUrl: '',
    maxBodyBytes: config.server.bodyLimitMb * 1024 * 1024,
    maxBundleBytes,
  };
}
