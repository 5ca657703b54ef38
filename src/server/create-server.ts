import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { AppEvents } from '../events/publish-event.ts';
import { createHttpServer, createListener } from '../gateway/http-server.ts';
import type { InternalRequests } from '../gateway/internal-requests.ts';
import { ensureAdminTokenFile } from '../projects/index.ts';
import { addressesOf, listOwnHosts } from './addresses.ts';
import { createApiServices, createFacts } from './api-services.ts';
import type { Config } from './config.ts';
import { createGatewayHooks } from './gateway-hooks.ts';
import { type AppRooms, openAppRooms, startAppRooms } from './open-app-rooms.ts';
import type { Engines } from './open-engines.ts';
import { openSpaceRooms, type SpaceRooms } from './open-space-rooms.ts';
import { openTraffic } from './open-traffic.ts';
import { purgeSpace } from './purge-space.ts';

export interface TackleServer {
  /** `http://127.0.0.1:<port>`: where the gateway answers on this machine. */
  readonly url: string;
  readonly adminToken: string;
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
  opening: Promise<Engines>,
  { resume = false }: StartOptions = {},
): Promise<TackleServer> {
  await using opened = new AsyncDisposableStack();
  const facts = createFacts(config);
  const ownHosts = listOwnHosts(config);
  const closing = new AbortController();

  const engines = opened.use(await opening);
  const rooms: SpaceRooms = await openSpaceRooms(opened, {
    config,
    logger,
    engines,
    ownHosts,
    purgeSpace: (spaceId) => purgeSpace({ ...rooms, ...appRooms, telemetry: engines.telemetry }, spaceId),
  });
  const adminToken = await ensureAdminTokenFile(config.home, rooms.projects);

  const hooks = createGatewayHooks(config, logger);
  // Apps run before requests can be served; what they ask of each other waits until then.
  const internal = Promise.withResolvers<InternalRequests>();
  const sendInternal: InternalRequests['send'] = async (...call) => (await internal.promise).send(...call);
  const parts = { config, logger, engines, rooms, hooks, ownHosts, facts, closing: closing.signal, sendInternal };
  const appRooms: AppRooms = await openAppRooms(opened, parts);
  await startAppRooms(parts, appRooms, { resume });
  opened.defer(() => hooks.stop('the gateway did not start'));

  const services = createApiServices({ ...parts, appRooms });
  const traffic = openTraffic(opened, { ...parts, appRooms, services });
  internal.resolve(traffic.internal);

  const listener = createListener(createHttpServer({ tls: await readTls(config) }, traffic.listener));
  const port = await listener.listen(config.server.host, config.server.port);
  engines.ports.push(port);
  const { url, publicUrl, adminUrl } = addressesOf(config, port);
  Object.assign(facts, { publicUrl, adminUrl });

  traffic.prepareOwnSurface();
  hooks.start();
  announceStart(appRooms.appEvents, logger);

  const resources = opened.move();
  return {
    url,
    adminToken,
    async stop() {
      await hooks.stop('the gateway stops');
      closing.abort();
      rooms.channels.close();
      await listener.drain(config.server.drainTimeoutMs);
      await resources.disposeAsync();
    },
  };
}

/** To apps; hooks hear of it from their own engine. */
function announceStart(appEvents: AppEvents, logger: Logger): void {
  appEvents
    .deliver({ key: 'gateway:startup', sessionKey: 'gateway:startup', data: {}, source: 'gateway', hops: 0 })
    .catch((error: unknown) => logger.error({ err: error }, 'gateway:startup could not be stored for apps'));
}

async function readTls(config: Config): Promise<{ cert: string; key: string } | null> {
  const { tlsCert, tlsKey } = config.server;
  if (tlsCert === null || tlsKey === null) return null;
  const [cert, key] = await Promise.all([readFile(tlsCert, 'utf8'), readFile(tlsKey, 'utf8')]);
  return { cert, key };
}
