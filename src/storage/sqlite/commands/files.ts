import { TackleError } from '../../../core/errors.ts';
import type { FileCommands, FileListing, FileReads, FileRow, FileUsage } from '../../../ports/storage/files.ts';
import type { Connection } from '../connection.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { prefixRange } from '../prefix-range.ts';

interface StoredRow {
  readonly path: string;
  readonly hash: string;
  readonly size_bytes: number;
  readonly content_type: string;
  readonly origin: FileRow['origin'];
  readonly modified_at: number;
}

const columns = 'path, hash, size_bytes, content_type, origin, modified_at';

export const fileCommands: CommandHandlers<FileCommands> = {
  'file.put': ({ connection }, { space, file, maxSpaceBytes }) => {
    const before = getRow(connection, space, file.path);
    const addedBytes = file.sizeBytes - (before?.size_bytes ?? 0);
    if (before === undefined) checkTree(connection, space, file.path);
    if (maxSpaceBytes !== null && addedBytes > 0) checkQuota(connection, space, addedBytes, maxSpaceBytes);
    connection
      .sql(
        `INSERT INTO files (space, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (space, path) DO UPDATE SET hash = excluded.hash, size_bytes = excluded.size_bytes,
           content_type = excluded.content_type, origin = excluded.origin, modified_at = excluded.modified_at`,
      )
      .run(space, file.path, file.hash, file.sizeBytes, file.contentType, file.origin, file.modifiedAtMs);
    addUsage(connection, space, before === undefined ? 1 : 0, addedBytes);
    return { replacedHash: before === undefined || before.hash === file.hash ? null : before.hash };
  },

  'file.remove': ({ connection }, { space, path }) => {
    const before = getRow(connection, space, path);
    if (before === undefined) return { removedHash: null };
    connection.sql('DELETE FROM files WHERE space = ? AND path = ?').run(space, path);
    addUsage(connection, space, -1, -before.size_bytes);
    return { removedHash: before.hash };
  },

  'file.removeSpace': ({ connection }, { space, limit }) => {
    const { changes } = connection
      .sql(
        `DELETE FROM files WHERE space = ?1 AND path IN
         (SELECT path FROM files WHERE space = ?1 ORDER BY path LIMIT ?2)`,
      )
      .run(space, limit);
    if (Number(changes) < limit) connection.sql('DELETE FROM file_usage WHERE space = ?').run(space);
    return { removed: Number(changes) };
  },
};

export const fileReads: ReadHandlers<FileReads> = {
  'file.get': {
    lane: 'point',
    run: ({ connection }, { space, path }) => {
      const row = getRow(connection, space, path);
      return row === undefined ? null : toFile(row);
    },
  },
  'file.list': {
    lane: 'scan',
    run: ({ connection }, { space, directory, recursive, limit, after }) =>
      recursive
        ? listRows(connection, space, directory, after ?? '', limit).map((row) => ({ kind: 'file', ...toFile(row) }))
        : listLevel(connection, space, directory, after ?? '', limit),
  },
  'file.usage': { lane: 'point', run: ({ connection }, { space }) => getUsage(connection, space) },
  'file.findReferenced': {
    lane: 'scan',
    run: ({ connection }, { hashes, space }) => {
      const inSpace = space === undefined ? '' : 'AND space = ?2';
      const rows = connection
        .sql(`SELECT DISTINCT hash FROM files WHERE hash IN (SELECT value FROM json_each(?1)) ${inSpace}`)
        .all(JSON.stringify(hashes), ...(space === undefined ? [] : [space]));
      return (rows as unknown as { hash: string }[]).map(({ hash }) => hash);
    },
  },
};

function getRow(connection: Connection, space: string, path: string): StoredRow | undefined {
  return connection.sql(`SELECT ${columns} FROM files WHERE space = ? AND path = ?`).get(space, path) as
    | StoredRow
    | undefined;
}

function listRows(
  connection: Connection,
  space: string,
  directory: string,
  after: string,
  limit: number,
): readonly StoredRow[] {
  const { from, to } = prefixRange(directory);
  return connection
    .sql(
      `SELECT ${columns} FROM files
       WHERE space = ? AND path >= ? AND path < ? AND path > ? ORDER BY path LIMIT ?`,
    )
    .all(space, from, to, after, limit) as unknown as StoredRow[];
}

/** One step per entry: what lies below a directory is skipped by its range, however much it is. */
function listLevel(
  connection: Connection,
  space: string,
  directory: string,
  after: string,
  limit: number,
): FileListing[] {
  const found: FileListing[] = [];
  const { to } = prefixRange(directory);
  let from: string = directory;
  if (after !== '') from = after.endsWith('/') ? (prefixRange(after).to as string) : `${after}\u0000`;
  const next = connection.sql(
    `SELECT ${columns} FROM files WHERE space = ? AND path >= ? AND path < ? ORDER BY path LIMIT 1`,
  );
  while (found.length < limit) {
    const row = next.get(space, from, to) as StoredRow | undefined;
    if (row === undefined) break;
    const slash = row.path.indexOf('/', directory.length);
    if (slash === -1) {
      found.push({ kind: 'file', ...toFile(row) });
      from = `${row.path}\u0000`;
    } else {
      const path = row.path.slice(0, slash + 1);
      found.push({ kind: 'directory', path, modifiedAtMs: row.modified_at });
      from = prefixRange(path).to as string;
    }
  }
  return found;
}

/** `/a` cannot be a file while `/a/b` is one: no file system could show both. */
function checkTree(connection: Connection, space: string, path: string): void {
  const { from, to } = prefixRange(`${path}/`);
  const below = connection
    .sql('SELECT path FROM files WHERE space = ? AND path >= ? AND path < ? LIMIT 1')
    .get(space, from, to);
  if (below !== undefined) throw new TackleError('conflict', `${path} is a directory; choose another name`);
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (getRow(connection, space, parent) !== undefined) {
      throw new TackleError('conflict', `${parent} is a file, so ${path} cannot be stored below it`);
    }
  }
}

function checkQuota(connection: Connection, space: string, addedBytes: number, maxSpaceBytes: number): void {
  const documents = connection
    .sql(`SELECT COALESCE(SUM(bytes), 0) AS bytes FROM collections WHERE space = ? AND state = 'live'`)
    .get(space) as { bytes: number };
  const used = documents.bytes + getUsage(connection, space).bytes;
  if (used + addedBytes <= maxSpaceBytes) return;
  throw new TackleError(
    'quota_exceeded',
    `The space may hold ${maxSpaceBytes} bytes and holds ${used} already; ${addedBytes} more do not fit`,
    { details: { maxBytes: maxSpaceBytes, usedBytes: used, addedBytes } },
  );
}

function getUsage(connection: Connection, space: string): FileUsage {
  const row = connection.sql('SELECT files, bytes FROM file_usage WHERE space = ?').get(space) as FileUsage | undefined;
  return row === undefined ? { files: 0, bytes: 0 } : { files: row.files, bytes: row.bytes };
}

function addUsage(connection: Connection, space: string, files: number, bytes: number): void {
  connection
    .sql(
      `INSERT INTO file_usage (space, files, bytes) VALUES (?1, ?2, ?3)
       ON CONFLICT (space) DO UPDATE SET files = files + ?2, bytes = bytes + ?3`,
    )
    .run(space, files, bytes);
}

function toFile(row: StoredRow): FileRow {
  return {
    path: row.path,
    hash: row.hash,
    sizeBytes: row.size_bytes,
    contentType: row.content_type,
    origin: row.origin,
    modifiedAtMs: row.modified_at,
  };
}
