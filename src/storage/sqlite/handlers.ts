import type { CommandMap, ReadMap } from '../../ports/storage.ts';
import type { Catalogue, CatalogueView } from './catalogue.ts';
import type { ChangeLog } from './change-log.ts';
import type { Connection } from './connection.ts';
import type { CapTrims } from './maintenance/cap-trims.ts';
import type { StagedBatches } from './maintenance/staged-batches.ts';
import type { SortSpools } from './reads/sort-spools.ts';
import type { SchemaValidators } from './schema-validator.ts';

/** What a command handler works with; it runs on the writer's thread, inside the transaction of its commit. */
export interface WriterContext {
  readonly connection: Connection;
  readonly catalogue: Catalogue;
  readonly schemas: SchemaValidators;
  readonly stages: StagedBatches;
  readonly caps: CapTrims;
  readonly changes: ChangeLog;
  /** A collection or index was dropped: there are tables to free. */
  noteDropped(): void;
  /** One time for the whole batch. */
  readonly nowMs: number;
}

/** What a read handler works with; it runs on a reader's thread. */
export interface ReaderContext {
  readonly connection: Connection;
  readonly nowMs: number;
  readonly collections: CatalogueView;
  readonly spools: SortSpools;
}

/**
 * Command handlers of one group. A handler is synchronous, throws a TackleError to reject its commit (whatever it wrote is
 * undone), and must not take longer than 20 ms: what can be larger takes a budget and is called again.
 */
export type CommandHandlers<Group extends Partial<CommandMap>> = {
  readonly [Kind in keyof Group]: Group[Kind] extends { params: infer Params; result: infer Result }
    ? (context: WriterContext, params: Params) => Result
    : never;
};

/** A long read is a generator: it ends every statement before it yields, and yields after every few milliseconds. */
export type ReadOutcome<Result> = Result | Generator<void, Result, void>;

/**
 * Read handlers of one group. `point` reads touch a bounded number of rows and have a thread of their own; `scan` reads
 * share the others by turns.
 */
export type ReadHandlers<Group extends Partial<ReadMap>> = {
  readonly [Kind in keyof Group]: Group[Kind] extends { params: infer Params; result: infer Result }
    ? {
        readonly lane: 'point' | 'scan';
        readonly run: (context: ReaderContext, params: Params) => ReadOutcome<Result>;
      }
    : never;
};
