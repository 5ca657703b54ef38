/**
 * Unpacks an archive of a hook pack. Every entry is judged before the first byte is written: only files and
 * directories with a path inside the target, and not too many or too large ones.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar';
import yauzl from 'yauzl';
import { TackleError } from '../../core/errors.ts';
import { isInside } from '../discovery/safe-file.ts';

const maxArchiveBytes = 50 * 1024 * 1024;
const maxUnpackedBytes = 200 * 1024 * 1024;
const maxEntries = 20_000;

export function isArchivePath(file: string): boolean {
  return /\.(?:zip|tgz|tar\.gz|tar)$/i.test(file);
}

function refuse(file: string, reason: string): never {
  throw new TackleError('invalid_request', `The archive ${path.basename(file)} is refused: ${reason}`);
}

interface Judge {
  readonly accept: (entryPath: string, type: 'file' | 'directory' | 'other', bytes: number) => void;
}

function createJudge(file: string, target: string): Judge {
  let entries = 0;
  let total = 0;
  return {
    accept: (entryPath, type, bytes) => {
      entries += 1;
      total += bytes;
      const isAbsolute = path.isAbsolute(entryPath) || /^[A-Za-z]:|^[\\/]/.test(entryPath);
      const normalized = entryPath.replaceAll('\\', '/');
      if (isAbsolute || normalized.split('/').includes('..') || entryPath.includes('\u0000'))
        refuse(file, `"${entryPath}" leads outside`);
      if (!isInside(target, path.resolve(target, normalized))) refuse(file, `"${entryPath}" leads outside`);
      if (type === 'other') refuse(file, `"${entryPath}" is a link or a device`);
      if (entries > maxEntries) refuse(file, `it holds more than ${maxEntries} entries`);
      if (total > maxUnpackedBytes) refuse(file, 'it is too large when unpacked');
    },
  };
}

/** Unpacks into `target`, which must be empty, and returns the directory that holds the pack. */
export async function extractArchive(file: string, target: string): Promise<string> {
  const { size } = await stat(file);
  if (size > maxArchiveBytes) refuse(file, 'it is larger than 50 MiB');
  await mkdir(target, { recursive: true });
  if (/\.zip$/i.test(file)) await extractZip(file, target);
  else await extractTar(file, target);
  return findPackRoot(target, file);
}

async function extractTar(file: string, target: string): Promise<void> {
  const judge = createJudge(file, target);
  let problem: unknown;
  await tar
    .list({
      file,
      strict: true,
      onReadEntry: (entry) => {
        try {
          const isFile = entry.type === 'File' || entry.type === 'OldFile' || entry.type === 'ContiguousFile';
          const type = isFile
            ? 'file'
            : entry.type === 'Directory' || entry.type === 'GNUDumpDir'
              ? 'directory'
              : 'other';
          judge.accept(entry.path, type, entry.size);
        } catch (error) {
          problem ??= error;
        }
      },
    })
    .catch((error: unknown) => refuse(file, error instanceof Error ? error.message : String(error)));
  if (problem !== undefined) throw problem;
  // In one go: after a failure (a full disk) nothing is written any more, so that what is there can be removed.
  tar.extract({ file, cwd: target, strict: true, preserveOwner: false, noMtime: true, sync: true });
}

function openZip(file: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(
      file,
      { lazyEntries: true, validateEntrySizes: true, strictFileNames: true, autoClose: false },
      (error, zip) => {
        if (error || zip === undefined) reject(error ?? new Error('it cannot be opened'));
        else resolve(zip);
      },
    );
  });
}

function readZipEntries(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  return new Promise((resolve, reject) => {
    zip.on('entry', (entry: yauzl.Entry) => {
      entries.push(entry);
      if (entries.length > maxEntries + 1) reject(new Error(`it holds more than ${maxEntries} entries`));
      else zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', reject);
    zip.readEntry();
  });
}

const unixTypeMask = 0o170000;
const unixRegular = 0o100000;
const unixDirectory = 0o040000;

async function extractZip(file: string, target: string): Promise<void> {
  const zip = await openZip(file).catch((error: unknown) =>
    refuse(file, error instanceof Error ? error.message : String(error)),
  );
  try {
    const entries = await readZipEntries(zip).catch((error: unknown) =>
      refuse(file, error instanceof Error ? error.message : String(error)),
    );
    const judge = createJudge(file, target);
    for (const entry of entries) {
      const unixType = (entry.externalFileAttributes >>> 16) & unixTypeMask;
      const isOther = unixType !== 0 && unixType !== unixRegular && unixType !== unixDirectory;
      judge.accept(
        entry.fileName,
        isOther ? 'other' : entry.fileName.endsWith('/') ? 'directory' : 'file',
        entry.uncompressedSize,
      );
    }
    for (const entry of entries) await writeZipEntry(zip, entry, target);
  } finally {
    zip.close();
  }
}

async function writeZipEntry(zip: yauzl.ZipFile, entry: yauzl.Entry, target: string): Promise<void> {
  const file = path.resolve(target, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await mkdir(file, { recursive: true });
    return;
  }
  await mkdir(path.dirname(file), { recursive: true });
  const source = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) =>
      error || stream === undefined ? reject(error ?? new Error('it cannot be read')) : resolve(stream),
    );
  });
  await pipeline(source, createWriteStream(file, { flags: 'wx' }));
}

/** The root is `package/` as npm makes it, the only top directory, or the archive itself. */
async function findPackRoot(target: string, file: string): Promise<string> {
  const entries = await readdir(target, { withFileTypes: true });
  if (entries.length === 0) refuse(file, 'it is empty');
  if (entries.some((entry) => entry.name === 'package.json' || entry.name === 'HOOK.md')) return target;
  if (entries.some((entry) => entry.name === 'package' && entry.isDirectory())) return path.join(target, 'package');
  const dirs = entries.filter((entry) => entry.isDirectory());
  if (dirs.length === 1 && dirs[0] !== undefined) return path.join(target, dirs[0].name);
  return refuse(file, 'it holds neither package/ nor a single directory');
}
