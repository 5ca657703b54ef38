/**
 * What is left when the power fails: a kill leaves the page cache alone, so here the system calls say what had reached the
 * disk. strace records every write to and sync of the write-ahead log, and every acknowledgement. At each acknowledgement
 * everything written after the last completed sync is taken away, at several lengths, and the rest is opened again.
 *
 * Real: a child process with the engine, its system calls, the files it wrote. Modelled: the disk keeps what was synced and
 * loses any part of what was not. The same model must find losses with `synchronous = NORMAL`, or it would prove nothing.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { readStoredRows } from './stored-rows.ts';

const script = join(import.meta.dirname, 'insert-storm.ts');
const total = 60;
const missing = findMissingTool();

function findMissingTool(): string | false {
  if (process.platform !== 'linux') return 'needs strace, which is there on Linux only';
  try {
    // Also finds out whether this machine permits tracing.
    execFileSync('strace', ['-o', '/dev/null', '-e', 'trace=none', 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs strace (Debian: apt-get install strace) and the permission to trace';
  }
}

interface Trace {
  /** Ids in the order of their acknowledgement, with the length of the log that was on disk at that moment. */
  readonly acknowledged: readonly { readonly id: string; readonly syncedBytes: number }[];
  readonly wal: Buffer;
  readonly database: Buffer;
}

test('an acknowledged insert survives the loss of everything that was not synced', { skip: missing }, async () => {
  await using home = await temporaryDirectory();
  const trace = await runTraced(home.path, 'FULL');
  assert.equal(trace.acknowledged.length, total);
  assert.equal(await countLost(home.path, trace), 0);
});

test('with synchronous = NORMAL the same model finds losses', { skip: missing }, async () => {
  await using home = await temporaryDirectory();
  const trace = await runTraced(home.path, 'NORMAL');
  assert.equal(trace.acknowledged.length, total);
  assert.ok((await countLost(home.path, trace)) > 0);
});

/** Opens what the disk holds after a power loss at each acknowledgement, and counts acknowledged rows that are not there. */
async function countLost(directory: string, trace: Trace): Promise<number> {
  let lost = 0;
  const after = join(directory, 'after');
  for (const [index, { syncedBytes }] of trace.acknowledged.entries()) {
    for (const length of lengthsFrom(syncedBytes, trace.wal.length, index)) {
      await rm(after, { recursive: true, force: true });
      await mkdir(after);
      writeFileSync(join(after, 'tackle.db'), trace.database);
      writeFileSync(join(after, 'tackle.db-wal'), trace.wal.subarray(0, length));
      const stored = readStoredRows(join(after, 'tackle.db'));
      assert.equal(stored.integrity, 'ok');
      assert.equal(stored.counter, stored.ids.size, 'a commit was applied by half');
      const expected = trace.acknowledged.slice(0, index + 1);
      lost += expected.filter(({ id }) => !stored.ids.has(id)).length;
    }
  }
  return lost;
}

/** The log as synced, and cut at lengths behind that, also in the middle of a frame. */
function lengthsFrom(synced: number, end: number, seed: number): number[] {
  const lengths = [synced, synced + 1, synced + 24, synced + 4_096 + (seed % 97), end];
  return [...new Set(lengths.filter((length) => length <= end))];
}

async function runTraced(directory: string, synchronous: string): Promise<Trace> {
  const home = join(directory, 'home');
  const log = join(directory, 'strace.txt');
  // Opened once before, so that the traced run has its schema in the database file.
  await run(process.execPath, [script, home, 'before', synchronous, '1']);
  const database = join(home, 'tackle.db');
  execFileSync(process.execPath, [
    '-e',
    `const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(database)});
     db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); db.exec('PRAGMA wal_autocheckpoint = 0'); db.close()`,
  ]);
  const databaseBefore = readFileSync(database);
  const calls = 'trace=openat,pwrite64,pwritev,fdatasync,fsync,write';
  const args = ['-f', '-qq', '-s', '64', '-e', calls, '-o', log, process.execPath, script, home, 'row', synchronous];
  await run('strace', [...args, String(total)]);
  const wal = readFileSync(`${database}-wal`);
  return { acknowledged: readTrace(readFileSync(log, 'utf8')), wal, database: databaseBefore };
}

/** Runs until it says "done", then kills it: nothing is closed, as in a power loss. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  await Promise.race([
    new Promise<void>((resolve) => lines.on('line', (line) => line === 'done' && resolve())),
    exited,
  ]);
  // The tracer and the process it traces are one group.
  if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
  await exited;
}

/** Follows the calls of all threads: an entry that another thread interrupts is completed by its "resumed" line. */
function readTrace(text: string): Trace['acknowledged'] {
  const acknowledged: { id: string; syncedBytes: number }[] = [];
  const unfinished = new Map<string, { call: string; writtenBefore: number }>();
  /** Which of the descriptors are the log: each thread has its own, and numbers are used again. */
  const walFds = new Set<string>();
  let writtenBytes = 0;
  let syncedBytes = 0;
  for (const line of text.split('\n')) {
    const [, thread, rest] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (thread === undefined || rest === undefined) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const started = resumed === null ? undefined : unfinished.get(thread);
    const call: string = started === undefined ? rest : started.call.replace(' <unfinished ...>', '') + resumed![1]!;
    const writtenBefore = started?.writtenBefore ?? writtenBytes;
    if (call.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { call, writtenBefore });
      // An acknowledgement counts from the moment it begins, a write to the log only when it is complete.
      if (!call.startsWith('write(1,')) continue;
    }
    const opened = /^openat\(.* = (\d+)$/.exec(call);
    if (opened !== null) walFds.delete(opened[1]!);
    if (opened !== null && call.includes('tackle.db-wal"')) walFds.add(opened[1]!);
    const written = /^pwrite64\((\d+), .*, (\d+), (\d+)\) += \d+$/.exec(call);
    if (written !== null && walFds.has(written[1]!)) {
      writtenBytes = Math.max(writtenBytes, Number(written[2]) + Number(written[3]));
    }
    const synced = /^f(?:data)?sync\((\d+)\) += 0$/.exec(call);
    if (synced !== null && walFds.has(synced[1]!)) syncedBytes = Math.max(syncedBytes, writtenBefore);
    if (resumed !== null) {
      unfinished.delete(thread);
      if (call.startsWith('write(1,')) continue;
    }
    const told = /^write\(1, "(row-\d+)\\n"/.exec(call);
    if (told !== null) acknowledged.push({ id: told[1]!, syncedBytes });
  }
  return acknowledged;
}

async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tackle-power-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
