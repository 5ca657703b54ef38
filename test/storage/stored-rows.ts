import { DatabaseSync } from 'node:sqlite';

export interface StoredRows {
  readonly ids: ReadonlySet<string>;
  /** The counter that was committed together with each row. */
  readonly counter: number;
  readonly integrity: string;
}

/** What a database of the insert storm holds, read with SQLite alone. */
export function readStoredRows(path: string): StoredRows {
  const db = new DatabaseSync(path);
  try {
    const integrity = (db.prepare('PRAGMA integrity_check').get() as { integrity_check: string }).integrity_check;
    const hasSchema = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'collections'`).get() !== undefined;
    if (!hasSchema) return { ids: new Set(), counter: 0, integrity };
    const table = db.prepare(`SELECT n FROM collections WHERE name = 'rows'`).get() as { n: number } | undefined;
    if (table === undefined) return { ids: new Set(), counter: 0, integrity };
    const rows = db.prepare(`SELECT _id FROM d_${table.n}`).all() as { _id: string }[];
    const counter = db.prepare(`SELECT value FROM keyvalue WHERE key = 'rows'`).get() as { value: string } | undefined;
    return { ids: new Set(rows.map(({ _id }) => _id)), counter: Number(counter?.value ?? 0), integrity };
  } finally {
    db.close();
  }
}
