import { toDocumentJson } from '../../../core/document-json.ts';
import type { Json, JsonObject } from '../../../core/json.ts';
import {
  decodeStoredJson,
  encodeStoredBody,
  encodeStoredJson,
  encodeStoredText,
} from '../../../core/query/stored-text.ts';
import {
  describeControl,
  isEnded,
  listControlFields,
  type WorkflowInstance,
  type WorkflowParent,
} from '../../../core/workflow.ts';
import type { Connection } from '../connection.ts';
import { decodeControl, encodeControl } from '../control-text.ts';
import { getRow, updateRow } from '../document-table.ts';
import type { WriterContext } from '../handlers.ts';
import { memoryOf, type StoredInstance } from '../writer-memory.ts';
import { documentCommands } from './documents.ts';

export interface InstanceRow {
  readonly n: number;
  readonly space: string;
  readonly id: string;
  readonly name: string;
  readonly collection: string;
  readonly queue_prefix: string;
  readonly max_step_count: number;
  readonly version: string | null;
  readonly parent: string | null;
  readonly control: string;
  readonly created_at: number;
}

export type { StoredInstance };

export function toInstance(row: InstanceRow): WorkflowInstance {
  return {
    id: row.id,
    name: row.name,
    collection: row.collection,
    queuePrefix: row.queue_prefix,
    maxStepCount: row.max_step_count,
    version: row.version,
    parent: row.parent === null ? null : (JSON.parse(row.parent) as WorkflowParent),
    createdAtMs: row.created_at,
    control: decodeControl(row.control),
  };
}

export function findInstance(connection: Connection, space: string, id: string): StoredInstance | null {
  const known = memoryOf(connection)?.findInstance(space, id);
  if (known !== undefined) return known;
  const row = connection.sql('SELECT * FROM workflow_instances WHERE space = ? AND id = ?').get(space, id) as unknown as
    | InstanceRow
    | undefined;
  return row === undefined ? null : { n: row.n, space, instance: toInstance(row), lastEntry: null };
}

const insertSql = `INSERT INTO workflow_instances (space, id, name, collection, queue_prefix, max_step_count, version,
    parent, status, step, control, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Answers also the text of the control fields. */
export function insertInstance(
  connection: Connection,
  space: string,
  instance: WorkflowInstance,
): { readonly stored: StoredInstance; readonly control: string } {
  const control = encodeControl(instance.control);
  const { lastInsertRowid } = connection
    .sql(insertSql)
    .run(
      space,
      instance.id,
      instance.name,
      instance.collection,
      instance.queuePrefix,
      instance.maxStepCount,
      instance.version,
      instance.parent === null ? null : JSON.stringify(instance.parent),
      instance.control.status,
      instance.control.nextStep,
      control,
      instance.createdAtMs,
    );
  const stored = { n: Number(lastInsertRowid), space, instance, lastEntry: 0 };
  memoryOf(connection)?.keepInstance(stored, control.length);
  return { stored, control };
}

/** Writes what has changed in `stored`. Answers the text of the control fields. */
export function saveInstance(connection: Connection, stored: StoredInstance): string {
  const { instance } = stored;
  const { status, nextStep, updatedAtMs } = instance.control;
  const ended = isEnded(status);
  const control = encodeControl(instance.control);
  connection
    .sql('UPDATE workflow_instances SET status = ?, step = ?, control = ?, ended_at = ? WHERE n = ?')
    .run(status, ended ? null : nextStep, control, ended ? updatedAtMs : null, stored.n);
  memoryOf(connection)?.keepInstance(stored, control.length);
  return control;
}

/** The document of a new instance. Throws `duplicate_id`, `schema_violation`. */
export function insertDocument(
  context: WriterContext,
  space: string,
  instance: WorkflowInstance,
  state: JsonObject,
): Pick<DocumentWrite, 'after' | 'isLasting'> {
  const document = { ...state, ...describeControl(instance) };
  const body = encodeStoredBody(document);
  documentCommands['document.insert'](context, {
    space,
    collection: instance.collection,
    documents: [{ id: instance.id, body }],
  });
  const collection = context.catalogue.get({ space, collection: instance.collection });
  return { after: toDocumentJson(encodeStoredText(instance.id), body), isLasting: collection?.cap === null };
}

export interface DocumentWrite {
  /** JSON text before, without `_id`. */
  readonly before: string;
  readonly after: string;
  /** Only a command can take the document away. */
  readonly isLasting: boolean;
}

/**
 * Sets user fields and writes the control fields through. Null when the app removed the document. Throws
 * `schema_violation` and leaves everything as it was.
 */
export function writeDocument(
  context: WriterContext,
  stored: StoredInstance,
  changed: WorkflowInstance,
  patch: JsonObject,
): DocumentWrite | null {
  const { instance, space } = stored;
  const collection = context.catalogue.get({ space, collection: instance.collection });
  const memory = memoryOf(context.connection);
  const kept = collection === null ? undefined : memory?.findDocument(collection.n, encodeStoredText(instance.id));
  const row = kept?.row ?? (collection === null ? null : getRow(context, collection, instance.id));
  if (collection === null || row === null) return null;
  const document: Record<string, Json> =
    kept === undefined ? (decodeStoredJson(row.body) as Record<string, Json>) : { ...kept.document };
  const control = describeControl(changed);
  for (const name of listControlFields(instance)) if (!Object.hasOwn(control, name)) delete document[name];
  Object.assign(document, patch, control);
  context.schemas.check(collection, document);
  const body = encodeStoredJson(document);
  const revision = updateRow(context, collection, row, body);
  const isLasting = row.expires_at === null && collection.cap === null;
  if (isLasting) memory?.keepDocument({ collectionN: collection.n, row: { ...row, body, revision }, document });
  return { before: row.body, after: toDocumentJson(row._id, body), isLasting };
}

type DocumentTuple = readonly [id: string, expiresAtMs: number | null, body: string];

/** A document as a reader or the writer finds it, as JSON text with its `_id`. */
export function readDocument(
  connection: Connection,
  nowMs: number,
  ref: { readonly space: string; readonly collection: string; readonly id: string },
): string | null {
  const collection = connection
    .tuples(`SELECT n FROM collections WHERE space = ? AND name = ? AND state = 'live'`)
    .get(ref.space, ref.collection) as unknown as readonly [number] | undefined;
  if (collection === undefined) return null;
  const row = connection
    .tuples(`SELECT _id, expires_at, body FROM d_${collection[0]} WHERE _id = ?`)
    .get(encodeStoredText(ref.id)) as unknown as DocumentTuple | undefined;
  if (row === undefined) return null;
  const [id, expiresAtMs, body] = row;
  return expiresAtMs !== null && expiresAtMs <= nowMs ? null : toDocumentJson(id, body);
}
