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
