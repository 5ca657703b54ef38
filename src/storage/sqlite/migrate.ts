import type { DatabaseSync } from 'node:sqlite';
import { TackleError } from '../../core/errors.ts';
import type { Migration } from './migrations/migration.ts';

export interface MigrationResult {
  readonly from: number;
  readonly to: number;
}

export interface MigrateOptions {
  readonly migrations: readonly Migration[];
  /** Called before the first step when there is data to lose. */
  backUp(fromVersion: number): void;
}

/**
 * Brings the schema up to date, every step in a transaction of its own together with its version number. A schema that is
 * newer than this program is refused, so that an older release never writes into it.
 */
export function migrate(db: DatabaseSync, options: MigrateOptions): MigrationResult {
  const newest = options.migrations.length;
  const from = readSchemaVersion(db);
  if (from > newest) {
    throw new TackleError(
      'storage_unavailable',
      `The data was written by a newer release (schema ${from}; this release knows ${newest}). Install the newer release again, or restore a backup made by this one.`,
    );
  }
  const pending = options.migrations.slice(from);
  if (from > 0 && pending.length > 0) options.backUp(from);
  for (const migration of pending) {
    db.exec('BEGIN IMMEDIATE');
    try {
      migration.up(db);
      db.exec(`PRAGMA user_version = ${migration.version}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw new TackleError('storage_unavailable', `Migration ${migration.version} (${migration.name}) failed`, {
        cause: error,
      });
    }
  }
  return { from, to: newest };
}

export function readSchemaVersion(db: DatabaseSync): number {
  return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}
