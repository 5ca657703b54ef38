import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../files/blob-store.ts';
import type { Storage } from '../ports/storage.ts';
import { type BackupFile, createBackup } from '../storage/backup/create-backup.ts';

export interface BackupStreamOptions {
  readonly home: string;
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly withKey: boolean;
  readonly version: string;
}

/** Configuration that belongs to a home and is not in the database. */
const configurationFiles = ['tackle.json'];

/** Makes the archive in the home's own disk space, then streams and removes it. */
export async function createBackupStream(options: BackupStreamOptions): Promise<AsyncIterable<Uint8Array>> {
  const directory = join(options.home, 'tmp');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const nowMs = Date.now();
  const targetPath = join(directory, `backup-${nowMs}-${process.pid}`);
  await createBackup({
    storage: options.storage,
    targetPath,
    listFiles: () => listFiles(options),
    version: options.version,
    nowMs,
  });
  return removeAfterReading(targetPath);
}

async function* listFiles({ home, blobs, withKey }: BackupStreamOptions): AsyncGenerator<BackupFile> {
  for (const name of withKey ? [...configurationFiles, 'secret.key'] : configurationFiles) {
    const path = join(home, name);
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    if (exists) yield { name, path };
  }
  for await (const { hash } of blobs.list()) {
    const name = `blobs/${hash.slice(0, 2)}/${hash}`;
    yield { name, path: join(home, name) };
  }
}

async function* removeAfterReading(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
  } finally {
    await rm(path, { force: true });
  }
}
