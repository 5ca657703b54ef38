/** Real: the lock file, a second process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockHome, readHomeHolder } from './lock-home.ts';

const info = { pid: process.pid, host: 'here', url: null };

test('a home has one holder, and the message tells which', async () => {
  await using home = await temporaryDirectory();
  const lock = lockHome(home.path, info);
  lock.update({ ...info, url: 'http://127.0.0.1:3011' });
  assert.throws(() => lockHome(home.path, info), {
    code: 'home_locked',
    message: new RegExp(`Process ${process.pid} on here .* http://127\\.0\\.0\\.1:3011`),
  });
  lock[Symbol.dispose]();
  assert.equal(readHomeHolder(home.path), null);
  lockHome(home.path, info)[Symbol.dispose]();
});

test('the lock ends with its process, also when that is killed', async () => {
  await using home = await temporaryDirectory();
  const script = `
    const { lockHome } = await import(${JSON.stringify(new URL('./lock-home.ts', import.meta.url).href)});
    lockHome(process.argv[1], { pid: process.pid, host: 'child', url: null });
    // Nobody can reach the lock any more; it must not end with that.
    gc();
    console.log('held');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, home.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    assert.throws(() => lockHome(home.path, info), { code: 'home_locked', message: /on child/ });
  } finally {
    child.kill('SIGKILL');
  }
  await exited;
  lockHome(home.path, info)[Symbol.dispose]();
});

async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tackle-lock-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
