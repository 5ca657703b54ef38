import type { IncomingMessage, RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ErrorCode, errorCatalogue, TackleError } from '../core/errors.ts';

export interface ApiClientOptions {
  /** Origin of the gateway, `http://127.0.0.1:3011`. */
  readonly url: string;
  readonly token: string;
  /** What to do when nothing answers there, for the message. */
  readonly startHint: string;
  /**
   * The gateway of this machine, dialled at 127.0.0.1: its certificate is made out to its public name, and checking the
   * name would refuse it. Loopback without TLS, the default, promises no more.
   */
  readonly isOwnMachine: boolean;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind `/api/v1`; made with `apiPath`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with back-pressure. */
  readonly stream?: { readonly contentType: string; readonly chunks: AsyncIterable<string | Uint8Array> };
}

/** A path with every inserted part encoded: apiPath`/projects/${name}`. */
export function apiPath(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  return strings.reduce((path, text, index) => path + encodeURIComponent(parts[index - 1] ?? '') + text);
}

/** The administration API of docs/api.md. Failures are TackleErrors with the code that the gateway gave. */
export class ApiClient {
  readonly url: string;
  readonly #token: string;
  readonly #startHint: string;
  readonly #isOwnMachine: boolean;

  constructor({ url, token, startHint, isOwnMachine }: ApiClientOptions) {
    this.#isOwnMachine = isOwnMachine;
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#startHint = startHint;
  }

  get<Result>(path: string, query: ApiRequest['query'] = {}): Promise<Result> {
    return this.send<Result>({ method: 'GET', path, query });
  }

  /** The whole answer as JSON; undefined for 204. */
  async send<Result>(request: ApiRequest): Promise<Result> {
    const text = await readText(await this.open(request));
    return (text === '' ? undefined : parseAnswer(text)) as Result;
  }

  /** The answer as a stream. It fails when the gateway breaks off before its end. */
  async open(request: ApiRequest): Promise<IncomingMessage> {
    const response = await this.#connect(request);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw toError(status, await readText(response));
  }

  async #connect({ method, path, query = {}, body, stream }: ApiRequest): Promise<IncomingMessage> {
    const url = new URL(`${this.url}/api/v1${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const text = body === undefined ? null : JSON.stringify(body);
    const headers: Record<string, string | number> = { host: url.host, authorization: `Bearer ${this.#token}` };
    if (text !== null) Object.assign(headers, jsonHeaders(text));
    if (stream) headers['content-type'] = stream.contentType;
    const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const tls = this.#isOwnMachine ? { rejectUnauthorized: false } : {};
    const outgoing = request({ ...dial(url), ...tls, method, headers, agent: false }, resolve);
    outgoing.on('error', (error) => reject(this.#explainConnection(error)));
    if (stream) this.#upload(stream.chunks, outgoing, reject);
    else outgoing.end(text ?? undefined);
    return promise;
  }

  #upload(
    chunks: AsyncIterable<string | Uint8Array>,
    outgoing: NodeJS.WritableStream,
    reject: (e: Error) => void,
  ): void {
    // An error of the source must end the request; one of the connection has been reported by 'error' already, unless
    // the gateway has answered before it read everything, and then the answer says why.
    pipeline(Readable.from(chunks), outgoing).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
      reject(error);
    });
  }

  #explainConnection(error: NodeJS.ErrnoException): Error {
    if (error instanceof TackleError) return error;
    const refused = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'EAI_AGAIN'].includes(error.code ?? '');
    if (!refused)
      return new TackleError('internal', `The connection to ${this.url} failed: ${error.message}`, { cause: error });
    return new TackleError(
      'storage_unavailable',
      `No gateway answers at ${this.url} (${error.code}). ${this.#startHint}`,
      {
        cause: error,
      },
    );
  }
}

function jsonHeaders(text: string): Record<string, string | number> {
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
}

/** `localhost` and its subdomains are not resolved alike everywhere: they are dialled as 127.0.0.1, under their name. */
function dial(url: URL): RequestOptions {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const local = name === 'localhost' || name.endsWith('.localhost');
  return {
    protocol: url.protocol,
    host: local ? '127.0.0.1' : name,
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
  };
}

export async function readText(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const start = text.slice(0, 60).replace(/\s+/g, ' ');
    throw new TackleError('internal', `The answer is not JSON (${start}…): is this a Tackle gateway?`, {
      cause: error,
    });
  }
}

function toError(status: number, text: string): TackleError {
  let answer: { error?: { code?: unknown; message?: unknown; details?: unknown } } = {};
  try {
    answer = JSON.parse(text) ?? {};
  } catch {
    // Something between us and the gateway answered: the status is all there is to tell.
  }
  const { code, message, details } = answer.error ?? {};
  const known = typeof code === 'string' && Object.hasOwn(errorCatalogue, code);
  const fallback = `The gateway answered ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`;
  return new TackleError(known ? (code as ErrorCode) : 'internal', typeof message === 'string' ? message : fallback, {
    details,
  });
}
