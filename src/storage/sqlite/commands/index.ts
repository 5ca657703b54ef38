import type { CommandMap, ReadMap } from '../../../ports/storage.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { collectionCommands, collectionReads } from './collections.ts';
import { documentReads } from './document-reads.ts';
import { documentCommands } from './documents.ts';
import { fileCommands, fileReads } from './files.ts';
import { indexCommands } from './indexes.ts';
import { keyValueCommands, keyValueReads } from './keyvalue.ts';
import { recordCommands, recordReads } from './records.ts';
import { taskCommands, taskReads } from './tasks.ts';
import { workflowCommands } from './workflows.ts';
import { workflowReads } from './workflows-reads.ts';

/** Every command of the port, by kind. To add a group: one file beside this one, one line here and one below. */
export const commandHandlers: CommandHandlers<CommandMap> = {
  ...recordCommands,
  ...collectionCommands,
  ...documentCommands,
  ...indexCommands,
  ...keyValueCommands,
  ...fileCommands,
  ...taskCommands,
  ...workflowCommands,
};

export const readHandlers: ReadHandlers<ReadMap> = {
  ...recordReads,
  ...collectionReads,
  ...documentReads,
  ...keyValueReads,
  ...fileReads,
  ...taskReads,
  ...workflowReads,
};
