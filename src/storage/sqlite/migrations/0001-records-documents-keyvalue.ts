import type { Migration } from './migration.ts';

/**
 * Each collection has a table `d_<n>` of its own, each index a table `i_<n>`; both are made when they are declared
 * (`collections.ts`, `indexes.ts`), and their numbers are never used again.
 */
export const recordsDocumentsKeyvalue: Migration = {
  version: 1,
  name: 'records, documents, key-value',
  up(db) {
    db.exec(`
      CREATE TABLE records (
        type TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        revision INTEGER NOT NULL,
        PRIMARY KEY (type, key)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE collections (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('live', 'dropping')),
        created_at INTEGER NOT NULL,
        cap INTEGER,
        cap_delay_ms INTEGER NOT NULL DEFAULT 1000,
        schema TEXT,
        documents INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        -- No body is longer; rounded up. Tells readers how many rows they can take at once.
        longest INTEGER NOT NULL DEFAULT 4096,
        -- No document of the collection may get a revision at or below this, so that no (id, revision) ever comes back.
        revision_floor INTEGER NOT NULL DEFAULT 0,
        -- JSON array: staged batches that are published, but whose rows still carry the mark.
        published TEXT NOT NULL DEFAULT '[]'
      ) STRICT;
      CREATE UNIQUE INDEX collections_by_name ON collections (space, name) WHERE state = 'live';

      CREATE TABLE indexes (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        collection_n INTEGER NOT NULL,
        field TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('building', 'ready', 'dropping')),
        -- 1 once a document has had several keys: then two bounds on the field may be met by different elements.
        multikey INTEGER NOT NULL DEFAULT 0,
        -- Documents up to this seq are in the index.
        built_to INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE UNIQUE INDEX indexes_by_field ON indexes (collection_n, field) WHERE state <> 'dropping';

      CREATE TABLE document_expiry (
        expires_at INTEGER NOT NULL,
        collection_n INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (expires_at, collection_n, seq)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE keyvalue (
        space TEXT NOT NULL,
        keyspace TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (space, keyspace, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX keyvalue_expiry ON keyvalue (expires_at) WHERE expires_at IS NOT NULL;

      CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `);
  },
};
