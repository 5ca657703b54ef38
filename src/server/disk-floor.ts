import { statfs } from 'node:fs/promises';
import { TackleError } from '../core/errors.ts';
import type { Storage } from '../ports/storage.ts';

export interface DiskFloorOptions {
  readonly directory: string;
  readonly floorBytes: number;
  readonly intervalMs: number;
  /** Free bytes of the disk that holds `directory`. */
  readFreeBytes?(directory: string): Promise<number>;
  onChange(isBelow: boolean, freeBytes: number): void;
}

/**
 * Refuses the writes of apps while the disk is nearly full, so that what was accepted can still be settled. System
 * commits go through.
 */
export interface DiskFloor extends Disposable {
  readonly storage: Storage;
  readonly isBelow: boolean;
  check(): Promise<void>;
}

export async function createDiskFloor(storage: Storage, options: DiskFloorOptions): Promise<DiskFloor> {
  const readFreeBytes = options.readFreeBytes ?? readFreeBytesOfDisk;
  let isBelow = false;

  async function check(): Promise<void> {
    const freeBytes = await readFreeBytes(options.directory);
    const below = freeBytes < options.floorBytes;
    if (below === isBelow) return;
    isBelow = below;
    options.onChange(below, freeBytes);
  }

  await check();
  const timer = setInterval(() => void check().catch(() => undefined), options.intervalMs);
  timer.unref();

  const guarded: Storage = {
    commit(commands, commitOptions) {
      if (isBelow && commitOptions.lane.lane === 'space') {
        const megabytes = Math.round(options.floorBytes / 1024 / 1024);
        return Promise.reject(
          new TackleError(
            'disk_full',
            `Less than ${megabytes} MB of disk are free: writes of apps wait until there is more.`,
          ),
        );
      }
      return storage.commit(commands, commitOptions);
    },
    read: (read) => storage.read(read),
    backup: (targetPath) => storage.backup(targetPath),
    checkReady: () => storage.checkReady(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };

  return {
    storage: guarded,
    get isBelow() {
      return isBelow;
    },
    check,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

async function readFreeBytesOfDisk(directory: string): Promise<number> {
  const info = await statfs(directory);
  return info.bavail * info.bsize;
}
