import { createServer, type IncomingMessage, type RequestListener, request as sendRequest } from 'node:http';
import { duplexPair } from 'node:stream';
import type { InternalRequest, InternalResponse } from '../apps/host-calls/internal-fetch.ts';
import { TackleError } from '../core/errors.ts';
import type { ClientAddress } from './client-address.ts';
import { createGateway, type GatewayOptions, sendError } from './gateway.ts';

/**
 * Requests of apps to apps of the same gateway. They run through the same code as requests from outside (hosts, allow-lists,
 * tokens, limits), over a pair of streams instead of a socket; the gateway's own surface is not there for them.
 */
export interface InternalRequests {
  send(request: InternalRequest, signal: AbortSignal): Promise<InternalResponse>;
  close(): void;
}

/** Says through how many apps a request has come already; nobody outside can set it. */
const hopsHeader = 'x-tackle-hops';
/** The space that it comes from; set here alone too. */
const spaceHeader = 'x-tackle-space';
/** Headers of one connection, and those that the gateway sets itself. */
const droppedHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  hopsHeader,
  spaceHeader,
]);

export interface InternalRequestsOptions
  extends Pick<GatewayOptions, 'directory' | 'ownHosts' | 'appTraffic' | 'onRequest'> {
  readonly maxBodyBytes: number;
  readonly timeoutMs: number;
}

export function createInternalRequests(options: InternalRequestsOptions): InternalRequests {
  const { directory, ownHosts, appTraffic, onRequest } = options;
  const listener: RequestListener = createGateway({
    directory,
    ownHosts,
    appTraffic,
    readClientAddress,
    ownSurface(request, response) {
      const message = `Apps reach apps only; there is none at ${request.headers.host}${request.url}`;
      sendError(response, 'not_found', { message, requestId: String(request.headers['x-request-id']) });
    },
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  // Never listens: connections are handed to it.
  const server = createServer(listener);
  const closing = new AbortController();

  return {
    send({ spaceId, host, path, method, headers, body, hops }, signal) {
      const origin = [hopsHeader, String(hops), spaceHeader, spaceId];
      const [client, accepted] = duplexPair();
      server.emit('connection', accepted);
      const { promise, resolve, reject } = Promise.withResolvers<InternalResponse>();
      const request = sendRequest({
        createConnection: () => client,
        method,
        path,
        headers: [...listHeaders(headers), 'Host', host, ...origin, ...lengthOf(body)],
        setHost: false,
        signal: AbortSignal.any([signal, closing.signal, AbortSignal.timeout(options.timeoutMs)]),
      });
      request.on('error', (cause) => {
        reject(new TackleError('internal', `The request to ${host}${path} failed: ${cause.message}`, { cause }));
      });
      request.on('response', (response) => collect(response, options.maxBodyBytes).then(resolve, reject));
      request.end(body ?? undefined);
      return promise.finally(() => {
        client.destroy();
        accepted.destroy();
      });
    },
    close: () => closing.abort(),
  };
}

function readClientAddress(request: IncomingMessage): ClientAddress {
  const hops = Number(request.headers[hopsHeader]);
  const fromSpaceId = String(request.headers[spaceHeader]);
  delete request.headers[hopsHeader];
  delete request.headers[spaceHeader];
  return { address: '127.0.0.1', protocol: 'http', host: request.headers.host ?? '', hops, fromSpaceId };
}

function listHeaders(headers: InternalRequest['headers']): string[] {
  return headers.filter(([name]) => !droppedHeaders.has(name.toLowerCase())).flat();
}

function lengthOf(body: Uint8Array | null): string[] {
  return body === null ? [] : ['Content-Length', String(body.byteLength)];
}

async function collect(response: IncomingMessage, maxBytes: number): Promise<InternalResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).byteLength;
    if (size > maxBytes) {
      throw new TackleError(
        'payload_too_large',
        `The answer is larger than the ${maxBytes} bytes that internalFetch takes`,
      );
    }
    chunks.push(chunk as Buffer);
  }
  const headers: [string, string][] = [];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const name = response.rawHeaders[index] as string;
    if (!droppedHeaders.has(name.toLowerCase())) headers.push([name, response.rawHeaders[index + 1] as string]);
  }
  return { status: response.statusCode as number, headers, body: Buffer.concat(chunks) };
}
