import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageHarness } from '../../conformance/harness.ts';
import { openSqliteStorage, type SqliteStorage, type SqliteStorageOptions } from '../open-sqlite-storage.ts';

export interface TemporaryStorage extends AsyncDisposable {
  readonly directory: string;
  readonly storage: SqliteStorage;
  reopen(options?: Partial<SqliteStorageOptions>): Promise<SqliteStorage>;
}

/** A real engine in a directory of its own, which is removed at the end. */
export async function openTemporaryStorage(options: Partial<SqliteStorageOptions> = {}): Promise<TemporaryStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-storage-'));
  let storage = await openSqliteStorage({ directory, ...options });
  return {
    directory,
    get storage() {
      return storage;
    },
    async reopen(changed = options) {
      await storage[Symbol.asyncDispose]();
      storage = await openSqliteStorage({ directory, ...changed });
      return storage;
    },
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export const sqliteHarness: StorageHarness = { name: 'sqlite', open: () => openTemporaryStorage() };
