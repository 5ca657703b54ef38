import type {
  CollectionRef,
  CollectionSettings,
  DocumentCommands,
  DocumentReads,
  SpaceUsage,
} from '../../../ports/storage/documents.ts';
import {
  type CollectionRow,
  type CollectionState,
  collectionColumns,
  loadCollection,
  toCollectionState,
} from '../catalogue.ts';
import { toCollectionInfo } from '../collection-info.ts';
import type { CommandHandlers, ReadHandlers, WriterContext } from '../handlers.ts';

export const collectionCommands: CommandHandlers<
  Pick<DocumentCommands, 'collection.put' | 'collection.drop' | 'space.drop'>
> = {
  'collection.put': (context, params) => {
    const known = context.catalogue.get(params);
    if (params.schema !== undefined && params.schema !== null) context.schemas.checkSchema(params.schema);
    const collection = known ?? context.catalogue.getOrCreate(params, context.nowMs);
    changeSettings(context, collection, params);
    if (collection.cap !== null && collection.documents > collection.cap) {
      context.caps.note(collection.n, context.nowMs + collection.capDelayMs);
    }
    return { created: known === null };
  },

  'collection.drop': (context, params) => ({ dropped: dropCollection(context, params) }),

  'space.drop': (context, { space }) => {
    const names = context.connection
      .sql(`SELECT name FROM collections WHERE space = ? AND state = 'live'`)
      .all(space) as { name: string }[];
    for (const { name } of names) dropCollection(context, { space, collection: name });
    return { collections: names.length };
  },
};

export const collectionReads: ReadHandlers<Pick<DocumentReads, 'collection.get' | 'collection.list' | 'space.usage'>> =
  {
    'collection.get': {
      lane: 'point',
      run: ({ connection }, params) => {
        const state = loadCollection(connection, params);
        return state === undefined ? null : toCollectionInfo(state);
      },
    },
    'collection.list': {
      lane: 'point',
      run: ({ connection }, { space, includeSystem }) => {
        const rows = connection
          .sql(
            `SELECT ${collectionColumns} FROM collections WHERE space = ? AND state = 'live' AND (? = 1 OR name NOT LIKE '\\_%' ESCAPE '\\')
           ORDER BY name`,
          )
          .all(space, includeSystem === true ? 1 : 0) as unknown as CollectionRow[];
        return rows.map((row) => toCollectionInfo(toCollectionState(connection, row)));
      },
    },
    'space.usage': {
      lane: 'point',
      run: ({ connection }, { space }) =>
        connection
          .sql(
            `SELECT count(*) AS collections, ifnull(sum(documents), 0) AS documents, ifnull(sum(bytes), 0) AS bytes
           FROM collections WHERE space = ? AND state = 'live'`,
          )
          .get(space) as unknown as SpaceUsage,
    },
  };

function changeSettings(context: WriterContext, collection: CollectionState, settings: CollectionSettings): void {
  const fields: Partial<CollectionState> = {
    ...(settings.cap === undefined ? {} : { cap: settings.cap }),
    ...(settings.capDelayMs === undefined ? {} : { capDelayMs: settings.capDelayMs }),
    ...(settings.schema === undefined ? {} : { schema: settings.schema }),
  };
  context.catalogue.change(collection, fields);
  context.connection
    .sql('UPDATE collections SET cap = ?, cap_delay_ms = ?, schema = ? WHERE n = ?')
    .run(
      collection.cap,
      collection.capDelayMs,
      collection.schema === null ? null : JSON.stringify(collection.schema),
      collection.n,
    );
}

/** The name is free at once; the maintenance empties and drops the tables. */
function dropCollection(context: WriterContext, ref: CollectionRef): boolean {
  const collection = context.catalogue.get(ref);
  if (collection === null) return false;
  context.connection.sql(`UPDATE collections SET state = 'dropping' WHERE n = ?`).run(collection.n);
  context.connection.sql(`UPDATE indexes SET state = 'dropping' WHERE collection_n = ?`).run(collection.n);
  context.changes.noteGap(collection, 'The collection was dropped');
  context.catalogue.forget(collection);
  context.noteDropped();
  return true;
}
