import { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher, request as undiciRequest } from 'undici';
import { TackleError } from '../core/errors.ts';
import type { Dialer, OutboundHttp, OutboundRequest, OutboundResponse } from '../ports/outbound-http.ts';
import type { EgressPolicy } from '../ports/sandbox.ts';

const connectTimeoutMs = 10_000;
const maxAgents = 200;
const maxHeaderBytes = 64 * 1024;
/** Belong to the connection, which is ours. */
const connectionHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Not sent along to another origin. */
const credentialHeaders = new Set(['authorization', 'cookie', 'cookie2']);
const bodyHeaders = new Set(['content-encoding', 'content-language', 'content-location', 'content-type']);

/** HTTP to the outside through the guard of `dialer`. Connections are pooled per policy, never between policies. */
export function openOutboundHttp(
  dialer: Dialer,
  options: { readonly tls?: buildConnector.BuildOptions } = {},
): OutboundHttp {
  return new GuardedHttp(dialer, options.tls ?? {});
}

class GuardedHttp implements OutboundHttp {
  readonly #dialer: Dialer;
  readonly #tls: buildConnector.BuildOptions;
  readonly #agents = new Map<string, Agent>();

  constructor(dialer: Dialer, tls: buildConnector.BuildOptions) {
    this.#dialer = dialer;
    this.#tls = tls;
  }

  async request(request: OutboundRequest): Promise<OutboundResponse> {
    // The deadline holds until the head is there; a body may stream for as long as it goes on moving.
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(timeoutError(request)), request.timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, deadline.signal]) : deadline.signal;
    try {
      return await this.#follow(request, signal);
    } catch (error) {
      if (deadline.signal.aborted && !request.signal?.aborted) throw deadline.signal.reason;
      throw unwrap(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
    let hop: Hop = {
      method: request.method,
      url: parseTarget(request.url),
      headers: request.headers.filter(([name]) => !connectionHeaders.has(name.toLowerCase())),
      body: request.body,
      bodyBytes: request.bodyBytes,
    };
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(hop, request, signal);
      const location = redirectLocation(response);
      if (location === null || request.maxRedirects === 0) return toResponse(response, hop.url, redirects > 0);
      void response.body.dump({ limit: 16 * 1024 }).catch(() => {});
      if (redirects >= request.maxRedirects) {
        throw new TackleError('internal', `${request.url} redirects more than ${request.maxRedirects} times`);
      }
      hop = nextHop(hop, response.statusCode, location);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #send(hop: Hop, request: OutboundRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return undiciRequest(hop.url, {
      method: hop.method as Dispatcher.HttpMethod,
      headers: withLength(hop).flat(),
      body: hop.body instanceof ReadableStream ? Readable.fromWeb(hop.body as never) : hop.body,
      dispatcher: this.#agentFor(request.policy),
      signal,
      headersTimeout: request.timeoutMs,
      bodyTimeout: request.timeoutMs,
    });
  }

  /** A pool per policy: a connection that one space may have is not given to another. */
  #agentFor(policy: EgressPolicy): Agent {
    const key = JSON.stringify([policy.allowedCidrs, policy.deniedPorts]);
    let agent = this.#agents.get(key);
    if (agent) {
      this.#agents.delete(key);
    } else {
      agent = new Agent({
        connect: this.#connector(policy),
        keepAliveTimeout: 4_000,
        connections: 128,
        maxHeaderSize: maxHeaderBytes,
        pipelining: 1,
      });
    }
    this.#agents.set(key, agent);
    if (this.#agents.size > maxAgents) {
      const [oldest] = this.#agents;
      this.#agents.delete(oldest![0]);
      void oldest![1].close();
    }
    return agent;
  }

  #connector(policy: EgressPolicy): buildConnector.connector {
    const secure = buildConnector({ ...this.#tls, timeout: connectTimeoutMs });
    return (options, callback) => {
      const isTls = options.protocol === 'https:';
      const port = Number(options.port || (isTls ? 443 : 80));
      this.#dialer.connect({ host: options.hostname, port, policy, timeoutMs: connectTimeoutMs }).then(
        (socket) => {
          if (isTls) secure({ ...options, httpSocket: socket }, callback);
          else callback(null, socket);
        },
        (error: Error) => callback(error, null),
      );
    };
  }
}

interface Hop {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly bodyBytes?: number;
}

/** A stream of known length goes out with that length, because some services refuse chunked bodies. */
function withLength(hop: Hop): readonly (readonly [string, string])[] {
  if (!(hop.body instanceof ReadableStream) || hop.bodyBytes === undefined) return hop.headers;
  return [...hop.headers, ['content-length', String(hop.bodyBytes)]];
}

function parseTarget(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url) throw new TackleError('invalid_request', `${JSON.stringify(text)} is not a URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TackleError('egress_blocked', `Only http and https are allowed, not ${url.protocol}`, {
      details: { url: text },
    });
  }
  url.username = '';
  url.password = '';
  return url;
}

function redirectLocation(response: Dispatcher.ResponseData): string | null {
  if (![301, 302, 303, 307, 308].includes(response.statusCode)) return null;
  const location = response.headers.location;
  return typeof location === 'string' ? location : null;
}

/** What the Fetch standard does with method, body and credentials on a redirect. */
function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = parseTarget(location, hop.url);
  const toGet = status === 303 ? hop.method !== 'HEAD' : status < 303 && hop.method === 'POST';
  if (!toGet && hop.body instanceof ReadableStream) {
    throw new TackleError(
      'internal',
      `${hop.url} answered ${status}, and a body that was a stream cannot be sent twice`,
    );
  }
  const sameOrigin = url.origin === hop.url.origin;
  const headers = hop.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return (sameOrigin || !credentialHeaders.has(lower)) && !(toGet && bodyHeaders.has(lower));
  });
  return { method: toGet ? 'GET' : hop.method, url, headers, body: toGet ? null : hop.body };
}

function toResponse(response: Dispatcher.ResponseData, url: URL, redirected: boolean): OutboundResponse {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(response.headers)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) headers.push([name, item]);
  }
  const empty = response.statusCode === 204 || response.statusCode === 304;
  if (empty) response.body.resume();
  const body = empty ? null : (Readable.toWeb(response.body) as unknown as ReadableStream<Uint8Array>);
  return { status: response.statusCode, headers, url: url.href, redirected, body };
}

function timeoutError(request: OutboundRequest): Error {
  return Object.assign(new Error(`${request.method} ${request.url} had no answer within ${request.timeoutMs} ms`), {
    code: 'ETIMEDOUT',
  });
}

/** What really happened is sometimes the cause of an error of the client's. */
function unwrap(error: unknown): unknown {
  const cause = (error as { cause?: unknown })?.cause;
  return cause instanceof TackleError ? cause : error;
}
