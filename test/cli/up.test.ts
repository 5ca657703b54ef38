/** `tackle up`: how a gateway starts, stops, and is put back from a backup. Real: everything. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { launcher, run } from './run-cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'tackle-up-'));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stderr(): string;
}

async function up(home: string, args: readonly string[] = []): Promise<Started> {
  const child = spawn(launcher, ['up', '--home', home, '--port', '0', '--json', '--log-level', 'warn', ...args]);
  running.add(child);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return { code, signal };
  });
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const first = await Promise.race([ready, exited]);
  assert.ok(Array.isArray(first), `the gateway ended before it was ready: ${errors}`);
  const { url } = JSON.parse(first[0] as string) as { url?: string };
  assert.ok(url !== undefined, `the gateway did not start: ${first[0]}`);
  return { child, url, exited, stderr: () => errors };
}

function tackle(home: string, args: readonly string[]) {
  const env = {
    TACKLE_HOME: home,
    TACKLE_URL: undefined,
    TACKLE_ADMIN_TOKEN: undefined,
    CODEHOOKS_ADMIN_TOKEN: undefined,
  };
  return run(launcher, args, { cwd: directory, env });
}

describe('a gateway', { concurrency: false }, () => {
  it('says that its home cannot be made, also where nothing can be', {
    timeout: 30_000,
    skip: process.platform !== 'linux',
  }, async () => {
    const refused = await tackle(directory, ['up', '--home', '/proc/no/home']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^tackle: The home \/proc\/no\/home cannot be made: .*\.\n$/);
  });

  it('says that its port is taken, and by what name to choose another', async () => {
    const { url, child, exited } = await up(join(directory, 'first'));
    const args = ['up', '--home', join(directory, 'second'), '--port', new URL(url).port];
    const refused = await tackle(join(directory, 'second'), args);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^tackle: Port \d+ of 127\.0\.0\.1 is taken by another program\. .*--port\.\n$/);
    child.kill('SIGTERM');
    await exited;
  });

  it('is found by its home while it runs, and leaves nothing behind that says it runs', async () => {
    const home = join(directory, 'found');
    const { child, exited } = await up(home);
    assert.equal((await tackle(home, ['create', 'one'])).code, 0);
    child.kill('SIGTERM');
    assert.deepEqual(await exited, { code: 0, signal: null });
    assert.ok(!existsSync(join(home, 'gateway.json')));
    assert.match((await tackle(home, ['projects'])).stderr, /No gateway is running for the home/);
  });

  it('is the only one of its home', async () => {
    const home = join(directory, 'single');
    const { child, url, exited } = await up(home);
    const second = await tackle(home, ['up', '--port', '0']);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^tackle: .*already uses the home/);
    assert.ok(second.stderr.includes(url));
    child.kill('SIGINT');
    assert.deepEqual(await exited, { code: 0, signal: null });
  });

  it('says which port is taken', async () => {
    const { child, url, exited } = await up(join(directory, 'port-a'));
    const second = await tackle(join(directory, 'port-b'), ['up', '--port', new URL(url).port]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`tackle: .*${new URL(url).port}`));
    child.kill('SIGTERM');
    await exited;
  });

  it('finishes a request under way when it stops, and ends at once at the second signal', async () => {
    const { child, url, exited, stderr } = await up(join(directory, 'stop'));
    // A request whose body never ends keeps the gateway from being done.
    const open = request(`${url}/api/v1/projects`, { method: 'POST', headers: { 'content-length': 10 } });
    open.on('error', () => {});
    open.write('{');
    await once(open, 'socket').then(([socket]) => (socket.connecting ? once(socket, 'connect') : undefined));
    // The gateway has seen the request when it answers one that was sent later.
    await fetch(`${url}/health`);
    child.kill('SIGTERM');
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    assert.match(stderr(), /stopping; requests under way may finish/);
    child.kill('SIGTERM');
    assert.deepEqual(await exited, { code: 143, signal: null });
    open.destroy();
  });
});

describe('a backup', { concurrency: false }, () => {
  it('makes a home with the same projects, and keeps the one that was there', async () => {
    const home = join(directory, 'origin');
    const archive = join(directory, 'archive.tar');
    const first = await up(home);
    assert.equal((await tackle(home, ['create', 'kept'])).code, 0);
    const created = await tackle(home, ['set', 'a', 'before', '-p', 'kept']);
    assert.equal(created.code, 0, created.stderr);
    assert.equal((await tackle(home, ['backup', archive])).code, 0);
    await tackle(home, ['set', 'a', 'after', '-p', 'kept']);
    const refused = await tackle(home, ['restore', archive]);
    assert.match(refused.stderr, /^tackle: .*already uses the home/);
    first.child.kill('SIGTERM');
    await first.exited;

    const restored = await tackle(home, ['restore', archive, '--json']);
    assert.equal(restored.code, 0, restored.stderr);
    assert.ok(existsSync((JSON.parse(restored.stdout) as { previousHome: string }).previousHome));
    const second = await up(home);
    assert.equal((await tackle(home, ['get', 'a', '--text', '-p', 'kept'])).stdout, 'before\n');
    second.child.kill('SIGTERM');
    await second.exited;
  });

  it('that is damaged changes nothing', async () => {
    const result = await tackle(join(directory, 'never'), ['restore', launcher]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /^tackle: The backup is damaged|^tackle: .*backup/);
    assert.ok(!existsSync(join(directory, 'never')));
  });
});

describe('a gateway with TLS', () => {
  it('is found by the command line of its machine, whatever its certificate names', async () => {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=hooks.example.com', '-days', '1', '-nodes'];
    const made = await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ]);
    assert.equal(made.code, 0, made.stderr);
    const home = join(directory, 'tls');
    const { child, url, exited } = await up(home, ['--tls-cert', cert, '--tls-key', key]);
    assert.match(url, /^https:/);
    const listed = await tackle(home, ['projects', '--json']);
    assert.deepEqual([listed.code, listed.stdout, listed.stderr], [0, '[]\n', '']);
    child.kill('SIGTERM');
    await exited;
  });
});
