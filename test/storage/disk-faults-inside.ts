/**
 * Runs inside a user and mount namespace where the directory is a small tmpfs of its own, and tells what it saw as JSON.
 *
 *   node disk-faults-inside.ts full <directory>
 *   node disk-faults-inside.ts read-only <directory>
 */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TackleError } from '../../src/core/errors.ts';
import { encodeStoredBody } from '../../src/core/query/stored-text.ts';
import type { Storage } from '../../src/ports/storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';

const [mode, directory] = process.argv.slice(2) as [string, string];
const lane = { lane: { lane: 'space', space: 's' } } as const;
const body = encodeStoredBody({ filling: 'x'.repeat(20_000) });

async function insert(storage: Storage, id: string): Promise<string> {
  try {
    const documents = ['a', 'b'].map((part) => ({ id: `${id}${part}`, body }));
    await storage.commit([{ kind: 'document.insert', space: 's', collection: 'c', documents }], lane);
    return 'ok';
  } catch (error) {
    return error instanceof TackleError ? error.code : String(error);
  }
}

async function count(storage: Storage): Promise<number> {
  const filter = { kind: 'and', filters: [] } as const;
  return (await storage.read({ kind: 'document.count', space: 's', collection: 'c', filter })).count;
}

async function readiness(storage: Storage): Promise<string> {
  return storage.checkReady().then(
    () => 'ok',
    (error: TackleError) => error.code,
  );
}

async function fillDisk(): Promise<object> {
  const ballast = join(directory, 'ballast');
  writeFileSync(ballast, Buffer.alloc(1_500_000, 1));
  const storage = await openSqliteStorage({ directory });
  let acknowledged = 0;
  let failure = 'ok';
  for (let n = 0; n < 1_000 && failure === 'ok'; n += 1) {
    failure = await insert(storage, `before${n}-`);
    if (failure === 'ok') acknowledged += 2;
  }
  const during = {
    again: await insert(storage, 'during'),
    ready: await readiness(storage),
    rows: await count(storage),
  };
  rmSync(ballast);
  const after = { insert: await insert(storage, 'after'), ready: await readiness(storage), rows: await count(storage) };
  await storage[Symbol.asyncDispose]();
  return { acknowledged, failure, during, after };
}

async function openReadOnly(): Promise<object> {
  const first = await openSqliteStorage({ directory });
  await insert(first, 'x');
  await first[Symbol.asyncDispose]();
  const remount = (how: string) => execFileSync('mount', ['-o', `remount,${how}`, directory]);
  remount('ro');
  const refusal = await openSqliteStorage({ directory }).then(
    () => 'opened',
    (error: unknown) => (error instanceof TackleError ? `${error.code}: ${error.message}` : String(error)),
  );
  remount('rw');
  const second = await openSqliteStorage({ directory });
  const result = { refusal, insert: await insert(second, 'y'), rows: await count(second) };
  await second[Symbol.asyncDispose]();
  return result;
}

console.log(JSON.stringify(mode === 'full' ? await fillDisk() : await openReadOnly()));
