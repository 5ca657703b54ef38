import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { Storage } from '../../ports/storage.ts';
import { type BackupManifest, type BackupManifestFile, databaseName, manifestName } from './manifest.ts';
import { blockBytes, encodeTarHeader, paddingOf } from './tar.ts';

export interface BackupFile {
  /** Path inside the home, with `/`. */
  readonly name: string;
  readonly path: string;
}

export interface CreateBackupOptions {
  readonly storage: Pick<Storage, 'backup'>;
  /** The archive; must not exist. */
  readonly targetPath: string;
  /** Blobs, configuration and whatever else belongs to the home. Called after the database was copied. */
  listFiles(): AsyncIterable<BackupFile> | Iterable<BackupFile>;
  readonly version: string;
  readonly nowMs: number;
}

/**
 * Writes one archive: a copy of the database as of one moment, the files, and a manifest with checksums. The gateway goes on
 * meanwhile. The archive appears under its name only when it is complete and on disk.
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupManifest> {
  const targetPath = resolve(options.targetPath);
  if (existsSync(targetPath)) {
    throw new TackleError('invalid_request', `${targetPath} exists already; choose another name for the backup`);
  }
  const workDirectory = await mkdtemp(join(dirname(targetPath), '.tackle-backup-'));
  try {
    const databasePath = join(workDirectory, databaseName);
    await options.storage.backup(databasePath);
    const archivePath = join(workDirectory, 'archive');
    const manifest = await writeArchive(archivePath, databasePath, options);
    await rename(archivePath, targetPath);
    await syncDirectory(dirname(targetPath));
    return manifest;
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

async function writeArchive(
  archivePath: string,
  databasePath: string,
  options: CreateBackupOptions,
): Promise<BackupManifest> {
  const archive = await open(archivePath, 'wx', 0o600);
  try {
    const files: BackupManifestFile[] = [await appendFile(archive, { name: databaseName, path: databasePath })];
    for await (const file of options.listFiles()) files.push(await appendFile(archive, file));
    const manifest: BackupManifest = { format: 1, createdAtMs: options.nowMs, version: options.version, files };
    const text = Buffer.from(JSON.stringify(manifest, null, 2));
    await writeAll(archive, encodeTarHeader({ name: manifestName, size: text.length, mode: 0o600 }));
    await writeAll(archive, text);
    await writeAll(archive, Buffer.alloc(paddingOf(text.length) + 2 * blockBytes));
    await archive.sync();
    return manifest;
  } finally {
    await archive.close();
  }
}

async function appendFile(archive: FileHandle, { name, path }: BackupFile): Promise<BackupManifestFile> {
  const { size, mode } = await stat(path);
  await writeAll(archive, encodeTarHeader({ name, size, mode: mode & 0o777 }));
  const hash = createHash('sha256');
  const source = await open(path, 'r');
  let copied = 0;
  try {
    for await (const chunk of source.createReadStream({ highWaterMark: 1 << 20, autoClose: false })) {
      hash.update(chunk as Buffer);
      await writeAll(archive, chunk as Buffer);
      copied += (chunk as Buffer).length;
    }
  } finally {
    await source.close();
  }
  if (copied !== size) throw new TackleError('conflict', `${path} was changed while it was backed up; try again`);
  await writeAll(archive, Buffer.alloc(paddingOf(size)));
  return { name, size, sha256: hash.digest('hex') };
}

/** `write` may take less than it was given. */
async function writeAll(file: FileHandle, data: Buffer): Promise<void> {
  for (let written = 0; written < data.length; ) {
    written += (await file.write(data, written)).bytesWritten;
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
