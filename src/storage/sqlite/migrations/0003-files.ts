import type { Migration } from './migration.ts';

/** Which path of a space holds which blob, and how much each space holds. */
export const files: Migration = {
  version: 3,
  name: 'files',
  up(db) {
    db.exec(`
      CREATE TABLE files (
        space TEXT NOT NULL,
        path TEXT NOT NULL,
        hash TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        origin TEXT NOT NULL CHECK (origin IN ('upload', 'app')),
        modified_at INTEGER NOT NULL,
        PRIMARY KEY (space, path)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX files_by_hash ON files (hash, space);

      CREATE TABLE file_usage (
        space TEXT PRIMARY KEY,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
