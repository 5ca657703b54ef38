import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../..');

/** A gateway of its own in a temporary home (or the one that is given), started as users start it. */
export async function startGateway(env = {}, given = null) {
  const home = given ?? (await mkdtemp(join(tmpdir(), 'tackle-bench-')));
  const startedAt = performance.now();
  const child = spawn(join(root, 'bin/tackle'), ['up', '--home', home, '--port', '0'], {
    env: { ...process.env, TACKLE_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /https?:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (found) resolve(found[0]);
    });
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
  });
  const readyMs = performance.now() - startedAt;
  const token = (await readFile(join(home, 'admin.token'), 'utf8')).trim();
  const api = async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  return {
    url,
    home,
    pid: child.pid,
    readyMs,
    api,
    /** Creates a project and deploys a directory to its `dev` space. Answers the base URL of the app and its token. */
    async deploy(name, directory) {
      const { buildApp } = await import('../../src/apps/build/index.ts');
      const project = await api('POST', '/projects', { name });
      const built = await buildApp({ dir: directory });
      const path = `/projects/${project.id}/spaces/dev`;
      await api('POST', `${path}/deployments`, { bundle: built.code, sourceMap: built.sourceMap, kind: 'tackle' });
      return { base: `${url}/p/${project.id}/dev`, path, project: project.id, token: project.spaces[0].tokens[0].key };
    },
    /** Ends it as a crash would; its home stays. */
    async kill() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}
