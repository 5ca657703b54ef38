import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppRunner } from '../apps/app-runner.ts';
import type { Apps } from '../apps/apps.ts';
import { TackleError } from '../core/errors.ts';
import { parseQueryString } from '../core/routing/query-string.ts';
import type { AppRequest } from '../ports/sandbox.ts';
import type { Projects } from '../projects/index.ts';
import { authenticate } from './app-credentials.ts';
import { type Exchange, writeAppResponse, writeAppText } from './app-response.ts';
import type { ClientAddress } from './client-address.ts';
import { ClientGone } from './client-gone.ts';
import { isPreflight, preflightHeaders } from './cors.ts';
import type { PlatformAnswers } from './platform-answers.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RealtimeGateway } from './realtime-channels.ts';
import { readBody } from './request-body.ts';
import type { AppTarget } from './request-target.ts';

export interface AppTrafficOptions {
  readonly apps: Apps;
  readonly projects: Projects;
  readonly rateLimiter: RateLimiter;
  readonly answerByPlatform: PlatformAnswers;
  readonly realtime: RealtimeGateway;
  readonly maxBodyBytes: number;
  readonly routeTimeoutMs: number;
  onError(error: unknown, requestId: string, target: AppTarget): void;
}

export type AppTraffic = (
  request: IncomingMessage,
  response: ServerResponse,
  target: AppTarget,
  client: ClientAddress,
  requestId: string,
) => Promise<void>;

/**
 * Requests for apps. Order: allow-list, preflight, credentials, auth hook, route, middleware, handler
 * (`spec` of the platform: authentication comes before everything that app code decides).
 */
export function createAppTraffic(options: AppTrafficOptions): AppTraffic {
  const { apps, projects } = options;

  return async function handleAppTraffic(request, response, target, client, requestId) {
    const exchange = { request, response, requestId };
    try {
      const { space } = target;
      // An app may always call itself; to others it is a program on this machine.
      if (client.fromSpaceId !== space.id && !projects.isAllowedAddress(space.id, client.address)) {
        return writeAppText(exchange, 403, { error: 'This address is not allowed here' });
      }
      if (!options.rateLimiter.take(space.id, space.quotas.maxRequestsPerSecond)) {
        return writeAppText(exchange, 429, { error: 'Too many requests' }, ['Retry-After', '1']);
      }
      const runner = apps.live(space.id);
      if (isPreflight(request) && (runner === null || !runner.routes.handlesOptions(target.apiPath))) {
        response.writeHead(204, ['X-Request-Id', requestId, ...preflightHeaders(request)]);
        response.end();
        return;
      }
      if (runner === null) return writeAppText(exchange, 404, { error: 'No code deployed' });
      const query = parseQueryString(target.search.slice(1));
      const credentials = authenticate(projects, space, request, query);
      const authenticated = typeof credentials === 'object' ? await credentials : credentials;
      await serve(options, runner, { ...exchange, target, client, query, authenticated });
    } catch (error) {
      answerError(options, error, exchange, target);
    }
  };
}

interface Served extends Exchange {
  readonly target: AppTarget;
  readonly client: ClientAddress;
  readonly query: Record<string, string | string[]>;
  readonly authenticated: 'yes' | 'no' | 'read-only-token';
}

type Body = Exclude<ReturnType<typeof readBody>, Promise<Uint8Array>> | Uint8Array;

/** `arrived` is the body when it was read for a version that went out of service meanwhile. */
async function serve(options: AppTrafficOptions, runner: AppRunner, exchange: Served, arrived?: Body): Promise<void> {
  const { request, response, target, authenticated } = exchange;
  const method = request.method ?? 'GET';
  const authHook = authenticated === 'yes' ? null : runner.routes.findAuthHook(target.apiPath);
  if (authenticated !== 'yes' && authHook === null) {
    if (authenticated === 'read-only-token') {
      return writeAppText(exchange, 403, { error: 'This token may only read' });
    }
    return writeAppText(exchange, 401, { error: 'Authentication failed' });
  }
  const route = runner.routes.findRoute(method, target.apiPath);
  if (route === null && authHook === null) {
    return writeAppText(exchange, 404, { error: `No route matches ${method} ${target.apiPath}` });
  }
  const listening = route === null ? null : options.realtime.find(runner, method, route, target.apiPath);
  const middleware = listening?.middleware ?? (route === null ? [] : runner.routes.findMiddleware(target.apiPath));
  if (listening !== null && authHook === null && middleware.length === 0) {
    return options.realtime.open(exchange, target.space.id, listening);
  }
  if (route !== null && middleware.length === 0) {
    const question = { route, authHook, apiPath: target.apiPath, query: exchange.query };
    const answered = options.answerByPlatform(exchange, runner, question);
    if (answered === true || (answered !== null && (await answered))) return;
  }
  const pendingBody = arrived === undefined ? readBody(request, options.maxBodyBytes) : arrived;
  const body = pendingBody instanceof Promise ? await pendingBody : pendingBody;
  const live = options.apps.live(target.space.id);
  if (live !== runner) {
    // Another version went live while credentials or body arrived; its routes and hooks decide.
    if (live === null) return writeAppText(exchange, 404, { error: 'No code deployed' });
    return serve(options, live, exchange, body);
  }
  const appRequest: AppRequest = {
    method,
    hostname: partsOf(exchange.client.host).hostname,
    headers: appHeaders(exchange),
    path: target.path,
    apiPath: target.apiPath,
    originalUrl: target.path + target.search,
    query: exchange.query,
    remoteAddress: exchange.client.address,
    space: target.space.name,
    authHook,
    route: route?.index ?? null,
    params: route?.params ?? {},
    middleware,
    body: body instanceof Uint8Array || body === null ? body : body.stream,
  };
  const acquired = runner.acquire();
  const process = acquired instanceof Promise ? await acquired : acquired;
  const gone = new ClientGone(response);
  // The app cannot go on without the rest of the body; the failure itself must be known first.
  if (body !== null && !(body instanceof Uint8Array)) body.failure.catch(() => setImmediate(() => gone.abort()));
  const { hops } = exchange.client;
  const answered = process.request(appRequest, {
    timeoutMs: options.routeTimeoutMs,
    signal: gone,
    ...(hops === undefined ? {} : { context: { hops } }),
  });
  const answer =
    body === null || body instanceof Uint8Array ? await answered : await Promise.race([body.failure, answered]);
  if (listening !== null && options.realtime.isAdmitted(answer)) {
    return options.realtime.open(exchange, target.space.id, listening);
  }
  await writeAppResponse(exchange, answer);
}

/** What proxies in front of the original platform add, so that apps find it here too. */
function appHeaders({ request, client, requestId }: Served): Record<string, string | string[]> {
  const headers = request.headers as Record<string, string | string[]>;
  delete headers['x-admintoken'];
  headers.host = client.host;
  headers['x-request-id'] = requestId;
  headers['x-real-ip'] = client.address;
  headers['x-forwarded-for'] = client.address;
  headers['x-forwarded-host'] = client.host;
  headers['x-forwarded-port'] = partsOf(client.host).port ?? (client.protocol === 'https' ? '443' : '80');
  headers['x-forwarded-proto'] = client.protocol;
  headers['x-forwarded-scheme'] = client.protocol;
  headers['x-scheme'] = client.protocol;
  return headers;
}

interface HostParts {
  readonly hostname: string;
  readonly port: string | null;
}

/** A gateway is called by few names, each of them often. */
const knownHosts = new Map<string, HostParts>();
const knownHostsLimit = 1_000;

function partsOf(host: string): HostParts {
  let parts = knownHosts.get(host);
  if (parts === undefined) {
    const colon = host.lastIndexOf(':');
    const hasPort = colon > host.lastIndexOf(']');
    parts = { hostname: hasPort ? host.slice(0, colon) : host, port: hasPort ? host.slice(colon + 1) : null };
    if (knownHosts.size >= knownHostsLimit) knownHosts.clear();
    knownHosts.set(host, parts);
  }
  return parts;
}

function answerError(options: AppTrafficOptions, error: unknown, exchange: Exchange, target: AppTarget): void {
  const { response, requestId } = exchange;
  // The client left: there is nobody to answer.
  if (response.destroyed) return;
  const known = error instanceof TackleError ? error : null;
  // What the app did wrong is in the app's log.
  if (known === null || (known.status >= 500 && !known.code.startsWith('app_')))
    options.onError(error, requestId, target);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const headers = known?.retryable === true ? ['Retry-After', '1'] : [];
  writeAppText(exchange, known?.status ?? 500, { error: known?.message ?? 'Internal error' }, headers);
}
