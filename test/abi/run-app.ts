/**
 * Runs handlers through the ABI as the bootstrap of a sandbox process does, without the process. Real: the ABI and our
 * library. Fake: the gateway behind it (fake-gateway.ts) and the sink that collects the answer.
 */

import type { Codehooks } from '../../packages/sdk/src/index.ts';
import { abi } from '../../src/sandbox/runtime/abi/index.ts';
import type { AppRuntime, RequestHead, ResponseSink } from '../../src/sandbox/runtime/runtime-types.ts';
import { createFakeGateway, type FakeGateway } from './fake-gateway.ts';

export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly bytes: Buffer;
  readonly text: string;
  /** Number of times that the handler wrote before the end. */
  readonly writes: number;
  /** What the response was broken off with, or null. */
  readonly failure: unknown;
  readonly json: unknown;
  header(name: string): string | null;
  all(name: string): string[];
}

export interface TestApp {
  readonly gateway: FakeGateway;
  readonly app: Codehooks;
  /** The manifest as it is now. */
  load(): AppRuntime;
  request(options?: RequestOptions): Promise<Answer>;
}

export interface RequestOptions {
  readonly route?: number | null;
  readonly authHook?: number | null;
  readonly middleware?: number[];
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly params?: Record<string, string>;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal?: AbortSignal;
}

/** Sets up globals as a fresh process has them, then the app. `setUp` registers routes as the code of an app would. */
export async function startApp(setUp: (app: Codehooks) => unknown): Promise<TestApp> {
  const gateway = createFakeGateway();
  abi.install(gateway.channel, {});
  const { Codehooks } = await import('../../packages/sdk/src/index.ts');
  const app = new Codehooks();
  await setUp(app);
  const load = (): AppRuntime => abi.load({ default: app.init() });
  const runtime = load();
  return { gateway, app, load, request: (options = {}) => sendRequest(runtime, options) };
}

/**
 * The same with the original `codehooks-js` in place of our library. It knows one app per process, so the routes of the last
 * one are taken away first.
 */
export async function startOriginalApp(setUp: (app: Codehooks) => unknown): Promise<TestApp> {
  const gateway = createFakeGateway();
  abi.install(gateway.channel, {});
  const { app } = (await import('codehooks-js')) as unknown as { app: Codehooks };
  Object.assign(app, { routes: {}, auths: {}, appmiddleware: [], settings: {} });
  await setUp(app);
  const load = (): AppRuntime => abi.load({ default: app.init() });
  const runtime = load();
  return { gateway, app, load, request: (options = {}) => sendRequest(runtime, options) };
}

export function createHead(options: RequestOptions): RequestHead {
  const path = options.path ?? '/x';
  return {
    method: options.method ?? (options.body ? 'POST' : 'GET'),
    hostname: 'demo.localhost',
    headers: { host: 'demo.localhost', ...options.headers },
    path: `/dev${path}`,
    apiPath: path,
    originalUrl: `/dev${path}`,
    query: options.query ?? {},
    remoteAddress: '203.0.113.7',
    space: 'dev',
    authHook: options.authHook ?? null,
    route: options.route === undefined ? 0 : options.route,
    params: options.params ?? {},
    middleware: options.middleware ?? [],
  };
}

async function sendRequest(runtime: AppRuntime, options: RequestOptions): Promise<Answer> {
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : (options.body ?? null);
  const collector = createCollector(options.signal);
  await runtime.handleRequest(createHead(options), body, collector.sink);
  return collector.getAnswer();
}

function createCollector(signal = new AbortController().signal): { sink: ResponseSink; getAnswer(): Answer } {
  let status = 0;
  let headers: [string, string][] = [];
  let writes = 0;
  let failure: unknown = null;
  const chunks: Buffer[] = [];
  const sink: ResponseSink = {
    signal,
    head(code, list) {
      status = code;
      headers = list;
    },
    abort(error) {
      failure = error;
    },
    async write(chunk) {
      writes += 1;
      chunks.push(Buffer.from(chunk));
    },
    end(chunk) {
      if (chunk !== undefined) chunks.push(Buffer.from(chunk as Uint8Array));
    },
  };
  const getAnswer = (): Answer => {
    const bytes = Buffer.concat(chunks);
    const all = (name: string) => headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
    return {
      status,
      headers,
      bytes,
      writes,
      failure,
      text: bytes.toString(),
      get json() {
        return JSON.parse(bytes.toString()) as unknown;
      },
      all,
      header: (name) => all(name)[0] ?? null,
    };
  };
  return { sink, getAnswer };
}
