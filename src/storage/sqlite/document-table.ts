import { TackleError } from '../../core/errors.ts';
import { decodeStoredDocument, decodeStoredText, encodeStoredText } from '../../core/query/stored-text.ts';
import type { StoredDocument } from '../../ports/storage/documents.ts';
import type { CollectionState } from './catalogue.ts';
import { isSqliteError } from './connection.ts';
import type { WriterContext } from './handlers.ts';
import { computeIndexKeys, type IndexKey } from './index-keys.ts';
import { memoryOf } from './writer-memory.ts';

/** MongoDB's limit too. */
export const maxDocumentBytes = 16 * 1024 * 1024;
/** SQLITE_CONSTRAINT_UNIQUE, https://sqlite.org/rescode.html#constraint_unique */
const uniqueViolation = 2067;

export interface DocumentRow {
  readonly seq: number;
  readonly _id: string;
  readonly revision: number;
  readonly expires_at: number | null;
  readonly body: string;
}

/** What a reader's thread answers to `document.get`. */
export interface PointRead extends StoredDocument {
  /** Only a command can take this document away: it does not expire, and its collection has no cap. */
  readonly isLasting: boolean;
}

/** Whether a row can be seen. Negative `expires_at` marks a row of a staged batch. */
export function isVisible(collection: CollectionState, expiresAt: number | null, nowMs: number): boolean {
  if (expiresAt === null) return true;
  return expiresAt < 0 ? collection.published.includes(-expiresAt) : expiresAt > nowMs;
}

/** The visible document with this id. */
export function getRow(context: WriterContext, collection: CollectionState, id: string): DocumentRow | null {
  const row = context.connection
    .sql(`SELECT seq, _id, revision, expires_at, body FROM d_${collection.n} WHERE _id = ?`)
    .get(encodeStoredText(id)) as DocumentRow | undefined;
  return row !== undefined && isVisible(collection, row.expires_at, context.nowMs) ? row : null;
}

export interface InsertOptions {
  readonly expiresAtMs?: number | undefined;
  readonly stage?: number | undefined;
}

/** Inserts and answers the revision. Throws `duplicate_id`. */
export function insertRow(
  context: WriterContext,
  collection: CollectionState,
  id: string,
  body: string,
  options: InsertOptions,
): number {
  checkSize(collection, id, body);
  context.catalogue.noteLength(collection, body.length);
  const expiresAt = options.stage !== undefined ? -options.stage : (options.expiresAtMs ?? null);
  const storedId = encodeStoredText(id);
  memoryOf(context.connection)?.forgetDocument(storedId);
  const revision = collection.revisionFloor + 1;
  const seq = insertWithId(context, collection, storedId, revision, expiresAt, body);
  if (expiresAt !== null) {
    context.connection
      .sql('INSERT INTO document_expiry (expires_at, collection_n, seq) VALUES (?, ?, ?)')
      .run(expiresAt, collection.n, seq);
    if (expiresAt >= 0) context.catalogue.noteDue(expiresAt);
  }
  if (collection.indexes.length > 0) addIndexKeys(context, collection, seq, storedId, body);
  if (options.stage === undefined) {
    context.catalogue.count(collection, 1, Buffer.byteLength(body));
    context.changes.note(collection, storedId, null, body);
  }
  return revision;
}

function insertWithId(
  context: WriterContext,
  collection: CollectionState,
  storedId: string,
  revision: number,
  expiresAt: number | null,
  body: string,
): number {
  const insert = context.connection.sql(
    `INSERT INTO d_${collection.n} (_id, revision, expires_at, body) VALUES (?, ?, ?, ?)`,
  );
  try {
    return Number(insert.run(storedId, revision, expiresAt, body).lastInsertRowid);
  } catch (error) {
    if (!isSqliteError(error) || error.errcode !== uniqueViolation) throw error;
  }
  const row = context.connection
    .sql(`SELECT seq, _id, revision, expires_at, body FROM d_${collection.n} WHERE _id = ?`)
    .get(storedId) as unknown as DocumentRow;
  if (row.expires_at === null || row.expires_at < 0 || row.expires_at > context.nowMs) {
    const id = decodeStoredText(storedId);
    throw new TackleError('duplicate_id', `"${collection.name}" already has a document with the _id "${id}"`, {
      details: { _id: id },
    });
  }
  deleteRow(context, collection, row);
  return Number(insert.run(storedId, Math.max(revision, row.revision + 1), expiresAt, body).lastInsertRowid);
}

/** Writes a new body under the next revision, which it answers. */
export function updateRow(context: WriterContext, collection: CollectionState, row: DocumentRow, body: string): number {
  checkSize(collection, row._id, body);
  context.catalogue.noteLength(collection, body.length);
  const revision = row.revision + 1;
  memoryOf(context.connection)?.forgetDocument(row._id);
  context.connection
    .sql(`UPDATE d_${collection.n} SET body = ?, revision = ? WHERE seq = ?`)
    .run(body, revision, row.seq);
  if (collection.indexes.length > 0) replaceIndexKeys(context, collection, row, body);
  context.catalogue.count(collection, 0, Buffer.byteLength(body) - Buffer.byteLength(row.body));
  context.changes.note(collection, row._id, row.body, body);
  return revision;
}

export function deleteRow(context: WriterContext, collection: CollectionState, row: DocumentRow): void {
  const { connection, catalogue } = context;
  memoryOf(connection)?.forgetDocument(row._id);
  connection.sql(`DELETE FROM d_${collection.n} WHERE seq = ?`).run(row.seq);
  if (row.expires_at !== null) {
    connection
      .sql('DELETE FROM document_expiry WHERE expires_at = ? AND collection_n = ? AND seq = ?')
      .run(row.expires_at, collection.n, row.seq);
  }
  if (collection.indexes.length > 0) removeIndexKeys(context, collection, row);
  const counted = row.expires_at === null || row.expires_at >= 0 || collection.published.includes(-row.expires_at);
  if (counted) {
    catalogue.count(collection, -1, -Buffer.byteLength(row.body));
    context.changes.note(collection, row._id, row.body, null);
  }
  catalogue.raiseRevisionFloor(collection, row.revision);
}

/** Adds a document to one index. */
export function addKeys(
  context: WriterContext,
  index: CollectionState['indexes'][number],
  keys: { readonly keys: readonly IndexKey[]; readonly irregular: boolean },
  seq: number,
  storedId: string,
): void {
  const insert = context.connection.sql(`INSERT OR IGNORE INTO i_${index.n} (value, _id, seq) VALUES (?, ?, ?)`);
  for (const key of keys.keys) insert.run(key, storedId, seq);
  if (keys.irregular && !index.multikey) context.catalogue.noteMultikey(index);
}

function addIndexKeys(
  context: WriterContext,
  collection: CollectionState,
  seq: number,
  storedId: string,
  body: string,
): void {
  const document = decodeStoredDocument(storedId, body);
  for (const index of collection.indexes) {
    addKeys(context, index, computeIndexKeys(document, index.path), seq, storedId);
  }
}

function removeIndexKeys(context: WriterContext, collection: CollectionState, row: DocumentRow): void {
  const document = decodeStoredDocument(row._id, row.body);
  for (const index of collection.indexes) {
    const remove = context.connection.sql(`DELETE FROM i_${index.n} WHERE value = ? AND _id = ?`);
    for (const key of computeIndexKeys(document, index.path).keys) remove.run(key, row._id);
  }
}

function replaceIndexKeys(context: WriterContext, collection: CollectionState, row: DocumentRow, body: string): void {
  const before = decodeStoredDocument(row._id, row.body);
  const after = decodeStoredDocument(row._id, body);
  for (const index of collection.indexes) {
    const oldKeys = computeIndexKeys(before, index.path);
    const newKeys = computeIndexKeys(after, index.path);
    if (sameKeys(oldKeys.keys, newKeys.keys) && index.state === 'ready') continue;
    const remove = context.connection.sql(`DELETE FROM i_${index.n} WHERE value = ? AND _id = ?`);
    for (const key of oldKeys.keys) remove.run(key, row._id);
    addKeys(context, index, newKeys, row.seq, row._id);
  }
}

function sameKeys(a: readonly IndexKey[], b: readonly IndexKey[]): boolean {
  return a.length === b.length && a.every((key, position) => key === b[position]);
}

function checkSize(collection: CollectionState, id: string, body: string): void {
  if (body.length <= maxDocumentBytes) return;
  throw new TackleError(
    'payload_too_large',
    `The document "${id}" of "${collection.name}" would have ${body.length} characters of JSON; ${maxDocumentBytes} are allowed`,
  );
}
