import type { CollectionRef } from '../../../ports/storage/documents.ts';
import type { CollectionState } from '../catalogue.ts';
import { indexCommands } from '../commands/indexes.ts';
import { type DocumentRow, deleteRow } from '../document-table.ts';
import type { WriterContext } from '../handlers.ts';

const indexStepMs = 4;
/** Rows per statement: small enough that one takes a few milliseconds at most. */
const rowsPerStatement = 200;

/**
 * What the writer does for itself when nothing else waits: removing what has expired, trimming caps, clearing marks of
 * staged batches, freeing dropped tables, ending index builds. Works in steps of a few milliseconds, each in a transaction of its own.
 */
export class Maintenance {
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #hasDropped = true;
  /** Indexes whose build an earlier run of the process began and did not end. */
  readonly #unbuilt: (CollectionRef & { readonly field: string })[] = [];

  /** Finds out what an earlier run of the process left behind. */
  start(context: WriterContext): void {
    this.#readNextExpiry(context);
    const { connection } = context;
    const published = connection.sql(`SELECT published FROM collections WHERE published <> '[]'`).all() as {
      published: string;
    }[];
    const keep = new Set(published.flatMap((row) => JSON.parse(row.published) as number[]));
    const marks = connection.sql('SELECT DISTINCT expires_at FROM document_expiry WHERE expires_at < 0').all() as {
      expires_at: number;
    }[];
    for (const stage of new Set([...keep, ...marks.map((row) => -row.expires_at)])) {
      context.stages.adopt(stage, keep.has(stage));
    }
    const capped = connection
      .sql(`SELECT n FROM collections WHERE state = 'live' AND cap IS NOT NULL AND documents > cap`)
      .all() as { n: number }[];
    for (const { n } of capped) context.caps.note(n, context.nowMs);
    const building = connection
      .sql(
        `SELECT c.space, c.name AS collection, i.field FROM indexes AS i JOIN collections AS c ON c.n = i.collection_n
         WHERE i.state = 'building'`,
      )
      .all() as unknown as (CollectionRef & { field: string })[];
    this.#unbuilt.push(...building);
  }

  /** When `step` next has something to do. */
  nextDueMs(context: WriterContext): number {
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, context.catalogue.takeEarliestDue());
    if (this.#hasDropped || this.#unbuilt.length > 0 || context.stages.nextEnded() !== null) return 0;
    return Math.min(this.#nextExpiryMs, context.caps.nextDueMs());
  }

  noteDropped(): void {
    this.#hasDropped = true;
  }

  /** Works for about `budgetMs`; answers whether anything was written. */
  step(context: WriterContext, budgetMs: number): boolean {
    const deadline = performance.now() + budgetMs;
    let wrote = false;
    while (performance.now() < deadline) {
      const worked =
        this.#purgeExpired(context) ||
        this.#trimCap(context) ||
        this.#clearStage(context) ||
        this.#freeDroppedIndex(context) ||
        this.#freeDroppedCollection(context) ||
        this.#buildIndex(context);
      if (!worked) break;
      wrote = true;
    }
    return wrote;
  }

  #purgeExpired(context: WriterContext): boolean {
    if (this.#nextExpiryMs > context.nowMs) return false;
    const { connection } = context;
    const due = connection
      .sql(
        'SELECT expires_at, collection_n, seq FROM document_expiry WHERE expires_at >= 0 AND expires_at <= ? LIMIT ?',
      )
      .all(context.nowMs, rowsPerStatement) as { expires_at: number; collection_n: number; seq: number }[];
    for (const entry of due) {
      const collection = findCollection(context, entry.collection_n);
      const row = collection === null ? undefined : readRow(context, collection, entry.seq);
      if (collection !== null && row !== undefined) deleteRow(context, collection, row);
      connection
        .sql('DELETE FROM document_expiry WHERE expires_at = ? AND collection_n = ? AND seq = ?')
        .run(entry.expires_at, entry.collection_n, entry.seq);
    }
    const keys = connection
      .sql(
        `DELETE FROM keyvalue WHERE (space, keyspace, key) IN
         (SELECT space, keyspace, key FROM keyvalue WHERE expires_at <= ? LIMIT ?)`,
      )
      .run(context.nowMs, rowsPerStatement);
    if (due.length > 0 || Number(keys.changes) > 0) return true;
    this.#readNextExpiry(context);
    return false;
  }

  #readNextExpiry({ connection }: WriterContext): void {
    const documents = connection
      .sql('SELECT expires_at FROM document_expiry WHERE expires_at >= 0 ORDER BY expires_at LIMIT 1')
      .get() as { expires_at: number } | undefined;
    const keys = connection
      .sql('SELECT expires_at FROM keyvalue WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1')
      .get() as { expires_at: number } | undefined;
    const never = Number.POSITIVE_INFINITY;
    this.#nextExpiryMs = Math.min(documents?.expires_at ?? never, keys?.expires_at ?? never);
  }

  #trimCap(context: WriterContext): boolean {
    const n = context.caps.takeDue(context.nowMs);
    if (n === null) return false;
    const collection = findCollection(context, n);
    if (collection === null || collection.cap === null) return true;
    const excess = collection.documents - collection.cap;
    if (excess <= 0) return true;
    const oldest = context.connection
      .sql(
        `SELECT seq, _id, revision, expires_at, body FROM d_${n}
         WHERE expires_at IS NULL OR expires_at >= 0 ORDER BY seq LIMIT ?`,
      )
      .all(Math.min(excess, rowsPerStatement)) as unknown as DocumentRow[];
    for (const row of oldest) deleteRow(context, collection, row);
    if (excess > oldest.length && oldest.length > 0) context.caps.note(n, context.nowMs);
    return true;
  }

  #clearStage(context: WriterContext): boolean {
    const ended = context.stages.nextEnded();
    if (ended === null) return false;
    const { connection } = context;
    const rows = connection
      .sql('SELECT collection_n, seq FROM document_expiry WHERE expires_at = ? LIMIT ?')
      .all(-ended.stage, rowsPerStatement) as { collection_n: number; seq: number }[];
    for (const { collection_n: n, seq } of rows) {
      const collection = findCollection(context, n);
      const row = collection === null ? undefined : readRow(context, collection, seq);
      if (collection !== null && row !== undefined) {
        if (ended.keep) connection.sql(`UPDATE d_${n} SET expires_at = NULL WHERE seq = ?`).run(seq);
        else deleteRow(context, collection, row);
      }
      connection
        .sql('DELETE FROM document_expiry WHERE expires_at = ? AND collection_n = ? AND seq = ?')
        .run(-ended.stage, n, seq);
    }
    if (rows.length === 0) {
      this.#forgetStage(context, ended.stage);
      context.stages.finished(ended.stage);
    }
    return true;
  }

  #forgetStage(context: WriterContext, stage: number): void {
    const rows = context.connection
      .sql(`SELECT n FROM collections WHERE state = 'live' AND published <> '[]'`)
      .all() as { n: number }[];
    for (const { n } of rows) {
      const collection = findCollection(context, n);
      if (collection === null || !collection.published.includes(stage)) continue;
      const published = collection.published.filter((one) => one !== stage);
      context.connection.sql('UPDATE collections SET published = ? WHERE n = ?').run(JSON.stringify(published), n);
      context.catalogue.change(collection, { published });
    }
  }

  #buildIndex(context: WriterContext): boolean {
    const [index] = this.#unbuilt;
    if (index === undefined) return false;
    if (indexCommands['index.build'](context, { ...index, budgetMs: indexStepMs }).done) this.#unbuilt.shift();
    return true;
  }

  #freeDroppedIndex({ connection }: WriterContext): boolean {
    if (!this.#hasDropped) return false;
    const index = connection.sql(`SELECT n FROM indexes WHERE state = 'dropping' LIMIT 1`).get() as
      | { n: number }
      | undefined;
    if (index === undefined) return false;
    const { changes } = connection
      .sql(`DELETE FROM i_${index.n} WHERE (value, _id) IN (SELECT value, _id FROM i_${index.n} LIMIT ?)`)
      .run(rowsPerStatement);
    if (Number(changes) === 0) {
      connection.exec(`DROP TABLE i_${index.n}`);
      connection.sql('DELETE FROM indexes WHERE n = ?').run(index.n);
    }
    return true;
  }

  #freeDroppedCollection({ connection, catalogue }: WriterContext): boolean {
    if (!this.#hasDropped) return false;
    const collection = connection.sql(`SELECT n FROM collections WHERE state = 'dropping' LIMIT 1`).get() as
      | { n: number }
      | undefined;
    if (collection === undefined) {
      this.#hasDropped = false;
      return false;
    }
    const table = `d_${collection.n}`;
    const { changes } = connection
      .sql(`DELETE FROM ${table} WHERE seq IN (SELECT seq FROM ${table} ORDER BY seq LIMIT ?)`)
      .run(rowsPerStatement);
    if (Number(changes) === 0) {
      connection.exec(`DROP TABLE ${table}`);
      connection.sql('DELETE FROM collections WHERE n = ?').run(collection.n);
      catalogue.noteTableDropped();
    }
    return true;
  }
}

function findCollection(context: WriterContext, n: number): CollectionState | null {
  const name = context.connection
    .sql(`SELECT space, name AS collection FROM collections WHERE n = ? AND state = 'live'`)
    .get(n) as { space: string; collection: string } | undefined;
  return name === undefined ? null : context.catalogue.get(name);
}

function readRow(context: WriterContext, collection: CollectionState, seq: number): DocumentRow | undefined {
  return context.connection
    .sql(`SELECT seq, _id, revision, expires_at, body FROM d_${collection.n} WHERE seq = ?`)
    .get(seq) as DocumentRow | undefined;
}
