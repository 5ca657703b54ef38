export { createKeyValue, type KeyValue, type KeyValueSpaceOptions } from './create-key-value.ts';
export type {
  JsonText,
  KeyValueListOptions,
  KeyValueOptions,
  KeyValuePage,
  SpaceKeyValue,
} from './space-key-value.ts';
