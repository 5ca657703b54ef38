// Servers of the peers: private ones on temporary directories and free ports, gone afterwards.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const bench = join(import.meta.dirname, '..');

/** Installs what is missing of the peers: their npm packages, PostgreSQL and Redis. */
export function installPeers() {
  if (!existsSync(join(bench, 'node_modules/graphile-worker'))) {
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: bench });
  }
  const packages = [];
  if (findPostgres() === null) packages.push('postgresql');
  if (findOnPath('redis-server') === null) packages.push('redis-server');
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || findOnPath('apt-get') === null) {
    throw new Error(`Install ${packages.join(' and ')} first: sudo apt-get install ${packages.join(' ')}`);
  }
  // RUNLEVEL keeps Debian from starting the servers that it has just installed.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}

function run(command, args, options) {
  const { status } = spawnSync(command, args, { ...options, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** PostgreSQL as it comes (fsync and synchronous_commit are on); it refuses to run as root. */
export async function startPostgres() {
  const binaries = findPostgres();
  const user = process.getuid() === 0 ? findUser('postgres') : {};
  const directory = createDirectory('postgres', user);
  const data = join(directory, 'data');
  const made = spawnSync(join(binaries, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8'], {
    ...user,
    cwd: directory,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await findFreePort();
  const args = ['-D', data, '-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1'];
  const child = spawn(join(binaries, 'postgres'), args, { ...user, cwd: directory, stdio: 'ignore' });
  const stop = () => end(child, directory, 'SIGINT');
  const database = (name) => `postgres://bench@127.0.0.1:${port}/${name}`;
  try {
    await waitFor(() => {
      const answer = spawnSync(join(binaries, 'createdb'), [
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        'bench',
        'bench',
      ]);
      return answer.status === 0;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: database('bench'), pid: child.pid, stop };
}

/** Redis that answers after the command is in its append-only file on disk. */
export async function startRedis() {
  const directory = createDirectory('redis', {});
  const port = await findFreePort();
  const settings = { port, bind: '127.0.0.1', dir: directory, appendonly: 'yes', appendfsync: 'always', save: '' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('redis-server', args, { cwd: directory, stdio: 'ignore' });
  const stop = () => end(child, directory, 'SIGTERM');
  const ping = () => spawnSync('redis-cli', ['-p', String(port), 'ping'], { encoding: 'utf8' }).stdout.includes('PONG');
  await waitFor(ping).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid, stop };
}

/** Restate on one node, as it comes: what it acknowledges is in its log on disk. */
export async function startRestate() {
  const directory = createDirectory('restate', {});
  const ports = { ingress: await findFreePort(), admin: await findFreePort(), node: await findFreePort() };
  const env = {
    ...process.env,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ports.ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${ports.admin}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${ports.node}`,
    RESTATE_DISABLE_TELEMETRY: 'true',
    DO_NOT_TRACK: '1',
    RUST_LOG: 'warn',
  };
  const binary = join(bench, 'node_modules/.bin/restate-server');
  const args = ['--base-dir', directory, '--node-name', 'bench'];
  const child = spawn(binary, args, { cwd: directory, env, stdio: 'ignore' });
  const stop = () => end(child, directory, 'SIGTERM');
  const url = `http://127.0.0.1:${ports.ingress}`;
  const admin = `http://127.0.0.1:${ports.admin}`;
  const answers = (address) => fetch(address).then((answer) => answer.ok);
  await waitFor(async () => (await answers(`${admin}/health`)) && answers(`${url}/restate/health`)).catch(
    async (error) => {
      await stop();
      throw error;
    },
  );
  return { url, admin, pid: child.pid, stop };
}

function findPostgres() {
  const versions = '/usr/lib/postgresql';
  const newest = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const found = newest
    .map((version) => join(versions, version, 'bin'))
    .find((path) => existsSync(join(path, 'initdb')));
  return found ?? findOnPath('initdb');
}

/** The directory on the PATH that holds a program, or null. */
function findOnPath(program) {
  const isThere = (directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return (process.env.PATH ?? '').split(delimiter).find(isThere) ?? null;
}

function findUser(name) {
  const id = (flag) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

function createDirectory(name, { uid, gid }) {
  const directory = mkdtempSync(join(tmpdir(), `tackle-bench-${name}-`));
  if (uid !== undefined) chownSync(directory, uid, gid);
  return directory;
}

function findFreePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function waitFor(isReady) {
  const end = Date.now() + 30_000;
  for (;;) {
    if (await Promise.resolve(isReady()).catch(() => false)) return;
    if (Date.now() > end) throw new Error('A peer did not start within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function end(child, directory, signal) {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  }
  rmSync(directory, { recursive: true, force: true });
}
