import type { SerializedError } from '../../core/errors.ts';
import type { Command, Read } from '../../ports/storage.ts';
import type { CollectedNews } from './change-log.ts';

/** What the gateway's thread and the storage threads say to each other. Each message carries whatever waits: a batch. */
export interface WriterOptions {
  readonly path: string;
  readonly backupDirectory: string;
  readonly maxCollections: number;
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Fault injection: every COMMIT takes this much longer. */
  readonly commitDelayMs: number;
}

export interface ReaderOptions {
  readonly path: string;
  readonly temporaryDirectory: string;
  /** Number of the reader, for the tokens of the pages that it gives out. */
  readonly thread: number;
}

export interface CommitRequest {
  readonly id: number;
  readonly commands: readonly Command[];
}

export interface ReadRequest {
  readonly id: number;
  readonly space: string;
  readonly read: Read;
}

export type WriterRequest =
  | { readonly type: 'commits'; readonly requests: readonly CommitRequest[] }
  | { readonly type: 'ready'; readonly id: number }
  | { readonly type: 'watch'; readonly id: number; readonly key: string; readonly isWatched: boolean }
  | { readonly type: 'close' };

export type ReaderRequest =
  /** First: the database is there. The thread starts before, because loading its modules takes longer than opening. */
  | { readonly type: 'open' }
  | { readonly type: 'reads'; readonly requests: readonly ReadRequest[] }
  | { readonly type: 'backup'; readonly id: number; readonly targetPath: string }
  | { readonly type: 'check'; readonly id: number; readonly budgetMs: number }
  | { readonly type: 'close' };

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: SerializedError };

export type ThreadMessage =
  | { readonly type: 'opened'; readonly detail: OpenedDetail }
  | { readonly type: 'failed'; readonly error: SerializedError }
  /** `elapsedMs`: a batch of commits was dealt with, in this time; there is room for the next one. */
  | { readonly type: 'replies'; readonly replies: readonly Reply[]; readonly elapsedMs?: number }
  /** What was committed in collections that are watched; comes before the replies to the commits. */
  | { readonly type: 'changes'; readonly changes: readonly CollectedNews[] };

export interface OpenedDetail {
  /** The last process that had the file open did not close it. */
  readonly wasUnclean: boolean;
  readonly schemaFrom: number;
  readonly schemaTo: number;
}
