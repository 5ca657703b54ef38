import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { TackleError } from '../../../core/errors.ts';
import type { OutboundHttp } from '../../../ports/outbound-http.ts';
import type { Storage } from '../../../ports/storage.ts';
import { createProjects, createSecrets, type Projects } from '../../../projects/index.ts';
import { createMemoryRecords } from '../../../projects/testing/memory-records.ts';
import { createAdminGuard } from '../../admin-guard.ts';
import { createAdminSessions } from '../../admin-guard-sessions.ts';
import { createClientAddressReader } from '../../client-address.ts';
import { registerApi } from '../register-api.ts';
import type { ApiServices } from '../services.ts';

export interface ApiFixture extends AsyncDisposable {
  readonly fastify: FastifyInstance;
  readonly projects: Projects;
  /** An admin token of the whole home. */
  readonly token: string;
  readonly errors: unknown[];
  readonly clock: { nowMs: number };
  /** A request as the command line sends it: loopback host and token, JSON in and out. */
  call(method: string, path: string, body?: unknown, options?: Partial<InjectOptions>): Promise<ApiAnswer>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted field by field in tests
  readonly body: any;
}

const noNetwork: OutboundHttp = {
  request: () => Promise.reject(new TackleError('egress_blocked', 'no network in this test')),
  [Symbol.asyncDispose]: async () => undefined,
};

const unused = (name: string) => () => {
  throw new Error(`${name} is not part of this test`);
};

/** The real guard, sessions, projects and routes; rooms that a test does not name fail when they are called. */
export async function createApiFixture(
  overrides: Partial<ApiServices> & { readonly storage?: Storage; readonly adminHosts?: readonly string[] } = {},
): Promise<ApiFixture> {
  const { storage = createMemoryRecords(), adminHosts = [], ...services } = overrides;
  const clock = { nowMs: Date.UTC(2026, 10, 20) };
  const now = () => clock.nowMs;
  const secrets = createSecrets(Buffer.alloc(32, 3));
  const projects = await createProjects({ storage, secrets, http: noNetwork }, { clock: { now } });
  const sessions = createAdminSessions(now);
  const errors: unknown[] = [];
  const fastify = Fastify();
  await registerApi(fastify, {
    projects,
    sessions,
    guard: createAdminGuard({ projects, sessions, adminHosts, now }),
    apps: {
      deploy: unused('deploy'),
      rollback: unused('rollback'),
      undeploy: unused('undeploy'),
      listVersions: async () => [],
      live: () => null,
    },
    durable: { queues: unused('queues') as never, workflows: { listStranded: async () => [] } as never },
    documentsOf: unused('documentsOf'),
    keyValueOf: unused('keyValueOf'),
    files: { files: { usage: async () => ({ files: 0, bytes: 0 }) } } as unknown as ApiServices['files'],
    logs: { tail: async () => [], follow: () => () => undefined },
    readClientAddress: createClientAddressReader([]),
    gateway: {
      version: '0.0.0-test',
      home: '/home/test',
      startedAt: clock.nowMs,
      publicUrl: 'http://localhost:3011',
      adminUrl: 'http://127.0.0.1:3011',
      maxBodyBytes: 50_000_000,
      maxBundleBytes: 10_000_000,
    },
    createBackup: unused('createBackup'),
    checkHealth: async () => [{ name: 'storage', ok: true, detail: 'writer answers' }],
    describeSandbox: async () => [],
    now,
    closing: new AbortController().signal,
    publishEvent: async () => ({ eventId: 'event', duplicateOf: null, messages: [], runs: [], apps: 0 }),
    onError: (error) => errors.push(error),
    ...services,
  });
  const actor = { kind: 'system', id: 'test', name: 'test', address: null } as const;
  const { secret } = await projects.admin.createAdminToken({ scope: { kind: 'home' } }, actor);

  return {
    fastify,
    projects,
    token: secret,
    errors,
    clock,
    call: (method, path, body, options = {}) => send(fastify, secret, method, path, body, options),
    async [Symbol.asyncDispose]() {
      await fastify.close();
      await projects[Symbol.asyncDispose]();
    },
  };
}

async function send(
  fastify: FastifyInstance,
  token: string,
  method: string,
  path: string,
  body: unknown,
  options: Partial<InjectOptions>,
): Promise<ApiAnswer> {
  const response = await fastify.inject({
    method: method as 'GET',
    url: path.startsWith('/') && !path.startsWith('/api/') && path !== '/' ? `/api/v1${path}` : path,
    ...(body === undefined ? {} : { payload: body as object }),
    ...options,
    headers: { host: '127.0.0.1:3011', authorization: `Bearer ${token}`, ...options.headers },
  });
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  const parsed: unknown = isJson && response.body !== '' ? JSON.parse(response.body) : undefined;
  return { status: response.statusCode, headers: response.headers, text: response.body, body: parsed };
}
