import { randomUUID } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { FileUpload } from './files.ts';

/** Uploads that apps have begun, piece by piece. One that is not continued within a minute is thrown away. */
export interface AppUploads {
  /** When `signal` aborts (the request was cut off, the process ended), nothing of the upload is kept. */
  add(spaceId: string, begin: () => Promise<FileUpload>, signal: AbortSignal): Promise<string>;
  /** Rejects with `not_found` when the space has no such upload (any more). */
  append(spaceId: string, uploadId: string, bytes: Uint8Array): Promise<void>;
  /** The upload for its commit; the id is not valid any more. */
  take(spaceId: string, uploadId: string): FileUpload;
  /** Throws everything away. */
  stop(): Promise<void>;
}

const idleTimeoutMs = 60_000;
const maxUploadsPerSpace = 64;

interface OpenUpload {
  readonly spaceId: string;
  readonly upload: FileUpload;
  readonly timer: NodeJS.Timeout;
  stopWatching(): void;
}

export function createAppUploads(): AppUploads {
  const open = new Map<string, OpenUpload>();
  const countOf = new Map<string, number>();

  function find(spaceId: string, uploadId: string): OpenUpload {
    const found = open.get(uploadId);
    if (found !== undefined && found.spaceId === spaceId) return found;
    throw new TackleError(
      'not_found',
      `There is no upload ${uploadId.slice(0, 40)}; one that is not continued for ${idleTimeoutMs / 1000} s is dropped.`,
    );
  }

  function forget(uploadId: string): FileUpload | null {
    const found = open.get(uploadId);
    if (found === undefined) return null;
    clearTimeout(found.timer);
    found.stopWatching();
    open.delete(uploadId);
    leave(found.spaceId);
    return found.upload;
  }

  /** Nobody waits for it; what it cannot remove is removed by the next start. */
  function drop(uploadId: string): void {
    forget(uploadId)
      ?.abort()
      .catch(() => undefined);
  }

  function enter(spaceId: string): void {
    const count = countOf.get(spaceId) ?? 0;
    if (count >= maxUploadsPerSpace) {
      throw new TackleError('overloaded', `The app has ${count} uploads open; finish some of them first.`);
    }
    countOf.set(spaceId, count + 1);
  }

  function leave(spaceId: string): void {
    const count = (countOf.get(spaceId) ?? 1) - 1;
    if (count === 0) countOf.delete(spaceId);
    else countOf.set(spaceId, count);
  }

  return {
    async add(spaceId, begin, signal) {
      enter(spaceId);
      const upload = await begin().catch((error: unknown) => {
        leave(spaceId);
        throw error;
      });
      const uploadId = randomUUID();
      const timer = setTimeout(drop, idleTimeoutMs, uploadId);
      timer.unref();
      const dropThis = () => drop(uploadId);
      open.set(uploadId, { spaceId, upload, timer, stopWatching: () => signal.removeEventListener('abort', dropThis) });
      if (signal.aborted) dropThis();
      else signal.addEventListener('abort', dropThis, { once: true });
      return uploadId;
    },
    async append(spaceId, uploadId, bytes) {
      const { upload, timer } = find(spaceId, uploadId);
      timer.refresh();
      await upload.append(bytes);
    },
    take(spaceId, uploadId) {
      find(spaceId, uploadId);
      return forget(uploadId) as FileUpload;
    },
    async stop() {
      await Promise.all([...open.keys()].map((uploadId) => forget(uploadId)?.abort()));
    },
  };
}
