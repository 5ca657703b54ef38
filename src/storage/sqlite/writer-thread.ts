import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { serializeError } from '../../core/errors.ts';
import { collectStartGarbage } from '../start-garbage.ts';
import { type Connection, openConnection, toStorageError } from './connection.ts';
import { checkIntegrity } from './integrity.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import type { OpenedDetail, ThreadMessage, WriterOptions, WriterRequest } from './thread-messages.ts';
import { Writer } from './writer.ts';

/** After an unclean stop so much of the file is checked before anything is served; the rest follows on a reader. */
const startCheck = { budgetMs: 200, maxRows: 20_000 };
const longestTimerMs = 60_000;

const port = parentPort!;
const options = workerData as WriterOptions;

function post(message: ThreadMessage): void {
  port.postMessage(message);
}

function open(): { connection: Connection; detail: OpenedDetail } {
  const walPath = `${options.path}-wal`;
  const wasUnclean = existsSync(walPath) && statSync(walPath).size > 0;
  const connection = openConnection({ path: options.path, synchronous: options.synchronous, cacheKilobytes: 16_384 });
  if (wasUnclean) Array.from(checkIntegrity(connection, startCheck));
  const { from, to } = migrate(connection.db, {
    migrations,
    backUp(fromVersion) {
      mkdirSync(options.backupDirectory, { recursive: true, mode: 0o700 });
      const target = join(options.backupDirectory, `before-schema-${fromVersion + 1}.db`);
      rmSync(target, { force: true });
      connection.copyInto(target);
    },
  });
  return { connection, detail: { wasUnclean, schemaFrom: from, schemaTo: to } };
}

function serve(writer: Writer): void {
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;

  /** One timer for whatever is due next; between two steps the messages that wait come first. */
  function scheduleMaintenance(minimumMs: number): void {
    if (isClosed) return;
    if (timer !== null) clearTimeout(timer);
    const dueMs = writer.nextMaintenanceMs();
    timer = null;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(dueMs - Date.now(), minimumMs), longestTimerMs);
    timer = setTimeout(() => {
      let retryMs = 1;
      try {
        writer.maintain();
      } catch {
        // The disk does not take it now; commits report that to their callers, this tries again.
        retryMs = 5_000;
      }
      scheduleMaintenance(retryMs);
    }, waitMs);
  }

  port.on('message', (request: WriterRequest) => {
    switch (request.type) {
      case 'commits': {
        const startedAt = performance.now();
        writer.runBatch(request.requests, (replies, areLast) =>
          post(
            areLast
              ? { type: 'replies', replies, elapsedMs: performance.now() - startedAt }
              : { type: 'replies', replies },
          ),
        );
        scheduleMaintenance(1);
        break;
      }
      case 'ready': {
        const error = writer.checkReady();
        post({
          type: 'replies',
          replies: [error === null ? { id: request.id, result: null } : { id: request.id, error }],
        });
        break;
      }
      case 'watch':
        writer.setWatched(request.key, request.isWatched);
        post({ type: 'replies', replies: [{ id: request.id, result: null }] });
        break;
      case 'close':
        isClosed = true;
        if (timer !== null) clearTimeout(timer);
        writer.connection.close();
        port.close();
        break;
    }
  });
  scheduleMaintenance(1_000);
}

/** A shim for tests of slow disks. */
function sleepBlocking(durationMs: number): void {
  if (durationMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}

try {
  const { connection, detail } = open();
  const writer = new Writer(connection, {
    maxCollections: options.maxCollections,
    beforeCommit: () => sleepBlocking(options.commitDelayMs),
    onChanges: (changes) => post({ type: 'changes', changes }),
  });
  serve(writer);
  post({ type: 'opened', detail });
} catch (error) {
  post({ type: 'failed', error: serializeError(toStorageError(error, `Cannot open ${options.path}`)) });
  port.close();
}

collectStartGarbage();
