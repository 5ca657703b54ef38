import { toDocumentJson } from '../../../core/document-json.ts';
import { applyProjection, compileProjection } from '../../../core/query/projection.ts';
import { decodeStoredDocument, decodeStoredText, encodeStoredText } from '../../../core/query/stored-text.ts';
import type { DocumentReads } from '../../../ports/storage/documents.ts';
import type { CollectionState } from '../catalogue.ts';
import { type DocumentRow, isVisible, type PointRead } from '../document-table.ts';
import type { ReaderContext, ReadHandlers } from '../handlers.ts';
import { findRows } from '../reads/find-rows.ts';
import { planQuery } from '../reads/plan.ts';
import { explainSql, openSource, type SourceRow } from '../reads/row-source.ts';

type Group = Pick<
  DocumentReads,
  'document.get' | 'document.find' | 'document.findIds' | 'document.count' | 'document.explain'
>;

const documentsPerPage = 500;
const idsPerPage = 1_000;

export const documentReads: ReadHandlers<Group> = {
  'document.get': {
    lane: 'point',
    run: ({ connection, collections, nowMs }, params) => {
      const collection = collections.get(params);
      if (collection === undefined) return null;
      const row = connection
        .sql(`SELECT seq, _id, revision, expires_at, body FROM d_${collection.n} WHERE _id = ?`)
        .get(encodeStoredText(params.id)) as DocumentRow | undefined;
      if (row === undefined || !isVisible(collection, row.expires_at, nowMs)) return null;
      const document = { id: params.id, json: toDocumentJson(row._id, row.body), revision: row.revision };
      return { ...document, isLasting: row.expires_at === null && collection.cap === null } satisfies PointRead;
    },
  },

  'document.find': {
    lane: 'scan',
    run: function* (context, params) {
      const { rows, next } = yield* findRows(context, params, documentsPerPage);
      return { json: `[${toTexts(rows, params.fields).join(',')}]`, count: rows.length, next };
    },
  },

  'document.findIds': {
    lane: 'scan',
    run: function* (context, params) {
      const { rows, next } = yield* findRows(context, params, idsPerPage);
      return { targets: rows.map(({ _id, revision }) => ({ id: decodeStoredText(_id), revision })), next };
    },
  },

  'document.count': {
    lane: 'scan',
    run: function* (context, params) {
      const plan = planQuery(context, params);
      if (plan === null) return { count: 0 };
      if (plan.where.exact && plan.where.sql === '1') return { count: countAll(context, plan.collection) };
      const source = openSource(context, plan, null, { withoutBodies: true });
      let count = 0;
      for (;;) {
        const slice = source.readSlice(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
        count += slice.rows.length;
        if (slice.isEnd) return { count };
        yield;
      }
    },
  },

  'document.explain': {
    lane: 'scan',
    run: (context, params) => {
      const { connection } = context;
      const plan = planQuery(context, params);
      if (plan === null) return { index: null, plan: [] };
      const { sql, params: values } = explainSql(plan);
      const rows = connection.db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[];
      const index = 'index' in plan.access ? plan.access.index.field : null;
      return { index, plan: rows.map(({ detail }) => detail) };
    },
  },
};

function toTexts(rows: readonly SourceRow[], fields: Readonly<Record<string, 0 | 1>> | undefined): string[] {
  if (fields === undefined) return rows.map((row) => toDocumentJson(row._id, row.body));
  const projection = compileProjection(fields);
  return rows.map((row) => JSON.stringify(applyProjection(projection, decodeStoredDocument(row._id, row.body))));
}

/** The counter holds what is stored; what has expired but was not purged yet is taken off. */
function countAll({ connection, nowMs }: ReaderContext, collection: CollectionState): number {
  const { count } = connection
    .sql(
      `SELECT documents - (SELECT count(*) FROM document_expiry
         WHERE expires_at >= 0 AND expires_at <= ? AND collection_n = n) AS count
       FROM collections WHERE n = ?`,
    )
    .get(nowMs, collection.n) as { count: number };
  return count;
}
