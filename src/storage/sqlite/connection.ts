import { constants, DatabaseSync, type StatementSync } from 'node:sqlite';
import { TackleError } from '../../core/errors.ts';

/** Older versions can corrupt a database in WAL mode (https://sqlite.org/wal.html, "the WAL-reset bug"). */
const minimumSqliteVersion = [3, 51, 3] as const;
/** The WAL file is cut back to this after a checkpoint that emptied it. */
const walSizeLimitBytes = 64 * 1024 * 1024;
/** 16 MB: pages that are written again and again (most of the durable work's are) go into the file once for all of it. */
const checkpointPages = 4_000;
/** Statements of one generation; those of the generation before are kept while they are used. */
const cachedStatements = 400;

export interface ConnectionOptions {
  readonly path: string;
  readonly readOnly?: boolean;
  readonly cacheKilobytes?: number;
  /** FULL unless a test shows what would be lost with less, or the file may lose its tail. */
  readonly synchronous?: 'FULL' | 'NORMAL';
}

/** One SQLite connection with its prepared statements. */
export class Connection {
  readonly db: DatabaseSync;
  readonly #statements: StatementCache;
  readonly #tupleStatements: StatementCache;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.#statements = new StatementCache((text) => db.prepare(hideLimits(text)));
    this.#tupleStatements = new StatementCache((text) => {
      const statement = db.prepare(hideLimits(text));
      statement.setReturnArrays(true);
      return statement;
    });
  }

  /** The statement for this text, prepared once. The text must come from a small set: values are parameters. */
  sql(text: string): StatementSync {
    return this.#statements.get(text);
  }

  /** The same, but rows are arrays of their columns: three times faster where there are many. */
  tuples(text: string): StatementSync {
    return this.#tupleStatements.get(text);
  }

  exec(text: string): void {
    this.db.exec(text);
  }

  /** Writes a compact copy of the whole database, as of now, into a new file. */
  copyInto(path: string): void {
    // VACUUM attaches its target, which the authorizer of this connection denies to everything else.
    const { query_only: queryOnly } = this.db.prepare('PRAGMA query_only').get() as { query_only: number };
    this.db.setAuthorizer(null);
    this.db.exec('PRAGMA query_only = OFF');
    try {
      this.db.prepare('VACUUM INTO ?').run(path);
    } finally {
      this.db.exec(`PRAGMA query_only = ${queryOnly}`);
      this.db.setAuthorizer(denyAttach);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#tupleStatements.clear();
    if (this.db.isOpen) this.db.close();
  }
}

/**
 * SQLite looks at the value of `LIMIT ?` when it plans, and plans again whenever another one (or the same) is bound: four
 * times the cost of a claim. It does not look into an expression.
 */
function hideLimits(text: string): string {
  return text.replace(/\bLIMIT (\?\d*)/g, 'LIMIT 0 + $1');
}

/** Prepared statements by their text. What is used stays; of the rest, the oldest go. */
class StatementCache {
  readonly #prepare: (text: string) => StatementSync;
  #recent = new Map<string, StatementSync>();
  #older = new Map<string, StatementSync>();

  constructor(prepare: (text: string) => StatementSync) {
    this.#prepare = prepare;
  }

  get(text: string): StatementSync {
    const known = this.#recent.get(text);
    if (known !== undefined) return known;
    const statement = this.#older.get(text) ?? this.#prepare(text);
    if (this.#recent.size >= cachedStatements) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, statement);
    return statement;
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
  }
}

/**
 * Opens the file the one way it may be opened: WAL, every commit on disk before it returns, no memory mapping (a damaged
 * or truncated file must give an error, not SIGBUS), no ATTACH (a commit is atomic within one file only).
 */
export function openConnection(options: ConnectionOptions): Connection {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(options.path, {
      readOnly: options.readOnly ?? false,
      timeout: 10_000,
      enableForeignKeyConstraints: true,
    });
  } catch (error) {
    throw toStorageError(error, `Cannot open ${options.path}`);
  }
  try {
    checkSqliteVersion(db);
    if (!options.readOnly) {
      const mode = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
      if (mode.journal_mode !== 'wal') {
        throw new TackleError(
          'storage_unavailable',
          `${options.path} cannot use a write-ahead log on this file system`,
        );
      }
    }
    db.exec(`PRAGMA synchronous = ${options.synchronous ?? 'FULL'};
      PRAGMA mmap_size = 0;
      PRAGMA wal_autocheckpoint = ${checkpointPages};
      PRAGMA journal_size_limit = ${walSizeLimitBytes};
      PRAGMA cache_size = -${options.cacheKilobytes ?? 8_192};
      PRAGMA trusted_schema = OFF;
      PRAGMA temp_store = MEMORY;`);
    // On macOS fsync leaves the data in the drive's cache; these make SQLite use F_FULLFSYNC (no-op elsewhere).
    db.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;');
    if (options.readOnly) db.exec('PRAGMA query_only = ON');
    db.enableDefensive(true);
    db.setAuthorizer(denyAttach);
    return new Connection(db);
  } catch (error) {
    db.close();
    throw toStorageError(error, `Cannot open ${options.path}`);
  }
}

function denyAttach(action: number): number {
  const isAttach = action === constants.SQLITE_ATTACH || action === constants.SQLITE_DETACH;
  return isAttach ? constants.SQLITE_DENY : constants.SQLITE_OK;
}

function checkSqliteVersion(db: DatabaseSync): void {
  const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string };
  const parts = version.split('.').map(Number);
  for (const [index, least] of minimumSqliteVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new TackleError(
        'storage_unavailable',
        `This Node contains SQLite ${version}; ${minimumSqliteVersion.join('.')} or newer is needed. Use a newer Node.`,
      );
    }
  }
}

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  readonly errcode: number;
  readonly errstr: string;
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR';
}

/** Primary result codes, https://sqlite.org/rescode.html */
const resultCodes = {
  full: 13,
  ioError: 10,
  readOnly: 8,
  cannotOpen: 14,
  corrupt: 11,
  notADatabase: 26,
  busy: 5,
  memory: 7,
};
/** SQLITE_IOERR_WRITE and SQLITE_IOERR_FSYNC etc. keep the primary code in the low byte. */
const primaryCode = (errcode: number): number => errcode & 0xff;

/** SQLite's errors as ours; ours and programming errors pass unchanged. */
export function toStorageError(error: unknown, context: string): unknown {
  if (!isSqliteError(error)) return error;
  const reason = `${context}: ${error.message}`;
  switch (primaryCode(error.errcode)) {
    case resultCodes.full:
      return new TackleError('disk_full', `${reason}. Free some disk space; nothing was changed.`, { cause: error });
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
      return new TackleError('storage_corrupt', `${reason}. Restore the last backup.`, { cause: error });
    case resultCodes.ioError:
    case resultCodes.readOnly:
    case resultCodes.cannotOpen:
    case resultCodes.busy:
    case resultCodes.memory:
      return new TackleError('storage_unavailable', `${reason}. Nothing was changed.`, { cause: error });
    default:
      return error;
  }
}
