import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type ErrorCode, errorCatalogue } from '../core/errors.ts';
import type { AppTraffic } from './app-traffic.ts';
import type { ClientAddress } from './client-address.ts';
import { type RequestTarget, resolveTarget, type TargetOptions } from './request-target.ts';

export interface GatewayOptions extends TargetOptions {
  readClientAddress(request: IncomingMessage): ClientAddress;
  readonly appTraffic: AppTraffic;
  /** Everything on the gateway's own hosts: pages, API, health. */
  readonly ownSurface: (request: IncomingMessage, response: ServerResponse) => void;
  /** After the answer, for the request log. */
  onRequest?(entry: RequestLogEntry): void;
}

export interface RequestLogEntry {
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly status: number;
  readonly durationMs: number;
  readonly address: string;
  readonly spaceId: string | null;
}

/** The listener of the one port: decides whose request it is and hands it over. */
export function createGateway(options: GatewayOptions): RequestListener {
  const nextRequestId = createRequestIds();

  return function handle(request, response) {
    const startedAt = options.onRequest === undefined ? 0 : performance.now();
    const requestId = nextRequestId();
    const client = options.readClientAddress(request);
    const isBrowser = request.headers['sec-fetch-dest'] !== undefined;
    const target = resolveTarget(options, client.host, request.url ?? '/', isBrowser);
    if (options.onRequest !== undefined) {
      logWhenDone(options.onRequest, { request, response, requestId, client, target, startedAt });
    }
    if (target.kind === 'app') {
      void options.appTraffic(request, response, target, client, requestId);
      return;
    }
    if (target.kind === 'own') {
      request.headers['x-request-id'] = requestId;
      response.setHeader('X-Request-Id', requestId);
      options.ownSurface(request, response);
      return;
    }
    refuse(request, response, target, requestId);
  };
}

/** Unique within a gateway and short: the start in base 36, then a counter. */
function createRequestIds(): () => string {
  const prefix = Date.now().toString(36);
  let counter = 0;
  return () => {
    counter += 1;
    return `${prefix}-${counter.toString(36)}`;
  };
}

type RefusedTarget = Exclude<RequestTarget, { kind: 'app' | 'own' }>;

function refuse(request: IncomingMessage, response: ServerResponse, target: RefusedTarget, requestId: string): void {
  const host = request.headers.host ?? '';
  if (target.kind === 'redirect-to-localhost') {
    const port = /:\d+$/.exec(host)?.[0] ?? '';
    response.writeHead(307, { Location: `//localhost${port}${request.url}`, 'Content-Length': 0 });
    response.end();
    return;
  }
  const code = target.kind === 'unknown-host' ? 'misdirected' : 'not_found';
  sendError(response, code, { message: explain(target, host), requestId });
}

function explain(target: Exclude<RefusedTarget, { kind: 'redirect-to-localhost' }>, host: string): string {
  switch (target.kind) {
    case 'unknown-host':
      return `This gateway does not serve the host "${host}". Map it with: tackle domain add HOST`;
    case 'unknown-project':
      return `There is no project "${target.name}".`;
    case 'unknown-space':
      return `Project ${target.project.id} has no space "${target.name}". The first part of the path names the space.`;
    case 'no-project':
      return 'This path belongs to no project. Use http://PROJECT.localhost:PORT/SPACE/… or /p/PROJECT/SPACE/…';
  }
}

/** The error shape of the gateway's own surfaces. */
export function sendError(
  response: ServerResponse,
  code: ErrorCode,
  error: { readonly message: string; readonly requestId: string },
): void {
  const body = JSON.stringify({ error: { code, ...error } });
  response.writeHead(errorCatalogue[code].status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': error.requestId,
  });
  response.end(body);
}

function logWhenDone(
  onRequest: (entry: RequestLogEntry) => void,
  seen: {
    request: IncomingMessage;
    response: ServerResponse;
    requestId: string;
    client: ClientAddress;
    target: RequestTarget;
    startedAt: number;
  },
): void {
  const { request, response, requestId, client, target, startedAt } = seen;
  response.once('close', () =>
    onRequest({
      requestId,
      method: request.method ?? '',
      url: withoutSecrets(request.url ?? ''),
      host: client.host,
      status: response.statusCode,
      durationMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
      address: client.address,
      spaceId: target.kind === 'app' ? target.space.id : null,
    }),
  );
}

/** Tokens in the query would otherwise end up in log files. */
function withoutSecrets(url: string): string {
  return url.replace(/([?&](?:apikey|token|code)=)[^&]*/gi, '$1…');
}
