import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '../core/json.ts';
import { countPassingBytes } from '../files/passing-bytes.ts';
import type { AppResponse } from '../ports/sandbox.ts';
import { endInBurst } from './answer-bursts.ts';
import { appendCorsHeaders, findCorsHeaders, type SetByApp, setByNobody } from './cors.ts';

/** One exchange with a client of an app. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

/** Headers that describe the connection between us and the client; the app has no say in them. */
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
]);

/** An answer of the gateway itself to app traffic, in the shape of the original platform. */
export function writeAppText(
  { request, response, requestId }: Exchange,
  status: number,
  body: Json,
  extraHeaders: readonly string[] = [],
): void {
  const text = JSON.stringify(body);
  const headers = [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(text)),
  ];
  headers.push('X-Request-Id', requestId, ...extraHeaders);
  // The unread rest of a refused body would be taken for the next request.
  if (!request.complete) headers.push('Connection', 'close');
  appendCorsHeaders(headers, request);
  response.writeHead(status, headers);
  if (request.method === 'HEAD') response.end();
  else if (request.complete) response.end(text);
  else endAfterReading(request, response, text);
}

/** How long, and how much, a refused client may go on sending. */
const lingerMs = 5_000;
const lingerBytes = 64 * 1024 * 1024;

/**
 * Answers while the client still sends. Closing at once would reset the connection, and the client would see that instead
 * of the answer; so the answer goes out, and what comes is thrown away until the client has seen it.
 */
function endAfterReading(request: IncomingMessage, response: ServerResponse, text: string): void {
  let rest = lingerBytes;
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  response.write(text);
  request.on('data', (chunk: Buffer) => {
    rest -= chunk.byteLength;
    if (rest < 0) end();
  });
  request.once('end', end);
  request.once('close', end);
  request.resume();
}

/** What every answer of an app says unless the app says otherwise. */
export const noCacheHeaders: readonly string[] = [
  'Surrogate-Control',
  'no-store',
  'Cache-Control',
  'no-store, no-cache, must-revalidate, proxy-revalidate',
  'Pragma',
  'no-cache',
  'Expires',
  '0',
];

/** JSON of a document or of documents, as an app would answer it. */
export function writeJsonText({ request, response, requestId }: Exchange, text: string): void {
  const headers = ['X-Request-Id', requestId, 'Content-Type', 'application/json', ...noCacheHeaders];
  const bytes = Buffer.byteLength(text);
  headers.push('Content-Length', String(bytes));
  appendCorsHeaders(headers, request, setByNobody);
  response.writeHead(200, headers);
  if (request.method === 'HEAD') response.end();
  // ASCII, which Node writes faster when it is told.
  else endInBurst(response, text, bytes === text.length ? 'latin1' : 'utf8');
}

interface PreparedHeaders extends SetByApp {
  /** Names and values in turns, without what is not the app's to say. */
  readonly lines: readonly string[];
  /** The app's Content-Length. */
  readonly announced: number | null;
}

/** Apps answer with the same list of headers again and again, and the sandbox hands over the same array for it. */
const preparedHeaders = new WeakMap<AppResponse['headers'], PreparedHeaders>();

function prepareHeaders(list: AppResponse['headers']): PreparedHeaders {
  const known = preparedHeaders.get(list);
  if (known !== undefined) return known;
  const lines: string[] = [];
  let announced: number | null = null;
  for (const [name, value] of list) {
    const lower = name.toLowerCase();
    if (connectionHeaders.has(lower)) continue;
    if (lower !== 'content-length') lines.push(name, value);
    else announced = /^\d+$/.test(value) ? Number(value) : null;
  }
  const prepared = { lines, announced, ...findCorsHeaders(lines) };
  preparedHeaders.set(list, prepared);
  return prepared;
}

/** Sends what the app answered. Resolves when the body is handed over, or the client left. */
export async function writeAppResponse({ request, response, requestId }: Exchange, answer: AppResponse): Promise<void> {
  const hasNoBody = request.method === 'HEAD' || answer.status === 204 || answer.status === 304 || answer.status < 200;
  const known = prepareHeaders(answer.headers);
  const { announced } = known;
  const headers = ['X-Request-Id', requestId, ...known.lines];
  const { body } = answer;
  if (body === null || body instanceof Uint8Array) {
    const length = body === null || body.byteLength === 0 ? (hasNoBody ? announced : 0) : body.byteLength;
    if (length !== null && answer.status !== 204 && answer.status >= 200)
      headers.push('Content-Length', String(length));
    appendCorsHeaders(headers, request, known);
    response.writeHead(answer.status, headers);
    if (hasNoBody || body === null) response.end();
    else endWith(response, body);
    return;
  }
  if (announced !== null) headers.push('Content-Length', String(announced));
  appendCorsHeaders(headers, request, known);
  try {
    response.writeHead(answer.status, headers);
  } catch (error) {
    // A status or header that HTTP does not know; the app must not go on filling a body that nobody reads.
    await body.cancel().catch(() => undefined);
    throw error;
  }
  if (hasNoBody) {
    response.end();
    await body.cancel().catch(() => undefined);
    return;
  }
  await pipeBody(body, response, announced);
}

/** Small bodies go out as text, because Node writes head and text in one piece, but head and bytes in two. */
function endWith(response: ServerResponse, body: Uint8Array): void {
  if (body.byteLength > 16_384) response.end(body);
  else endInBurst(response, Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1');
}

async function pipeBody(
  body: ReadableStream<Uint8Array>,
  response: ServerResponse,
  announced: number | null,
): Promise<void> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  response.once('close', cancel);
  let sent = 0;
  try {
    response.flushHeaders();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      sent += value.byteLength;
      countPassingBytes(value.byteLength);
      if (announced !== null && sent > announced) throw new Error('the app sent more than its Content-Length');
      if (!response.write(value)) await drained(response);
      if (response.destroyed) return;
    }
    if (announced !== null && sent < announced) throw new Error('the app sent less than its Content-Length');
    response.end();
  } catch {
    // The head is out; cutting the connection is the only way left to say that the body is not whole.
    response.destroy();
  } finally {
    response.off('close', cancel);
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
