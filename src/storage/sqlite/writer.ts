import { type SerializedError, serializeError } from '../../core/errors.ts';
import type { Command, CommandKind } from '../../ports/storage.ts';
import { Catalogue } from './catalogue.ts';
import { ChangeLog, type CollectedNews } from './change-log.ts';
import { commandHandlers } from './commands/index.ts';
import { type Connection, toStorageError } from './connection.ts';
import type { WriterContext } from './handlers.ts';
import { CapTrims } from './maintenance/cap-trims.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import { StagedBatches } from './maintenance/staged-batches.ts';
import { SchemaValidators } from './schema-validator.ts';
import type { CommitRequest, Reply } from './thread-messages.ts';
import { WriterMemory } from './writer-memory.ts';

/** A transaction of many commits is closed after this time, so that its first commit does not wait for its last. */
const transactionBudgetMs = 4;
const maintenanceBudgetMs = 5;

export interface WriterSettings {
  readonly maxCollections: number;
  beforeCommit?(): void;
  /** After each transaction that changed a watched collection, before its commits are answered. */
  onChanges?(changes: readonly CollectedNews[]): void;
}

type AnyHandler = (context: WriterContext, params: Command) => unknown;
const handlers = commandHandlers as unknown as Readonly<Record<CommandKind, AnyHandler>>;

/** The one writer of the file. Synchronous; runs on a thread of its own (`writer-thread.ts`). */
export class Writer {
  readonly #connection: Connection;
  readonly #catalogue: Catalogue;
  readonly #maintenance = new Maintenance();
  readonly #shared: Omit<WriterContext, 'nowMs'>;
  readonly #changes = new ChangeLog();
  readonly #memory: WriterMemory;
  readonly #beforeCommit: () => void;
  readonly #onChanges: (changes: readonly CollectedNews[]) => void;

  constructor(connection: Connection, options: WriterSettings) {
    this.#connection = connection;
    this.#memory = new WriterMemory(connection);
    this.#catalogue = new Catalogue(connection, options);
    this.#beforeCommit = options.beforeCommit ?? (() => undefined);
    this.#onChanges = options.onChanges ?? (() => undefined);
    this.#shared = {
      connection,
      catalogue: this.#catalogue,
      schemas: new SchemaValidators(),
      stages: new StagedBatches(),
      caps: new CapTrims(),
      changes: this.#changes,
      noteDropped: () => this.#maintenance.noteDropped(),
    };
    this.#maintenance.start(this.#context());
  }

  #context(): WriterContext {
    return { ...this.#shared, nowMs: Date.now() };
  }

  /**
   * Runs the commits in order, as many as fit into one transaction, then the next; `reply` gets the answers of a
   * transaction after it is on disk (or after it failed as a whole), and whether they are the last ones.
   */
  runBatch(requests: readonly CommitRequest[], reply: (replies: Reply[], areLast: boolean) => void): void {
    let next = 0;
    while (next < requests.length) {
      const first = next;
      const replies: Reply[] = [];
      const failure = this.#transaction((context) => {
        const deadline = performance.now() + transactionBudgetMs;
        do {
          replies.push(this.#runCommit(context, requests[next]!, requests.length === 1));
          next += 1;
        } while (next < requests.length && performance.now() < deadline);
      });
      if (failure === null) {
        reply(replies, next === requests.length);
      } else {
        // Those that were not reached fail too: the disk will not take them either, and the callers decide what to do.
        next = requests.length;
        reply(
          requests.slice(first).map(({ id }) => ({ id, error: failure })),
          true,
        );
      }
    }
  }

  /** Answers whether maintenance wrote anything. */
  maintain(): boolean {
    if (this.nextMaintenanceMs() > Date.now()) return false;
    let wrote = false;
    const failure = this.#transaction((context) => {
      this.#catalogue.mark();
      wrote = this.#maintenance.step(context, maintenanceBudgetMs);
    });
    if (failure !== null) throw new Error(failure.message);
    return wrote;
  }

  nextMaintenanceMs(): number {
    return this.#maintenance.nextDueMs(this.#context());
  }

  /** Writes and syncs a row: the error says why the file cannot be written. */
  checkReady(): SerializedError | null {
    return this.#transaction(({ connection, nowMs }) => {
      connection
        .sql(`INSERT INTO meta (key, value) VALUES ('ready', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`)
        .run(String(nowMs));
    });
  }

  #transaction(work: (context: WriterContext) => void): SerializedError | null {
    const { db } = this.#connection;
    try {
      this.#connection.sql('BEGIN IMMEDIATE').run();
      work(this.#context());
      this.#catalogue.flush();
      this.#memory.flush();
      this.#beforeCommit();
      this.#connection.sql('COMMIT').run();
    } catch (error) {
      if (db.isTransaction) rollBack(this.#connection);
      this.#catalogue.reset();
      this.#memory.reset();
      this.#changes.reset();
      return serializeError(toStorageError(error, 'The commit could not be written'));
    }
    const changes = this.#changes.take();
    if (changes.length > 0) this.#onChanges(changes);
    return null;
  }

  /** Whether changes of a collection are reported; the key is `watchKey`. */
  setWatched(key: string, isWatched: boolean): void {
    this.#changes.setWatched(key, isWatched);
  }

  /**
   * One commit inside the transaction; throws only when SQLite gave up the whole transaction. One that has the transaction
   * to itself needs no savepoint, which would copy every page that it changes.
   */
  #runCommit(context: WriterContext, request: CommitRequest, isAlone: boolean): Reply {
    const { connection } = this;
    this.#catalogue.mark();
    this.#changes.mark();
    if (!isAlone) connection.sql('SAVEPOINT one').run();
    try {
      const results = request.commands.map((command) => this.#runCommand(context, command));
      if (!isAlone) connection.sql('RELEASE one').run();
      return { id: request.id, result: results };
    } catch (error) {
      // After a full disk or an I/O error SQLite may have rolled back everything.
      if (!connection.db.isTransaction) throw error;
      connection.sql(isAlone ? 'ROLLBACK' : 'ROLLBACK TO one').run();
      connection.sql(isAlone ? 'BEGIN IMMEDIATE' : 'RELEASE one').run();
      this.#catalogue.undo();
      this.#memory.undo();
      this.#changes.undo();
      return { id: request.id, error: serializeError(toStorageError(error, 'The command failed')) };
    }
  }

  #runCommand(context: WriterContext, command: Command): unknown {
    const handler = handlers[command.kind];
    if (handler === undefined) throw new Error(`There is no command "${command.kind}"`);
    return handler(context, command);
  }

  get connection(): Connection {
    return this.#connection;
  }
}

function rollBack(connection: Connection): void {
  try {
    connection.exec('ROLLBACK');
  } catch {
    // The transaction is gone already; the error that led here is the one to report.
  }
}
