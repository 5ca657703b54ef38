import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TackleError } from '../../core/errors.ts';
import { isSqliteError } from './connection.ts';

/** What the message about a locked home tells; nothing depends on it. */
export interface GatewayInfo {
  readonly pid: number;
  readonly host: string;
  readonly url: string | null;
}

export interface HomeLock extends Disposable {
  /** Tells others more, for example the URL once it is known. */
  update(info: GatewayInfo): void;
}

/** What is held: a lock whose object were collected would end with it. */
const held = new Set<DatabaseSync>();
/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
const busy = 5;
/** Magic numbers of statfs(2): locks and shared memory of a write-ahead log do not work on these. */
const networkFileSystems = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
]);

/**
 * Makes this process the only gateway of a home. The kernel holds the lock for the process and releases it when the process
 * ends, however it ends. Throws `home_locked`, or `storage_unavailable` for a network file system.
 */
export function lockHome(directory: string, info: GatewayInfo): HomeLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  refuseNetworkFileSystem(directory);
  const infoPath = join(directory, 'gateway.json');
  const db = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!isSqliteError(error) || (error.errcode & 0xff) !== busy) throw error;
    throw new TackleError('home_locked', describeHolder(directory, infoPath), { cause: error });
  }
  const update = (current: GatewayInfo): void => writeFileSync(infoPath, JSON.stringify(current), { mode: 0o600 });
  update(info);
  held.add(db);
  return {
    update,
    [Symbol.dispose]() {
      if (!held.delete(db)) return;
      rmSync(infoPath, { force: true });
      db.close();
    },
  };
}

/** Whether a gateway runs on the home, and which. */
export function readHomeHolder(directory: string): GatewayInfo | null {
  try {
    return JSON.parse(readFileSync(join(directory, 'gateway.json'), 'utf8')) as GatewayInfo;
  } catch {
    return null;
  }
}

function describeHolder(directory: string, infoPath: string): string {
  const holder = readHomeHolder(directory);
  const who = holder === null ? 'Another process' : `Process ${holder.pid} on ${holder.host}`;
  const where = holder?.url ? ` It answers at ${holder.url}.` : '';
  return `${who} already uses the home ${directory}.${where} Stop it first, or choose another home with --home. (${infoPath})`;
}

function refuseNetworkFileSystem(directory: string): void {
  const name = networkFileSystems.get(statfsSync(directory).type);
  if (name === undefined) return;
  throw new TackleError(
    'storage_unavailable',
    `${directory} lies on a network file system (${name}), where SQLite's locks do not hold. Choose a home on a local disk.`,
  );
}
