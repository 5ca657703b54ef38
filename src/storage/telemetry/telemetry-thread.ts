import { parentPort, workerData } from 'node:worker_threads';
import { serializeError } from '../../core/errors.ts';
import { openConnection, toStorageError } from '../sqlite/connection.ts';
import { ReadScheduler } from '../sqlite/read-scheduler.ts';
import { collectStartGarbage } from '../start-garbage.ts';
import type { TelemetryReply, TelemetryRequest, TelemetryThreadOptions } from './telemetry-messages.ts';
import { TelemetryStore } from './telemetry-store.ts';

const removalIntervalMs = 10 * 60_000;
const port = parentPort!;
const options = workerData as TelemetryThreadOptions;

function post(message: TelemetryReply): void {
  port.postMessage(message);
}

function serve(store: TelemetryStore): void {
  const scheduler = new ReadScheduler(
    (id, result) => post({ type: 'result', id, result }),
    (id, error) => post({ type: 'error', id, error: serializeError(toStorageError(error, 'Reading logs failed')) }),
  );
  let removal: NodeJS.Timeout | null = null;

  /** Removes in steps with pauses, so that appending never waits. */
  function removeOld(): void {
    let hasMore = false;
    try {
      hasMore = store.removeOld(Date.now());
    } catch {
      // A full disk: the next round tries again.
    }
    removal = setTimeout(removeOld, hasMore ? 5 : removalIntervalMs);
    removal.unref();
  }

  port.on('message', (request: TelemetryRequest) => {
    switch (request.type) {
      case 'append':
        try {
          store.append(request.logs);
        } catch {
          // Logs that the disk does not take are lost; the app goes on.
        }
        post({ type: 'appended' });
        break;
      case 'list':
        scheduler.add(request.id, request.query.spaceId, () => store.list(request.query));
        break;
      case 'remove-space':
        scheduler.add(request.id, request.spaceId, function* () {
          while (store.removeSpace(request.spaceId)) yield;
          return null;
        });
        break;
      case 'close':
        if (removal !== null) clearTimeout(removal);
        store.close();
        port.close();
        break;
    }
  });
  removal = setTimeout(removeOld, 5_000);
  removal.unref();
}

try {
  const store = new TelemetryStore(
    openConnection({ path: options.path, synchronous: 'NORMAL', cacheKilobytes: 2_048 }),
    options,
  );
  const { lastId } = store;
  serve(store);
  post({ type: 'opened', lastId });
} catch (error) {
  post({ type: 'failed', error: serializeError(toStorageError(error, `Cannot open ${options.path}`)) });
  port.close();
}

collectStartGarbage();
