import type { CommandMap, ReadMap } from '../../../ports/storage.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { collectionCommands, collectionReads } from './collections.ts';
import { documentCommands } from './documents.ts';
import { indexCommands } from './indexes.ts';
import { keyValueCommands, keyValueReads } from './keyvalue.ts';
import { recordCommands, recordReads } from './records.ts';

/** Every command of the port, by kind. To add a group: one file beside this one, one line here and one below. */
export const commandHandlers: CommandHandlers<CommandMap> = {
  ...recordCommands,
  ...collectionCommands,
  ...documentCommands,
  ...indexCommands,
  ...keyValueCommands,
};

export const readHandlers: ReadHandlers<ReadMap> = {
  ...recordReads,
  ...collectionReads,
  ...keyValueReads,
};
