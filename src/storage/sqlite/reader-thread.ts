import { parentPort, workerData } from 'node:worker_threads';
import { serializeError, TackleError } from '../../core/errors.ts';
import type { ReadKind } from '../../ports/storage.ts';
import { collectStartGarbage } from '../start-garbage.ts';
import { CatalogueView } from './catalogue.ts';
import { readHandlers } from './commands/index.ts';
import { type Connection, openConnection, toStorageError } from './connection.ts';
import type { ReaderContext } from './handlers.ts';
import { checkIntegrity } from './integrity.ts';
import { ReadScheduler } from './read-scheduler.ts';
import { SortSpools } from './reads/sort-spools.ts';
import type { ReaderOptions, ReaderRequest, ReadRequest, Reply, ThreadMessage } from './thread-messages.ts';

/** Runs reads one statement at a time. A long one is a generator and gives way to the others after each step. */
const port = parentPort!;
const options = workerData as ReaderOptions;

type AnyRead = { run(context: ReaderContext, params: ReadRequest['read']): unknown };
const handlers = readHandlers as unknown as Readonly<Record<ReadKind, AnyRead>>;

function post(message: ThreadMessage): void {
  port.postMessage(message);
}

/** A table that is gone belonged to a collection or index that was dropped between two steps of the read. */
function toReadError(error: unknown): unknown {
  if (error instanceof Error && /no such table: (main\.)?[di]_\d+/.test(error.message)) {
    return new TackleError('conflict', 'The collection was dropped while it was read', { cause: error });
  }
  return toStorageError(error, 'The read failed');
}

/**
 * Reads that came together see the same commits: each change of the log makes SQLite forget the pages that it holds, and with
 * a busy writer every read would fetch them again. Long reads only begin here; their steps come later.
 */
function inOneSnapshot(
  connection: Connection,
  collections: CatalogueView,
  requests: readonly ReadRequest[],
  start: (request: ReadRequest) => void,
): void {
  if (requests.length > 1) connection.sql('BEGIN').run();
  try {
    collections.refresh();
    for (const request of requests) start(request);
  } finally {
    if (connection.db.isTransaction) connection.sql('COMMIT').run();
  }
}

function serve(): void {
  const connection = openConnection({ path: options.path, readOnly: true });
  const collections = new CatalogueView(connection);
  const spools = new SortSpools({ directory: options.temporaryDirectory, thread: options.thread });
  let replies: Reply[] = [];

  function settle(reply: Reply): void {
    if (replies.length === 0) queueMicrotask(flush);
    replies.push(reply);
  }
  function flush(): void {
    const batch = replies;
    replies = [];
    if (batch.length > 0) post({ type: 'replies', replies: batch });
  }
  const scheduler = new ReadScheduler(
    (id, result) => settle({ id, result }),
    (id, error) => settle({ id, error: serializeError(toReadError(error)) }),
  );

  port.on('message', (request: ReaderRequest) => {
    switch (request.type) {
      case 'open':
        break;
      case 'reads':
        inOneSnapshot(connection, collections, request.requests, ({ id, space, read }) => {
          const context: ReaderContext = { connection, nowMs: Date.now(), collections, spools };
          scheduler.add(id, space, () => {
            const handler = handlers[read.kind];
            if (handler === undefined) throw new Error(`There is no read "${read.kind}"`);
            return handler.run(context, read);
          });
        });
        break;
      case 'backup':
        scheduler.add(request.id, '', () => {
          connection.copyInto(request.targetPath);
          return null;
        });
        break;
      case 'check':
        scheduler.add(request.id, '', () => checkIntegrity(connection, { budgetMs: request.budgetMs }));
        break;
      case 'close':
        spools.close();
        connection.close();
        port.close();
        break;
    }
  });
}

port.once('message', (first: ReaderRequest) => {
  if (first.type !== 'open') {
    port.close();
    return;
  }
  try {
    serve();
    post({ type: 'opened', detail: { wasUnclean: false, schemaFrom: 0, schemaTo: 0 } });
  } catch (error) {
    post({ type: 'failed', error: serializeError(toStorageError(error, `Cannot open ${options.path}`)) });
    port.close();
  }
});

collectStartGarbage();
