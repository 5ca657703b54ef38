export type {
  JsonText,
  KeyValueListOptions,
  KeyValueOptions,
  KeyValuePage,
  SpaceKeyValue,
} from './space-key-value.ts';
