import { toDocumentJson } from '../../../core/document-json.ts';
import { TackleError } from '../../../core/errors.ts';
import type { JsonObject } from '../../../core/json.ts';
import { compileMatcher } from '../../../core/query/match-filter.ts';
import {
  decodeStoredDocument,
  decodeStoredJson,
  encodeStoredBody,
  encodeStoredText,
} from '../../../core/query/stored-text.ts';
import { applyUpdate } from '../../../core/update/apply-update.ts';
import { buildUpsert } from '../../../core/update/build-upsert.ts';
import type {
  CollectionRef,
  DocumentChange,
  DocumentCommands,
  DocumentTarget,
} from '../../../ports/storage/documents.ts';
import type { CollectionState } from '../catalogue.ts';
import { type DocumentRow, deleteRow, getRow, insertRow, updateRow } from '../document-table.ts';
import type { CommandHandlers, WriterContext } from '../handlers.ts';

type Group = Pick<
  DocumentCommands,
  'document.insert' | 'document.publish' | 'document.write' | 'document.remove' | 'document.expect'
>;

export const documentCommands: CommandHandlers<Group> = {
  'document.insert': (context, params) => {
    const collection = context.catalogue.getOrCreate(params, context.nowMs);
    for (const document of params.documents) {
      if (collection.schema !== null) checkBody(context, collection, document.body);
      insertRow(context, collection, document.id, document.body, {
        expiresAtMs: document.expiresAtMs,
        stage: params.stage,
      });
    }
    if (params.stage !== undefined) {
      const bytes = params.documents.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
      context.stages.add(params.stage, params.documents.length, bytes);
    } else {
      noteCap(context, collection);
    }
    return { count: params.documents.length };
  },

  'document.publish': (context, params) => {
    const collection = context.catalogue.get(params);
    const staged = context.stages.end(params.stage, params.discard !== true);
    context.catalogue.noteDue(context.nowMs);
    if (collection === null || params.discard === true) return { count: 0 };
    const published = [...collection.published, params.stage];
    context.connection
      .sql('UPDATE collections SET published = ? WHERE n = ?')
      .run(JSON.stringify(published), collection.n);
    context.catalogue.change(collection, { published });
    context.catalogue.count(collection, staged.documents, staged.bytes);
    if (context.changes.isWatched(collection)) notePublished(context, collection, params.stage);
    noteCap(context, collection);
    return { count: staged.documents };
  },

  'document.write': (context, params) => {
    const change = prepareChange(context, params.change);
    let document: { id: string; json: string; revision: number } | null = null;
    const walked = walkTargets(context, params, (collection, row) => {
      const body = change.apply(row);
      if (collection.schema !== null) checkBody(context, collection, body);
      const revision = updateRow(context, collection, row, body);
      if (params.mode === 'first') document = { id: row._id, json: toDocumentJson(row._id, body), revision };
    });
    if (walked.count > 0 || params.upsert === undefined) return { ...walked, document, upserted: false };
    const collection = context.catalogue.getOrCreate(params, context.nowMs);
    const { id, filter } = params.upsert;
    if (getRow(context, collection, id) !== null) return { ...walked, document: null, upserted: false };
    const body = change.build(filter);
    if (collection.schema !== null) checkBody(context, collection, body);
    const revision = insertRow(context, collection, id, body, {});
    noteCap(context, collection);
    document = { id, json: toDocumentJson(encodeStoredText(id), body), revision };
    return { ...walked, count: 1, document, upserted: true };
  },

  'document.remove': (context, params) => {
    let id: string | null = null;
    const walked = walkTargets(context, params, (collection, row, target) => {
      deleteRow(context, collection, row);
      id = target.id;
    });
    return { ...walked, id: params.mode === 'first' ? id : null };
  },

  'document.expect': (context, params) => {
    const collection = context.catalogue.get(params);
    const row = collection === null ? null : getRow(context, collection, params.id);
    if ((row?.revision ?? null) === params.revision) return null;
    throw new TackleError('conflict', `The document "${params.id}" of "${params.collection}" was changed meanwhile`, {
      details: { collection: params.collection, documentId: params.id, revision: row?.revision ?? null },
    });
  },
};

/** More than this would hold the writer too long. */
const maxPublishedChanges = 1_000;

/** The documents of a batch become visible together; watchers are told of each, or that there were too many. */
function notePublished(context: WriterContext, collection: CollectionState, stage: number): void {
  const rows = context.connection
    .sql(
      `SELECT d._id, d.body FROM document_expiry AS e JOIN d_${collection.n} AS d ON d.seq = e.seq
       WHERE e.expires_at = ? AND e.collection_n = ? ORDER BY e.seq LIMIT ?`,
    )
    .all(-stage, collection.n, maxPublishedChanges + 1) as { _id: string; body: string }[];
  if (rows.length > maxPublishedChanges) {
    context.changes.noteGap(collection, `More than ${maxPublishedChanges} documents were imported at once`);
    return;
  }
  for (const row of rows) context.changes.note(collection, row._id, null, row.body);
}

interface WalkParams extends CollectionRef {
  readonly targets: readonly DocumentTarget[];
  readonly filter?: Parameters<typeof compileMatcher>[0];
  readonly mode: 'first' | 'each';
  readonly budgetMs?: number;
}

/** Visits the targets that exist, have the wanted revision and match, in their order and within the budget. */
function walkTargets(
  context: WriterContext,
  params: WalkParams,
  visit: (collection: CollectionState, row: DocumentRow, target: DocumentTarget) => void,
): { count: number; processed: number; stale: string[] } {
  const stale: string[] = [];
  const collection = context.catalogue.get(params);
  if (collection === null) {
    for (const target of params.targets) if (target.revision !== undefined) stale.push(target.id);
    return { count: 0, processed: params.targets.length, stale };
  }
  const matches = params.filter === undefined ? null : compileMatcher(params.filter);
  const deadline = params.budgetMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + params.budgetMs;
  let count = 0;
  let processed = 0;
  for (const target of params.targets) {
    processed += 1;
    const row = getRow(context, collection, target.id);
    if (target.revision !== undefined && row?.revision !== target.revision) {
      stale.push(target.id);
    } else if (row !== null && (matches === null || matches(decodeStoredDocument(row._id, row.body)))) {
      visit(collection, row, target);
      count += 1;
      if (params.mode === 'first') break;
    }
    if (performance.now() > deadline) break;
  }
  return { count, processed, stale };
}

/** The change as functions on stored bodies. */
function prepareChange(
  context: WriterContext,
  change: DocumentChange,
): { apply(row: DocumentRow): string; build(filter: Parameters<typeof buildUpsert>[0]): string } {
  if (change.type === 'replace') return { apply: () => change.body, build: () => change.body };
  const now = new Date(context.nowMs).toISOString();
  return {
    apply(row) {
      let document = decodeStoredDocument(row._id, row.body);
      for (const update of change.updates) document = applyUpdate(document, update, { now });
      return encodeStoredBody(document);
    },
    build(filter) {
      const [first, ...others] = change.updates;
      let document = buildUpsert(filter, first ?? { kind: 'patch', patch: {} }, { now });
      for (const update of others) document = applyUpdate(document, update, { now, inserting: true });
      return encodeStoredBody(document);
    },
  };
}

function checkBody(context: WriterContext, collection: CollectionState, body: string): void {
  const document = decodeStoredJson(body) as JsonObject;
  context.schemas.check(collection, document);
}

function noteCap(context: WriterContext, collection: CollectionState): void {
  if (collection.cap !== null && collection.documents > collection.cap) {
    context.caps.note(collection.n, context.nowMs + collection.capDelayMs);
  }
}
