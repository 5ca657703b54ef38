import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from '../../src/apps/build/index.ts';
import { collectFiles } from '../../src/cli/assets/collect-files.ts';
import { type GatewayProcess, type RawRequest, type RawResponse, send } from './gateway-process.ts';
import { buildOriginalBundle } from './original-bundle.ts';

/** Built by our bundler with our SDK, or laid out as the official client does it, with the original library inside. */
export type BuildMode = 'tackle' | 'original';
export const buildModes: readonly BuildMode[] = ['tackle', 'original'];

/** One space of a running gateway, with an app in it. */
export interface TestSpace {
  readonly project: string;
  readonly space: string;
  readonly token: string;
  /** `/<project path>` prefix of app requests. */
  request(path: string, options?: RawRequest & { anonymous?: boolean; json?: unknown }): Promise<RawResponse>;
  deploy(directory: string, mode: BuildMode, main?: string): Promise<RawResponse>;
  setEnv(env: Readonly<Record<string, string>>): Promise<void>;
  admin(method: string, path: string, body?: unknown): Promise<RawResponse>;
}

export async function callApi(
  gateway: GatewayProcess,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawResponse> {
  return send(gateway.url, `/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${gateway.adminToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** Creates a project and answers its `dev` space. */
export async function createTestSpace(gateway: GatewayProcess, name: string): Promise<TestSpace> {
  const created = await callApi(gateway, 'POST', '/projects', { name });
  assert.equal(created.status, 201, created.text);
  const project = created.json();
  const space = project.spaces[0];
  const token: string = space.tokens[0].key;
  const admin = (method: string, path: string, body?: unknown) =>
    callApi(gateway, method, `/projects/${project.id}/spaces/${space.name}${path}`, body);
  return {
    project: project.id,
    space: space.name,
    token,
    admin,
    request(path, options = {}) {
      const { anonymous = false, json, ...rest } = options;
      return send(gateway.url, `/p/${project.id}/${space.name}${path}`, {
        ...rest,
        headers: {
          ...(anonymous ? {} : { 'x-apikey': token }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...rest.headers,
        },
        body: json === undefined ? rest.body : JSON.stringify(json),
      });
    },
    async deploy(directory, mode, main) {
      const upload =
        mode === 'tackle'
          ? await buildApp({ dir: directory, main })
          : { code: await buildOriginalBundle(directory), sourceMap: undefined };
      const assets = await uploadDirectory(gateway, `/projects/${project.id}/spaces/${space.name}`, directory, main);
      return admin('POST', '/deployments', { bundle: upload.code, sourceMap: upload.sourceMap, kind: mode, assets });
    },
    async setEnv(env) {
      for (const [key, value] of Object.entries(env)) {
        const answer = await admin('PUT', `/env/${key}`, { value });
        assert.equal(answer.status, 200, answer.text);
      }
    },
  };
}

/** Everything in the directory but the code of the app, as the command line uploads it. */
async function uploadDirectory(gateway: GatewayProcess, spacePath: string, directory: string, main = 'index.js') {
  const code = new Set([main, 'package.json']);
  const files = await collectFiles({ directory, isExcluded: (relativePath) => code.has(relativePath) });
  return Promise.all(
    files.map(async ({ absolutePath, relativePath }) => {
      const body = await readFile(absolutePath);
      const hash = createHash('sha256').update(body).digest('hex');
      const headers = { authorization: `Bearer ${gateway.adminToken}`, 'content-type': 'application/octet-stream' };
      const path = `/api/v1${spacePath}/assets/${hash}`;
      const answer = await send(gateway.url, path, { method: 'PUT', headers, body });
      assert.equal(answer.status, 201, answer.text);
      return { path: `/${relativePath}`, hash };
    }),
  );
}

/** A space with one of the fixture apps deployed. */
export async function deployFixture(
  gateway: GatewayProcess,
  fixture: string,
  mode: BuildMode,
  env: Readonly<Record<string, string>> = {},
  main?: string,
): Promise<TestSpace> {
  const space = await createTestSpace(gateway, `${fixture}-${mode}`);
  await space.setEnv(env);
  const answer = await space.deploy(join(import.meta.dirname, '../fixtures/apps', fixture), mode, main);
  assert.equal(answer.status, 201, answer.text);
  return space;
}

export function makeTemporaryDirectory(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `tackle-${name}-`));
}
