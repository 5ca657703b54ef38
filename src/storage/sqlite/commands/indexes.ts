import { TackleError } from '../../../core/errors.ts';
import { parsePath } from '../../../core/query/parse-filter.ts';
import { decodeStoredDocument } from '../../../core/query/stored-text.ts';
import type { DocumentCommands } from '../../../ports/storage/documents.ts';
import type { CollectionState, IndexState } from '../catalogue.ts';
import { addKeys, type DocumentRow } from '../document-table.ts';
import type { CommandHandlers, WriterContext } from '../handlers.ts';
import { computeIndexKeys } from '../index-keys.ts';

const rowsPerStatement = 100;
const maxIndexesPerCollection = 32;

/**
 * An index is a table `i_<n>` (value, _id, seq) that every write of the collection maintains from the moment it is
 * declared, and that is filled for the older documents in small steps. `CREATE INDEX` would be one statement over the whole
 * collection (about a second per million documents, with the writer held), and knows one key per document: here the
 * elements of arrays have keys of their own.
 */
export const indexCommands: CommandHandlers<Pick<DocumentCommands, 'index.create' | 'index.build' | 'index.remove'>> = {
  'index.create': (context, params) => {
    const collection = context.catalogue.getOrCreate(params, context.nowMs);
    const known = findIndex(collection, params.field);
    if (known !== undefined) return { field: known.field, state: known.state };
    checkField(params.field);
    if (collection.indexes.length >= maxIndexesPerCollection) {
      throw new TackleError(
        'quota_exceeded',
        `"${collection.name}" has its ${maxIndexesPerCollection} indexes already; remove one first`,
      );
    }
    const state = collection.documents === 0 && isEmpty(context, collection) ? 'ready' : 'building';
    const { lastInsertRowid } = context.connection
      .sql('INSERT INTO indexes (collection_n, field, state) VALUES (?, ?, ?)')
      .run(collection.n, params.field, state);
    const n = Number(lastInsertRowid);
    context.connection.exec(
      `CREATE TABLE i_${n} (value ANY NOT NULL, _id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (value, _id))
       STRICT, WITHOUT ROWID`,
    );
    const index: IndexState = { n, field: params.field, path: params.field.split('.'), state, multikey: false };
    context.catalogue.change(collection, { indexes: [...collection.indexes, index] });
    return { field: index.field, state };
  },

  'index.build': (context, params) => {
    const collection = context.catalogue.get(params);
    const index = collection === null ? undefined : findIndex(collection, params.field);
    if (collection === null || index === undefined || index.state === 'ready') return { processed: 0, done: true };
    const deadline = performance.now() + params.budgetMs;
    let processed = 0;
    let done = false;
    do {
      const rows = readNextRows(context, collection, index);
      for (const row of rows) {
        const keys = computeIndexKeys(decodeStoredDocument(row._id, row.body), index.path);
        addKeys(context, index, keys, row.seq, row._id);
      }
      processed += rows.length;
      done = rows.length === 0;
      const last = rows.at(-1);
      if (last) context.connection.sql('UPDATE indexes SET built_to = ? WHERE n = ?').run(last.seq, index.n);
    } while (!done && performance.now() < deadline);
    if (done) {
      context.connection.sql(`UPDATE indexes SET state = 'ready' WHERE n = ?`).run(index.n);
      replaceIndex(context, collection, index, { ...index, state: 'ready' });
    }
    return { processed, done };
  },

  'index.remove': (context, params) => {
    const collection = context.catalogue.get(params);
    const index = collection === null ? undefined : findIndex(collection, params.field);
    if (collection === null || index === undefined) return { removed: false };
    context.connection.sql(`UPDATE indexes SET state = 'dropping' WHERE n = ?`).run(index.n);
    replaceIndex(context, collection, index, null);
    context.noteDropped();
    return { removed: true };
  },
};

function findIndex(collection: CollectionState, field: string): IndexState | undefined {
  return collection.indexes.find((index) => index.field === field);
}

function replaceIndex(
  context: WriterContext,
  collection: CollectionState,
  index: IndexState,
  replacement: IndexState | null,
): void {
  const indexes = collection.indexes.flatMap((one) =>
    one === index ? (replacement === null ? [] : replacement) : one,
  );
  context.catalogue.change(collection, { indexes });
}

function readNextRows(context: WriterContext, collection: CollectionState, index: IndexState): DocumentRow[] {
  const { connection } = context;
  const { built_to: builtTo } = connection.sql('SELECT built_to FROM indexes WHERE n = ?').get(index.n) as {
    built_to: number;
  };
  return connection
    .sql(`SELECT seq, _id, revision, expires_at, body FROM d_${collection.n} WHERE seq > ? ORDER BY seq LIMIT ?`)
    .all(builtTo, rowsPerStatement) as unknown as DocumentRow[];
}

function isEmpty(context: WriterContext, collection: CollectionState): boolean {
  return context.connection.sql(`SELECT 1 FROM d_${collection.n} LIMIT 1`).get() === undefined;
}

function checkField(field: string): void {
  if (field === '' || field.startsWith('$') || field.split('.').includes('')) {
    throw new TackleError('invalid_name', `"${field}" is no field that can be indexed`);
  }
  parsePath(field);
  if (field === '_id') throw new TackleError('invalid_name', 'The field "_id" is always indexed');
}
