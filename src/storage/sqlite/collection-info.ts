import type { CollectionInfo } from '../../ports/storage/documents.ts';
import type { CollectionState } from './catalogue.ts';

export function toCollectionInfo(state: CollectionState): CollectionInfo {
  return {
    name: state.name,
    createdAtMs: state.createdAtMs,
    documents: state.documents,
    bytes: state.bytes,
    cap: state.cap,
    capDelayMs: state.capDelayMs,
    schema: state.schema,
    indexes: state.indexes.map(({ field, state: indexState }) => ({ field, state: indexState })),
  };
}
