import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Little enough to stay small, and enough for the collections (a quarter of a millisecond each) to cost nothing. */
const collectEveryBytes = 4 * 1024 * 1024;

let passedBytes = 0;
let collect: ((options: { type: 'minor' }) => void) | null = null;

/**
 * Says that so many bytes came in a buffer of their own and are on their way. Such buffers are garbage a moment later, but
 * they lie outside the heap, where V8 lets 32 MB and more gather before it looks: a large file would take as much memory.
 */
export function countPassingBytes(bytes: number): void {
  passedBytes += bytes;
  if (passedBytes < collectEveryBytes) return;
  passedBytes = 0;
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  }
  collect({ type: 'minor' });
}
