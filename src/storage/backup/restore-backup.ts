import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { openConnection } from '../sqlite/connection.ts';
import { checkIntegrity } from '../sqlite/integrity.ts';
import { lockHome } from '../sqlite/lock-home.ts';
import { readSchemaVersion } from '../sqlite/migrate.ts';
import { migrations } from '../sqlite/migrations/index.ts';
import { syncDirectory } from './create-backup.ts';
import { type BackupManifest, databaseName, manifestName } from './manifest.ts';
import { blockBytes, decodeTarHeader, paddingOf } from './tar.ts';

export interface RestoreBackupOptions {
  readonly archivePath: string;
  /** Must not be in use; what is there is kept beside it under another name. */
  readonly homeDirectory: string;
  /** Files of the old home that a backup does not hold and the new one needs. */
  readonly keepFiles?: readonly string[];
  /** Start schedules and workers at once. They would do again what was done after the backup. */
  readonly resume?: boolean;
  readonly nowMs: number;
}

export interface RestoreResult {
  readonly manifest: BackupManifest;
  /** Where the home that was there is now; null when there was none. */
  readonly previousHome: string | null;
}

/** Record (`records.ts`) that tells the gateway that it runs on a restored home and is to stay paused. */
export const restoredRecord = { type: 'gateway', key: 'restored' } as const;

const manifestBytes = 64 * 1024 * 1024;
const copyBytes = 1 << 20;

/**
 * Unpacks a backup into a new directory, verifies every checksum and the database itself, and only then puts it in the place
 * of the home. Throws `invalid_request` (no archive, damaged, incomplete), `home_locked`.
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoreResult> {
  const home = resolve(options.homeDirectory);
  await mkdir(dirname(home), { recursive: true });
  const lock = existsSync(home) ? lockHome(home, { pid: process.pid, host: 'restore', url: null }) : null;
  const staging = join(dirname(home), `.${basename(home)}-restore-${process.pid}-${options.nowMs}`);
  try {
    await mkdir(staging, { mode: 0o700 });
    const manifest = await unpack(options.archivePath, staging);
    finishDatabase(join(staging, databaseName), options);
    for (const name of options.keepFiles ?? ['secret.key', 'admin.token']) {
      const kept = join(home, name);
      if (existsSync(kept) && !existsSync(join(staging, name))) await copyFile(kept, join(staging, name));
    }
    lock?.[Symbol.dispose]();
    const previousHome = lock === null ? null : `${home}.before-restore-${options.nowMs}`;
    if (previousHome !== null) await rename(home, previousHome);
    await rename(staging, home);
    await syncDirectory(dirname(home));
    return { manifest, previousHome };
  } finally {
    lock?.[Symbol.dispose]();
    await rm(staging, { recursive: true, force: true });
  }
}

async function unpack(archivePath: string, directory: string): Promise<BackupManifest> {
  const archive = await open(archivePath, 'r').catch((cause: unknown) => {
    throw new TackleError('invalid_request', `Cannot read the backup ${archivePath}`, { cause });
  });
  try {
    const found = new Map<string, { size: number; sha256: string }>();
    for (let position = 0; ; ) {
      const header = Buffer.alloc(blockBytes);
      await readFully(archive, header, position);
      position += blockBytes;
      const entry = decodeTarHeader(header);
      if (entry === null) throw incomplete('it has no manifest');
      if (entry.name === manifestName) {
        if (entry.size > manifestBytes) throw incomplete('its manifest is too large');
        const text = Buffer.alloc(entry.size);
        await readFully(archive, text, position);
        return verifyManifest(text, found);
      }
      const sha256 = await extract(archive, position, entry.size, toPath(directory, entry.name), entry.mode);
      found.set(entry.name, { size: entry.size, sha256 });
      position += entry.size + paddingOf(entry.size);
    }
  } finally {
    await archive.close();
  }
}

function verifyManifest(text: Buffer, found: Map<string, { size: number; sha256: string }>): BackupManifest {
  const manifest = JSON.parse(text.toString()) as BackupManifest;
  if (manifest.format !== 1) {
    throw new TackleError(
      'invalid_request',
      `The backup has format ${manifest.format}, which this release cannot read`,
    );
  }
  for (const { name, size, sha256 } of manifest.files) {
    const file = found.get(name);
    if (file === undefined) throw incomplete(`${name} is missing`);
    if (file.size !== size || file.sha256 !== sha256) throw incomplete(`${name} does not have its checksum`);
  }
  if (!found.has(databaseName)) throw incomplete('it holds no database');
  if (found.size !== manifest.files.length) throw incomplete('it holds files that its manifest does not name');
  return manifest;
}

async function extract(archive: FileHandle, start: number, size: number, path: string, mode: number): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const target = await open(path, 'wx', mode);
  try {
    for (let copied = 0; copied < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(copyBytes, size - copied));
      await readFully(archive, chunk, start + copied);
      hash.update(chunk);
      await target.writeFile(chunk);
      copied += chunk.length;
    }
    await target.sync();
  } finally {
    await target.close();
  }
  return hash.digest('hex');
}

async function readFully(file: FileHandle, target: Buffer, position: number): Promise<void> {
  for (let read = 0; read < target.length; ) {
    const { bytesRead } = await file.read(target, read, target.length - read, position + read);
    if (bytesRead === 0) throw incomplete('it ends too early');
    read += bytesRead;
  }
}

/** Checks the copy as a database and notes that it was restored. */
function finishDatabase(path: string, options: RestoreBackupOptions): void {
  const connection = openConnection({ path });
  try {
    Array.from(checkIntegrity(connection, { budgetMs: Number.POSITIVE_INFINITY }));
    const version = readSchemaVersion(connection.db);
    if (version > migrations.length) {
      throw new TackleError(
        'storage_unavailable',
        `The backup was made by a newer release (schema ${version}; this one knows ${migrations.length})`,
      );
    }
    const value = { restoredAtMs: options.nowMs, paused: options.resume !== true };
    connection
      .sql(
        `INSERT INTO records (type, key, value, revision) VALUES (?, ?, ?, 1)
         ON CONFLICT (type, key) DO UPDATE SET value = excluded.value, revision = revision + 1`,
      )
      .run(restoredRecord.type, restoredRecord.key, JSON.stringify(value));
  } finally {
    connection.close();
  }
}

/** An archive from elsewhere must not write outside of the directory. */
function toPath(directory: string, name: string): string {
  const path = resolve(directory, name);
  if (name === '' || name.includes('\0') || !path.startsWith(directory + sep)) {
    throw new TackleError('invalid_request', `The backup holds a file with the name ${JSON.stringify(name)}`);
  }
  return path;
}

function incomplete(reason: string): TackleError {
  return new TackleError('invalid_request', `The backup is damaged or incomplete: ${reason}. Nothing was changed.`);
}
