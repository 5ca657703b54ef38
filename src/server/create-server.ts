import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Apps, openApps } from '../apps/apps.ts';
import { maxBundleBytes } from '../apps/build/built-app.ts';
import { mapStack } from '../apps/build/map-stack.ts';
import { createDocumentCalls } from '../apps/host-calls/document-calls.ts';
import { createEventCalls } from '../apps/host-calls/event-calls.ts';
import { createFileCalls } from '../apps/host-calls/file-calls.ts';
import { createInternalFetchCalls, maxInternalBodyBytes } from '../apps/host-calls/internal-fetch.ts';
import { createKeyValueCalls } from '../apps/host-calls/keyvalue-calls.ts';
import { createPlatformFileCalls } from '../apps/host-calls/platform-files.ts';
import { createWatchCalls } from '../apps/host-calls/watch-calls.ts';
import { createHostFunctions } from '../apps/host-functions.ts';
import type { JsonObject } from '../core/json.ts';
import { createDocuments } from '../documents/index.ts';
import { AppEvents } from '../events/publish-event.ts';
import { createAdminGuard } from '../gateway/admin-guard.ts';
import { createAdminSessions } from '../gateway/admin-guard-sessions.ts';
import type { ApiServices, GatewayFacts } from '../gateway/api/services.ts';
import { createAppTraffic } from '../gateway/app-traffic.ts';
import { createClientAddressReader } from '../gateway/client-address.ts';
import { createGateway, type RequestLogEntry } from '../gateway/gateway.ts';
import { createHttpServer, createListener } from '../gateway/http-server.ts';
import { createInternalRequests, type InternalRequests } from '../gateway/internal-requests.ts';
import { createPlatformAnswers } from '../gateway/platform-answers.ts';
import { createRateLimiter } from '../gateway/rate-limiter.ts';
import { createRealtimeGateway } from '../gateway/realtime-channels.ts';
import { withoutPort } from '../gateway/request-target.ts';
import { createStaticFiles } from '../gateway/static-files.ts';
import { createKeyValue } from '../keyvalue/index.ts';
import { createProjects, ensureAdminTokenFile, openSecrets, type Projects } from '../projects/index.ts';
import { Failpoints } from '../queues/failpoints.ts';
import { createFence } from '../queues/fence.ts';
import { createDurable } from '../workflows/durable.ts';
import { createAppLogs } from './app-logs.ts';
import { createBackupStream } from './backup.ts';
import type { Config } from './config.ts';
import { publishToAll, refuseUnheard } from './event-bus.ts';
import { createGatewayHooks } from './gateway-hooks.ts';
import { createInvocationOrders } from './invocation-orders.ts';
import { createLateSurface } from './late-surface.ts';
import type { Engines } from './open-engines.ts';
import { openFiles } from './open-files.ts';
import { openRealtime } from './open-realtime.ts';
import { purgeSpace } from './purge-space.ts';
import { readRestoredPause } from './restored-home.ts';
import { withSpaceQuotas } from './space-quotas.ts';
import { version } from './version.ts';

/** How many versions of an app stay for rollback. */
const keptVersions = 50;

export interface TackleServer {
  /** `http://127.0.0.1:<port>`: where the gateway answers on this machine. */
  readonly url: string;
  readonly adminToken: string;
  readonly apps: Apps;
  readonly projects: Projects;
  /** Lets requests under way finish, then closes everything. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Start what a restored home keeps paused. */
  readonly resume?: boolean;
}

/**
 * Puts a gateway together and starts it. The home must be locked. Everything that was opened is closed again, in the
 * reverse order, when a step fails and when the server stops.
 */
export async function createServer(
  config: Config,
  logger: Logger,
  engines: Promise<Engines>,
  options: StartOptions = {},
): Promise<TackleServer> {
  await using opened = new AsyncDisposableStack();
  const startedAt = Date.now();
  const { home } = config;

  const { database, telemetry, sandbox, outboundHttp, ports } = opened.use(await engines);
  const realtime = opened.use(
    openRealtime({
      storage: database,
      getDocuments: () => documents,
      listSpaceIds: () => projects.listProjects().flatMap(({ id }) => projects.listSpaces(id).map((space) => space.id)),
      onWarning: (spaceId, log) =>
        telemetry.appendLogs(spaceId, [{ context: 'realtime', logtype: 'warn', log, time: Date.now() }]),
      onSweepError: (error) => logger.error({ err: error }, 'listeners that nobody uses could not be removed'),
    }),
  );
  const storage = withSpaceQuotas(realtime.storage, {
    getQuotas: (spaceId) => projects.getSpace(spaceId)?.quotas ?? null,
    clock: Date,
  });
  const fileRooms = opened.use(
    await openFiles({
      home,
      storage,
      getMaxBytes: (spaceId) => projects.getSpace(spaceId)?.quotas.maxBytes ?? null,
      maxFileBytes: config.storage.fileLimitMb * 1024 * 1024,
      onCollected: ({ removed, bytes }) => {
        if (removed > 0) logger.info({ removed, bytes }, 'files that nothing names any more were removed');
      },
      onCollectError: (error) => logger.error({ err: error }, 'unused files could not be removed'),
    }),
  );
  const { blobs, files } = fileRooms;

  const documents = createDocuments(storage);
  const keyValue = createKeyValue(storage);
  const secrets = await openSecrets({ home, keyFromEnv: config.security.secretKey ?? undefined, storage });
  const ownHosts = [config.server.publicUrl === null ? null : new URL(config.server.publicUrl).hostname]
    .concat(config.server.adminHosts)
    .filter((host) => host !== null);
  const projects: Projects = opened.use(
    await createProjects(
      { storage, secrets, http: outboundHttp },
      {
        reservedHosts: ownHosts,
        auditRetentionMs: config.retention.auditDays * 86_400_000,
        purgeSpace: (spaceId) => purgeSpace({ apps, durable, documents, keyValue, files, telemetry }, spaceId),
        onWarning: (message, details) => logger.warn(details, message),
      },
    ),
  );
  const adminToken = await ensureAdminTokenFile(home, projects);

  const durable = createDurable({
    storage,
    findDocuments: (spaceId, collection, filter, options) =>
      documents.forSpace(spaceId).pages(collection, filter, options),
    getEnv: (spaceId) => projects.getEnv(spaceId),
    onWarning: (spaceId, log) =>
      telemetry.appendLogs(spaceId, [{ context: 'queuehooks', logtype: 'warn', log, time: Date.now() }]),
    onError: (message, error) => logger.error({ err: error }, message),
    failpoints: Failpoints.parse(process.env.TACKLE_FAILPOINTS ?? ''),
  });

  // Apps run before requests can be served; what they ask of each other waits until then.
  const openedInternal = Promise.withResolvers<InternalRequests>();
  const appEvents = new AppEvents({
    listApps: () => apps.listLive(),
    enqueue: (tasks) => durable.queues.enqueue(tasks),
    clock: Date,
  });
  const orderOf = createInvocationOrders();
  const apps = opened.use(
    await openApps({
      deployments: fileRooms.deployments,
      sandbox,
      blobs,
      assets: fileRooms.assets,
      getSettings: (spaceId) => ({
        env: projects.getEnv(spaceId),
        egressCidrs: projects.getSpace(spaceId)?.egressCidrs ?? [],
      }),
      hostFunctionsFor: createHostFunctions(
        [
          createDocumentCalls((spaceId, call) =>
            documents.forSpace(spaceId, { guards: createFence(call), order: orderOf(call) }),
          ),
          createKeyValueCalls((spaceId, call) =>
            keyValue.forSpace(spaceId, { guards: createFence(call), order: orderOf(call) }),
          ),
          createFileCalls({ ...fileRooms, guardsOf: createFence, clock: Date }),
          createInternalFetchCalls(async (request, signal) => (await openedInternal.promise).send(request, signal)),
          createPlatformFileCalls(),
          durable.hostCalls,
          createEventCalls(async ({ spaceId, ...event }) => {
            const space = projects.getSpace(spaceId);
            const source = `app/${space?.projectId ?? ''}/${space?.name ?? ''}`;
            return { id: (await publishToAll(listeners, { ...event, source })).eventId };
          }),
        ],
        [createWatchCalls(database)],
      ),
      async prepareOriginal(bundle) {
        // The bundler takes tens of megabytes, and most gateways never need it.
        const { prepareOriginalBundle } = await import('../apps/build/index.ts');
        return (await prepareOriginalBundle(bundle, { cacheDir: join(home, 'cache') })).code;
      },
      mapStack,
      onLog: (spaceId, entry) => telemetry.appendLogs(spaceId, [entry]),
      limits: {
        memoryMb: config.apps.memoryMb,
        evaluationTimeoutMs: 10_000,
        startupTimeoutMs: 60_000,
        idleStopMs: config.apps.idleStopMs,
        drainMs: 60_000,
        maxBundleBytes,
        keptVersions,
      },
      clock: Date,
    }),
  );
  // Where the original library keeps the text of views; the ones of another version must not be rendered.
  apps.onSwitch(async (spaceId) => {
    await keyValue.forSpace(spaceId).removeAll('hbs:');
  });
  opened.defer(() => durable.stop(config.server.drainTimeoutMs));
  const isPaused = await readRestoredPause(storage, options.resume ?? false);
  if (isPaused) {
    logger.warn(
      'this home was restored from a backup: schedules and workers are paused; tackle up --resume starts them',
    );
  }
  await durable.start(apps, { isPaused });
  projects.onChange((change) => {
    // Variables, and what the app may connect to.
    const affectsApp = change.kind === 'env' || (change.kind === 'space' && change.action === 'changed');
    if (!affectsApp || change.spaceId === null) return;
    apps.reloadSettings(change.spaceId).catch((error: unknown) => {
      logger.warn({ err: error, space: change.spaceId }, 'the app did not start again with its changed settings');
    });
  });

  const hooks = createGatewayHooks(config, logger);
  const listeners = { appEvents, hooks };
  opened.defer(() => hooks.stop('the gateway did not start'));

  const readClientAddress = createClientAddressReader(config.server.trustProxy);
  const facts: { -readonly [Key in keyof GatewayFacts]: GatewayFacts[Key] } = {
    version,
    home,
    startedAt,
    publicUrl: '',
    adminUrl: '',
    maxBodyBytes: config.server.bodyLimitMb * 1024 * 1024,
    maxBundleBytes,
  };
  const now = () => Date.now();
  const closing = new AbortController();
  const sessions = createAdminSessions(now);
  const checkHealth = async () => {
    const failure = await storage.checkReady().then(
      () => null,
      (error: Error) => error.message,
    );
    return [
      { name: 'storage', ok: failure === null, detail: failure ?? 'the writer answers, the disk can be written' },
    ];
  };
  const services: ApiServices = {
    projects,
    apps,
    durable,
    documentsOf: (spaceId) => documents.forSpace(spaceId),
    keyValueOf: (spaceId) => keyValue.forSpace(spaceId),
    files: fileRooms,
    logs: createAppLogs(telemetry),
    guard: createAdminGuard({ projects, sessions, adminHosts: config.server.adminHosts, now }),
    sessions,
    readClientAddress,
    gateway: facts,
    publishEvent: async ({ type, action, sessionKey, context, dedupeKey }) => {
      const data = (context ?? {}) as JsonObject;
      const event = { key: `${type}:${action}`, sessionKey, data, dedupeKey, source: 'api', hops: 0 };
      return refuseUnheard(await publishToAll(listeners, event));
    },
    createBackup: ({ withKey }) => createBackupStream({ home, storage, blobs, withKey, version }),
    checkHealth,
    describeSandbox: () => sandbox.describe(),
    now,
    closing: closing.signal,
    onError: (error, context) => logger.error({ err: error, ...context }, 'a request failed'),
  };
  const ownSurface = opened.use(
    createLateSurface(
      async () => (await import('./own-surface.ts')).createOwnSurface(services),
      (error) => logger.error({ err: error }, 'the API could not be built'),
    ),
  );

  const appTraffic = createAppTraffic({
    apps,
    projects,
    realtime: createRealtimeGateway(realtime.channels),
    rateLimiter: createRateLimiter(Date),
    answerByPlatform: createPlatformAnswers({
      documentsOf: (spaceId) => documents.forSpace(spaceId),
      staticFiles: createStaticFiles(fileRooms),
    }),
    maxBodyBytes: facts.maxBodyBytes,
    routeTimeoutMs: config.apps.requestTimeoutMs,
    onError: (error, requestId, target) =>
      logger.error({ err: error, requestId, space: target.space.id }, 'a request to an app failed'),
  });
  const served = {
    directory: projects,
    ownHosts: new Set(ownHosts.map(withoutPort)),
    appTraffic,
    onRequest: logger.isLevelEnabled('debug') ? (entry: RequestLogEntry) => logger.debug(entry, 'request') : undefined,
  };
  const internal = createInternalRequests({
    ...served,
    maxBodyBytes: maxInternalBodyBytes,
    timeoutMs: config.apps.requestTimeoutMs,
  });
  openedInternal.resolve(internal);
  opened.defer(() => internal.close());
  const gateway = createGateway({ ...served, readClientAddress, ownSurface: ownSurface.listener });

  const listener = createListener(createHttpServer({ tls: await readTls(config) }, gateway));
  const port = await listener.listen(config.server.host, config.server.port);
  ports.push(port);
  const scheme = config.server.tlsCert === null ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${port}`;
  facts.publicUrl = config.server.publicUrl ?? `${scheme}://localhost:${port}`;
  facts.adminUrl = adminUrlOf(config, url);

  ownSurface.prepare();
  hooks.start();
  appEvents
    .deliver({ key: 'gateway:startup', sessionKey: 'gateway:startup', data: {}, source: 'gateway', hops: 0 })
    .catch((error: unknown) => logger.error({ err: error }, 'gateway:startup could not be stored for apps'));

  const resources = opened.move();
  return {
    url,
    adminToken,
    apps,
    projects,
    async stop() {
      await hooks.stop('the gateway stops');
      closing.abort();
      realtime.channels.close();
      await listener.drain(config.server.drainTimeoutMs);
      await resources.disposeAsync();
    },
  };
}

/** Pages are opened under the first `--admin-host`, behind the same proxy as the public URL; else on this machine. */
function adminUrlOf(config: Config, localUrl: string): string {
  const [host] = config.server.adminHosts;
  if (host === undefined) return localUrl;
  if (config.server.publicUrl !== null) return `${new URL(config.server.publicUrl).protocol}//${host}`;
  const local = new URL(localUrl);
  return `${local.protocol}//${host}:${local.port}`;
}

async function readTls(config: Config): Promise<{ cert: string; key: string } | null> {
  const { tlsCert, tlsKey } = config.server;
  if (tlsCert === null || tlsKey === null) return null;
  const [cert, key] = await Promise.all([readFile(tlsCert, 'utf8'), readFile(tlsKey, 'utf8')]);
  return { cert, key };
}
