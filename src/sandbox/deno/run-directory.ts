import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const prefix = 'tackle-sandbox-';
const ownerFile = 'owner';

/**
 * A directory for the sockets of this gateway: processes of other users may pass through it, not list it. What a gateway
 * left that was killed is removed, with the processes that outlived it.
 */
export async function createRunDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), prefix));
  await Promise.all([
    writeFile(path.join(directory, ownerFile), String(process.pid), { mode: 0o600 }),
    mkdir(path.join(directory, 'empty'), { mode: 0o755 }),
    chmod(directory, 0o711),
  ]);
  return directory;
}

/** Never rejects: what belongs to another user, or is gone meanwhile, is left alone. */
export async function removeStaleRuns(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  const stale: string[] = [];
  for (const name of names.filter((candidate) => candidate.startsWith(prefix))) {
    const directory = path.join(tmpdir(), name);
    const owner = Number(await readFile(path.join(directory, ownerFile), 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) stale.push(directory);
  }
  if (stale.length === 0) return;
  // Where the system cannot tie a process to its parent, one that loops does not notice that its gateway is gone.
  for (const { pid, command } of await listProcesses()) {
    if (stale.some((directory) => command.includes(`${directory}/`))) killQuietly(pid);
  }
  await Promise.all(stale.map((directory) => rm(directory, { recursive: true, force: true }).catch(() => {})));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function listProcesses(): Promise<{ readonly pid: number; readonly command: string }[]> {
  return new Promise((resolve) => {
    execFile('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 16 * 1024 * 1024 }, (_error, stdout) => {
      const lines = stdout.split('\n').map((line) => /^\s*(\d+)\s+(.*)$/.exec(line));
      resolve(lines.flatMap((found) => (found ? [{ pid: Number(found[1]), command: found[2]! }] : [])));
    });
  });
}
