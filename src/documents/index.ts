export { createDocuments, type Documents, type SpaceOptions } from './create-documents.ts';
export { type DocumentFeed, openDocumentFeed } from './document-feed.ts';
export type {
  CollectionOptions,
  FindOptions,
  FindPage,
  ImportOptions,
  ImportResult,
  JsonText,
  Selector,
  SpaceDocuments,
  WrittenDocument,
} from './space-documents.ts';
export { noOrder, type OperationOrder, WriteOrder } from './write-order.ts';
