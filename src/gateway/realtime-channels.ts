import type { AppRunner } from '../apps/app-runner.ts';
import type { RouteMatch } from '../core/routing/route-table.ts';
import type { AppResponse } from '../ports/sandbox.ts';
import { toChannelName } from '../realtime/channel-names.ts';
import type { Channels } from '../realtime/channels.ts';
import { type Exchange, writeAppText } from './app-response.ts';
import { SseStream } from './sse-stream.ts';

/** What the runtime answers in place of the route's handler, once auth hook and middleware have passed the request. */
const admissionHeader = 'x-realtime-connect';

/** A request that wants to listen to a channel. */
export interface ChannelRequest {
  readonly channelName: string;
  readonly listenerId: string;
  /** Middleware of the path and of the channel itself, in the order of registration. */
  readonly middleware: readonly number[];
}

/** `GET <channel>/<listener id>`: the gateway answers with a stream once the app's auth hook and middleware let it pass. */
export interface RealtimeGateway {
  /** Null when the route belongs to no channel. */
  find(runner: AppRunner, method: string, route: RouteMatch, apiPath: string): ChannelRequest | null;
  /** True when the app's answer says that the request may listen. */
  isAdmitted(answer: AppResponse): boolean;
  open(exchange: Exchange, spaceId: string, request: ChannelRequest): Promise<void>;
}

export function createRealtimeGateway(channels: Channels): RealtimeGateway {
  /** Per deployed app: the channel of each route, by index. */
  const known = new WeakMap<AppRunner, ReadonlyMap<number, string>>();

  function getRoutes(runner: AppRunner): ReadonlyMap<number, string> {
    let routes = known.get(runner);
    if (routes === undefined) {
      const found = runner.manifest.realtime.map((path): [number, string] => [
        runner.manifest.routes.indexOf(`GET ${path}/:clientID`),
        path,
      ]);
      routes = new Map(found.filter(([index]) => index !== -1));
      known.set(runner, routes);
    }
    return routes;
  }

  return {
    find(runner, method, route, apiPath) {
      if (method !== 'GET') return null;
      const channelPath = getRoutes(runner).get(route.index);
      const listenerId = route.params.clientID;
      if (channelPath === undefined || listenerId === undefined) return null;
      const { routes } = runner;
      // Hooks of a channel stand in the manifest as middleware of its path, which clients connect below.
      const indexes = new Set([...routes.findMiddleware(apiPath), ...routes.findMiddleware(channelPath)]);
      const middleware = [...indexes].sort((left, right) => left - right);
      return { channelName: toChannelName(channelPath), listenerId, middleware };
    },
    isAdmitted: ({ status, headers }) => status === 200 && headers.some(([name]) => name === admissionHeader),
    async open(exchange, spaceId, { channelName, listenerId }) {
      const result = await channels.connect({ spaceId, channelName, listenerId }, () => new SseStream(exchange));
      if (result === 'unknown-listener') writeAppText(exchange, 404, { error: `Unknown listener: ${listenerId}` });
      if (result === 'too-many') {
        writeAppText(exchange, 503, { error: 'Too many clients are listening' }, ['Retry-After', '10']);
      }
    },
  };
}
