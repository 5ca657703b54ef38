import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Apps, openApps } from '../apps/apps.ts';
import type { AppLimits } from '../apps/apps-options.ts';
import { maxBundleBytes } from '../apps/build/built-app.ts';
import { mapStack } from '../apps/build/map-stack.ts';
import { AppEvents } from '../events/publish-event.ts';
import type { InternalRequests } from '../gateway/internal-requests.ts';
import { Failpoints } from '../queues/failpoints.ts';
import { createDurable, type Durable } from '../workflows/durable.ts';
import { createAppHostFunctions } from './app-host-functions.ts';
import type { Config } from './config.ts';
import type { GatewayHooks } from './gateway-hooks.ts';
import type { Engines } from './open-engines.ts';
import type { SpaceRooms } from './open-space-rooms.ts';
import { readRestoredPause } from './restored-home.ts';

/** How many versions of an app stay for rollback. */
const keptVersions = 50;

export interface AppRoomsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly engines: Engines;
  readonly rooms: SpaceRooms;
  /** Hears the events that apps publish. */
  readonly hooks: GatewayHooks;
  /** Requests of apps to apps; waits while the gateway starts. */
  readonly sendInternal: InternalRequests['send'];
}

/** The code of spaces, and the work that waits for it. */
export interface AppRooms {
  readonly apps: Apps;
  readonly durable: Durable;
  readonly appEvents: AppEvents;
}

/** Opens them with nothing running yet; what has to be closed again goes onto `opened`. */
export async function openAppRooms(opened: AsyncDisposableStack, options: AppRoomsOptions): Promise<AppRooms> {
  const { config, engines, rooms } = options;
  const durable = createDurableOf(options);
  const appEvents = new AppEvents({
    listApps: () => apps.listLive(),
    enqueue: (tasks) => durable.queues.enqueue(tasks),
    clock: Date,
  });
  const apps: Apps = opened.use(
    await openApps({
      deployments: rooms.fileRooms.deployments,
      sandbox: engines.sandbox,
      blobs: rooms.fileRooms.blobs,
      assets: rooms.fileRooms.assets,
      getSettings: (spaceId) => ({
        env: rooms.projects.getEnv(spaceId),
        egressCidrs: rooms.projects.getSpace(spaceId)?.egressCidrs ?? [],
      }),
      hostFunctionsFor: createAppHostFunctions({
        rooms,
        database: engines.database,
        durable,
        listeners: { appEvents, hooks: options.hooks },
        sendInternal: options.sendInternal,
      }),
      async prepareOriginal(bundle) {
        // The bundler takes tens of megabytes, and most gateways never need it.
        const { prepareOriginalBundle } = await import('../apps/build/index.ts');
        return (await prepareOriginalBundle(bundle, { cacheDir: join(config.home, 'cache') })).code;
      },
      mapStack,
      onLog: (spaceId, entry) => engines.telemetry.appendLogs(spaceId, [entry]),
      limits: limitsOf(config),
      clock: Date,
    }),
  );
  opened.defer(() => durable.stop(config.server.drainTimeoutMs));
  return { apps, durable, appEvents };
}

/** Takes up the work of live apps, and follows what is changed about their spaces. `resume`: see `StartOptions`. */
export async function startAppRooms(
  { logger, rooms }: AppRoomsOptions,
  { apps, durable }: AppRooms,
  { resume }: { readonly resume: boolean },
): Promise<void> {
  // Where the original library keeps the text of views; the ones of another version must not be rendered.
  apps.onSwitch(async (spaceId) => {
    await rooms.keyValue.forSpace(spaceId).removeAll('hbs:');
  });
  const isPaused = await readRestoredPause(rooms.storage, resume);
  if (isPaused) {
    logger.warn(
      'this home was restored from a backup: schedules and workers are paused; tackle up --resume starts them',
    );
  }
  await durable.start(apps, { isPaused });
  rooms.projects.onChange((change) => {
    // Variables, and what the app may connect to.
    const affectsApp = change.kind === 'env' || (change.kind === 'space' && change.action === 'changed');
    if (!affectsApp || change.spaceId === null) return;
    apps.reloadSettings(change.spaceId).catch((error: unknown) => {
      logger.warn({ err: error, space: change.spaceId }, 'the app did not start again with its changed settings');
    });
  });
}

function createDurableOf({ logger, engines, rooms }: AppRoomsOptions): Durable {
  return createDurable({
    storage: rooms.storage,
    findDocuments: (spaceId, collection, filter, options) =>
      rooms.documents.forSpace(spaceId).pages(collection, filter, options),
    getEnv: (spaceId) => rooms.projects.getEnv(spaceId),
    onWarning: (spaceId, log) =>
      engines.telemetry.appendLogs(spaceId, [{ context: 'queuehooks', logtype: 'warn', log, time: Date.now() }]),
    onError: (message, error) => logger.error({ err: error }, message),
    failpoints: Failpoints.parse(process.env.TACKLE_FAILPOINTS ?? ''),
  });
}

function limitsOf({ apps }: Config): AppLimits {
  return {
    memoryMb: apps.memoryMb,
    evaluationTimeoutMs: 10_000,
    startupTimeoutMs: 60_000,
    idleStopMs: apps.idleStopMs,
    drainMs: 60_000,
    maxBundleBytes,
    keptVersions,
  };
}
