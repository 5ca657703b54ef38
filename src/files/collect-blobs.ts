import type { Storage } from '../ports/storage.ts';
import type { BlobHash, BlobStore } from './blob-store.ts';

export interface CollectOptions {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  /** Blobs that something besides files names: deployments and what travels with them. */
  listReferenced(): AsyncIterable<BlobHash>;
  readonly clock: { now(): number };
}

export interface Collected {
  readonly removed: number;
  readonly bytes: number;
}

/** How long a blob stays after the last reference to it went: backups and readers that have begun can finish. */
export const collectAfterMs = 86_400_000;
const batchSize = 500;

/**
 * Removes blobs that nothing has named for a day. Who is about to name a blob has put or touched it just before, so what is
 * young is left alone whatever the references say.
 */
export async function collectBlobs(options: CollectOptions): Promise<Collected> {
  const { blobs, storage } = options;
  const oldest = options.clock.now() - collectAfterMs;
  const kept = new Set<BlobHash>();
  for await (const hash of options.listReferenced()) kept.add(hash);
  let removed = 0;
  let bytes = 0;
  let batch = new Map<BlobHash, number>();

  const collectBatch = async (): Promise<void> => {
    const named = await storage.read({ kind: 'file.findReferenced', hashes: [...batch.keys()] });
    for (const hash of named) batch.delete(hash);
    for (const [hash, sizeBytes] of batch) {
      if (!(await blobs.removeIfOlder(hash, oldest))) continue;
      removed += 1;
      bytes += sizeBytes;
    }
    batch = new Map();
  };

  for await (const { hash, sizeBytes, modifiedAtMs } of blobs.list()) {
    if (modifiedAtMs > oldest || kept.has(hash)) continue;
    batch.set(hash, sizeBytes);
    if (batch.size >= batchSize) await collectBatch();
  }
  if (batch.size > 0) await collectBatch();
  return { removed, bytes };
}

export interface CollectionTimer {
  stop(): Promise<void>;
}

/** Collects an hour after the start, and every hour from then on. */
export function startCollecting(
  options: CollectOptions & { onDone(collected: Collected): void; onError(error: unknown): void },
): CollectionTimer {
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => collectBlobs(options).then(options.onDone, options.onError));
  }, 3_600_000);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
