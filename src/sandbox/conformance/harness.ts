import type { Json } from '../../core/json.ts';
import type {
  AppProcess,
  AppProcessOptions,
  AppRequest,
  AppResponse,
  AppTaskResult,
  HostCallContext,
  LogEntry,
  Sandbox,
} from '../../ports/sandbox.ts';

/** Opens the sandbox under test with the echo ABI (`sandbox/testing/echo-abi.ts`). */
export type OpenSandbox = () => Promise<Sandbox>;

export interface HostCall {
  readonly method: string;
  readonly params: unknown;
  readonly invocation: { readonly id: number; readonly kind: string; readonly context: Json } | null;
}

/** An app process with everything that it said and asked. */
export interface TestApp extends AsyncDisposable {
  readonly process: AppProcess;
  readonly logs: LogEntry[];
  readonly calls: HostCall[];
  /** Runs code (the body of an async function with `input`, `host`, `signal`, `require`) inside the process. */
  evaluate(
    code: string,
    input?: Json,
    options?: { timeoutMs?: number; context?: Json; signal?: AbortSignal },
  ): Promise<Json>;
  get(
    path: string,
    options?: { body?: AppRequest['body']; timeoutMs?: number; signal?: AbortSignal },
  ): Promise<AppResponse>;
}

/** Handlers that tests call; `run` evaluates what it is given, because the tests bring their own hostile code. */
export const evaluatorCode = `
const AsyncFunction = Object.getPrototypeOf(async function () {}).constructor;
globalThis.__tackleExports = {
  async task(task, signal, host) {
    const run = new AsyncFunction('input', 'host', 'signal', 'require', task.name);
    try {
      return { status: 200, output: (await run(task.input, host, signal, require)) ?? null };
    } catch (error) {
      return { status: 500, output: { name: error?.name ?? null, message: String(error?.message ?? error), code: error?.code ?? null } };
    }
  },
  async request(head, body, sink, host) {
    const handler = handlers[head.path];
    if (!handler) { sink.head(404, []); sink.end(); return; }
    await handler(head, body, sink, host);
  },
};
async function readAll(body) {
  if (!body) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  return new Uint8Array(await new Response(body).arrayBuffer());
}
async function checksum(body) {
  const hash = require('crypto').createHash('sha256');
  let length = 0;
  if (body instanceof Uint8Array) { hash.update(body); length = body.length; }
  else if (body) for await (const chunk of body) { hash.update(chunk); length += chunk.length; }
  return { length, hash: hash.digest('hex') };
}
const handlers = {
  '/hello': async (head, body, sink) => {
    sink.head(200, [['content-type', 'text/plain'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']]);
    sink.end('hello');
  },
  '/head': async (head, body, sink) => { sink.head(200, []); sink.end(JSON.stringify(head)); },
  '/checksum': async (head, body, sink) => { const sum = await checksum(body); sink.head(200, []); sink.end(JSON.stringify(sum)); },
  '/ignore-body': async (head, body, sink) => { sink.head(413, []); sink.end('no'); },
  '/echo': async (head, body, sink) => {
    sink.head(200, []);
    for await (const chunk of body) await sink.write(chunk);
    sink.end();
  },
  '/large': async (head, body, sink) => { sink.head(200, []); sink.end(new Uint8Array(20_000_000).fill(7)); },
  '/endless': async (head, body, sink) => {
    sink.head(200, []);
    let written = 0;
    sink.signal.addEventListener('abort', () => console.log('aborted'));
    try { for (;;) { await sink.write(new Uint8Array(50_000)); written += 50_000; globalThis.written = written; } }
    catch (error) { console.log('write failed: ' + error.message); }
  },
  '/events': async (head, body, sink) => {
    sink.head(200, [['content-type', 'text/event-stream']]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await sink.write(new TextEncoder().encode('data: 1\\n\\n'));
    sink.end();
  },
  '/throw': async () => { throw new TypeError('the handler threw'); },
  '/never': async (head, body, sink) => { sink.signal.addEventListener('abort', () => console.log('aborted')); await new Promise(() => {}); },
  '/break': async (head, body, sink) => { sink.head(200, []); await sink.write(new Uint8Array(10)); throw new Error('broke off'); },
  '/abort': async (head, body, sink) => { sink.head(200, []); await sink.write(new Uint8Array(10)); sink.abort(new Error('given up')); },
  '/abort-at-once': async (head, body, sink) => { sink.abort(new Error('given up')); },
  '/late': async (head, body, sink, host) => {
    setTimeout(() => host.call('late', {}).catch((error) => console.log('refused: ' + error.code)), 100);
    await new Promise(() => {});
  },
  '/call': async (head, body, sink, host) => { sink.head(200, []); sink.end(JSON.stringify(await host.call('echo', { a: 1 }))); },
};
`;

export const testRequest: AppRequest = {
  method: 'GET',
  hostname: 'localhost',
  headers: { host: 'localhost', 'x-many': ['1', '2'] },
  path: '/hello',
  apiPath: '/hello',
  originalUrl: '/hello?q=ä',
  query: { q: 'ä' },
  remoteAddress: '127.0.0.1',
  space: 'dev',
  authHook: null,
  route: 0,
  params: {},
  middleware: [],
  body: null,
};

export interface StartOptions extends Partial<Omit<AppProcessOptions, 'host' | 'onLog'>> {
  onHostEnd?(): void;
  host?(method: string, params: unknown, context: HostCallContext): Promise<Json | { rawJson: string } | undefined>;
}

export async function startTestApp(sandbox: Sandbox, options: StartOptions = {}): Promise<TestApp> {
  const logs: LogEntry[] = [];
  const calls: HostCall[] = [];
  const process = await sandbox.start({
    label: 'test/dev/1',
    code: evaluatorCode,
    env: {},
    limits: { memoryMb: 256, evaluationTimeoutMs: 3000 },
    egress: { allowedCidrs: [], deniedPorts: [] },
    ...options,
    host: {
      async call(method, params, context) {
        const { invocation } = context;
        calls.push({
          method,
          params,
          invocation: invocation && { id: invocation.id, kind: invocation.kind, context: invocation.context },
        });
        return options.host ? options.host(method, params, context) : (params as Json);
      },
      end: options.onHostEnd,
    },
    onLog: (entry) => logs.push(entry),
  });
  return {
    process,
    logs,
    calls,
    async evaluate(code, input = null, { timeoutMs = 10_000, context, signal } = {}) {
      const result: AppTaskResult = await process.run(
        { kind: 'worker', name: code, input },
        { timeoutMs, context, signal },
      );
      if (result.status === 200) return result.output;
      const { message, ...rest } = result.output as { message: string };
      throw Object.assign(new Error(message), rest);
    },
    get: (path, { body = null, timeoutMs = 10_000, signal } = {}) =>
      process.request({ ...testRequest, path, body }, { timeoutMs, signal }),
    async [Symbol.asyncDispose]() {
      await process.stop(0);
    },
  };
}

export async function readBody(response: AppResponse): Promise<Buffer> {
  if (response.body === null) return Buffer.alloc(0);
  if (response.body instanceof Uint8Array) return Buffer.from(response.body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Waits until a condition holds that nothing announces. */
export async function eventually(condition: () => boolean, what: string, withinMs = 5000): Promise<void> {
  const until = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
