import type { EgressClient, EgressStream } from '../egress-client.ts';
import type { FetchAccept } from '../protocol.ts';

const maxRedirects = 20;
const nativeFetch = globalThis.fetch;
const decodable = new Set(['gzip', 'x-gzip', 'deflate']);

type Fetch = typeof globalThis.fetch;

/** `fetch` over the gateway, which resolves, checks, connects and follows redirects. */
export function createFetch(egress: EgressClient): Fetch {
  return async function fetch(input, init) {
    const request = new Request(input, init);
    const { protocol } = new URL(request.url);
    // Neither leaves the process.
    if (protocol === 'data:' || protocol === 'blob:') return nativeFetch(request);
    request.signal.throwIfAborted();
    const body = await readKnownBody(request, init?.body ?? (input instanceof Request ? input.body : null));
    const headers = [...request.headers] as [string, string][];
    addDefault(headers, 'accept', '*/*');
    addDefault(headers, 'accept-encoding', 'gzip, deflate');
    addDefault(headers, 'user-agent', 'node');
    const stream = egress.open({
      kind: 'fetch',
      method: request.method,
      url: request.url,
      headers,
      hasBody: body !== null,
      bodyBytes: body instanceof Uint8Array ? body.length : undefined,
      maxRedirects: request.redirect === 'follow' ? maxRedirects : 0,
    });
    return await exchange(stream, request, body);
  };
}

async function exchange(
  stream: EgressStream,
  request: Request,
  body: Uint8Array | ReadableStream<Uint8Array> | null,
): Promise<Response> {
  const onAbort = () => stream.abort(request.signal.reason);
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (body) void sendBody(stream, body);
  let accept: FetchAccept;
  try {
    accept = (await stream.accepted) as FetchAccept;
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    throw new TypeError(`fetch failed: ${(error as Error).message}`, { cause: error });
  }
  if (request.redirect === 'error' && [301, 302, 303, 307, 308].includes(accept.status)) {
    const error = new Error('unexpected redirect');
    stream.abort(error);
    throw new TypeError('fetch failed: unexpected redirect', { cause: error });
  }
  return toResponse(stream, request, accept);
}

function toResponse(stream: EgressStream, request: Request, accept: FetchAccept): Response {
  const headers = new Headers(accept.headers as [string, string][]);
  const empty = request.method === 'HEAD' || [101, 204, 205, 304].includes(accept.status);
  let body: ReadableStream<Uint8Array> | null = empty ? null : stream.incoming.stream;
  const encoding = headers.get('content-encoding')?.toLowerCase() ?? '';
  if (body && decodable.has(encoding)) {
    const format = encoding === 'deflate' ? 'deflate' : 'gzip';
    body = body.pipeThrough(new DecompressionStream(format) as never);
  }
  // A status below 200 or above 599 cannot be constructed.
  const status = accept.status >= 200 && accept.status <= 599 ? accept.status : 502;
  const response = new Response(body as never, { status, headers });
  Object.defineProperty(response, 'url', { value: accept.url });
  Object.defineProperty(response, 'redirected', { value: accept.redirected });
  return response;
}

/** A body whose length is known goes as a whole; only streams stay streams. */
async function readKnownBody(
  request: Request,
  source: unknown,
): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  if (!request.body) return null;
  if (source instanceof ReadableStream) return request.body as unknown as ReadableStream<Uint8Array>;
  return new Uint8Array(await request.arrayBuffer());
}

async function sendBody(stream: EgressStream, body: Uint8Array | ReadableStream<Uint8Array>): Promise<void> {
  try {
    if (body instanceof Uint8Array) await stream.outgoing.write(body);
    else for await (const chunk of body) await stream.outgoing.write(chunk);
    stream.outgoing.end();
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
  }
}

function addDefault(headers: [string, string][], name: string, value: string): void {
  if (!headers.some(([existing]) => existing === name)) headers.push([name, value]);
}
