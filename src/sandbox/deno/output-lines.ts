import type { Readable } from 'node:stream';

/** Bytes per interval; a process that writes faster has to wait, which is its own loss. */
const bytesPerInterval = 256 * 1024;
const intervalMs = 100;

/** Reads what a process writes to stdout or stderr, at a bounded rate. */
export function readOutput(stream: Readable, onText: (text: string) => void): void {
  let budget = bytesPerInterval;
  let refilling = false;
  stream.on('data', (chunk: Buffer) => {
    budget -= chunk.length;
    onText(chunk.toString('utf8'));
    if (budget < 0) stream.pause();
    if (refilling) return;
    refilling = true;
    setTimeout(() => {
      refilling = false;
      budget = bytesPerInterval;
      stream.resume();
    }, intervalMs).unref();
  });
  stream.on('error', () => {});
}
