import type { DocumentCommands, DocumentReads } from './storage/documents.ts';
import type { FileCommands, FileReads } from './storage/files.ts';
import type { KeyValueCommands, KeyValueReads } from './storage/keyvalue.ts';
import type { RecordCommands, RecordReads } from './storage/records.ts';
import type { TaskCommands, TaskReads } from './storage/tasks.ts';
import type { WorkflowCommands, WorkflowReads } from './storage/workflows.ts';

/**
 * The storage port. Writes are commands: plain data, several in one commit, all or nothing. Each group of commands and
 * reads is declared beside its vocabulary in `storage/`; an engine implements every entry of both maps.
 */
export interface CommandMap
  extends RecordCommands,
    DocumentCommands,
    KeyValueCommands,
    FileCommands,
    TaskCommands,
    WorkflowCommands {}
export interface ReadMap extends RecordReads, DocumentReads, KeyValueReads, FileReads, TaskReads, WorkflowReads {}

export type CommandKind = keyof CommandMap;
export type ReadKind = keyof ReadMap;

export type Command = { [Kind in CommandKind]: { readonly kind: Kind } & CommandMap[Kind]['params'] }[CommandKind];
export type CommandResult<Kind extends CommandKind = CommandKind> = CommandMap[Kind]['result'];
export type Read = { [Kind in ReadKind]: { readonly kind: Kind } & ReadMap[Kind]['params'] }[ReadKind];
export type ReadResult<Kind extends ReadKind = ReadKind> = ReadMap[Kind]['result'];

type CommandOf<Kind extends CommandKind> = Extract<Command, { kind: Kind }>;
type ReadOf<Kind extends ReadKind> = Extract<Read, { kind: Kind }>;

/** Which queue the commit waits in. System commits (settle, ingest, control plane) have a share that apps cannot use up. */
export type WriterLane = { readonly lane: 'system' } | { readonly lane: 'space'; readonly space: string };

export interface CommitOptions {
  readonly lane: WriterLane;
  /** Identifies the commit, so that an engine can find out whether a lost one went through. Generated when absent. */
  readonly commitId?: string;
}

export interface Storage extends AsyncDisposable {
  /**
   * Runs the commands in order, in one atomic and durable commit; resolves after the data is on disk. The first command
   * that fails rejects the commit with its TackleError and undoes the others; commits of other callers are unaffected.
   * Rejects with `overloaded` when the lane's queue is full, `disk_full` or `storage_unavailable` when nothing can be written.
   */
  commit<const Kinds extends readonly CommandKind[]>(
    commands: { readonly [Index in keyof Kinds]: CommandOf<Kinds[Index]> },
    options: CommitOptions,
  ): Promise<{ [Index in keyof Kinds]: CommandResult<Kinds[Index]> }>;
  /** Reads committed data; everything acknowledged before the call is visible. Never blocks writers. */
  read<Kind extends ReadKind>(read: ReadOf<Kind>): Promise<ReadResult<Kind>>;
  /** What `read` would answer, where that is in memory; undefined: ask with `read`. Engines may go without. */
  readKept?<Kind extends ReadKind>(read: ReadOf<Kind>): ReadResult<Kind> | undefined;
  /** Online copy of everything into one new database file. */
  backup(targetPath: string): Promise<void>;
  /** Resolves when the writer answers and the disk can be written; rejects with the reason otherwise. */
  checkReady(): Promise<void>;
}
