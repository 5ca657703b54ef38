import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Long enough for what follows a start (warm spare, first request), short enough to be at rest soon. */
const delayMs = 2_000;

/**
 * Compiling and wiring leave tens of megabytes of garbage, which V8 keeps until the heap grows again: a gateway at rest
 * would hold them for ever. One collection gives them back to the system.
 */
export function collectStartGarbage(): void {
  const timer = setTimeout(() => {
    // The flag belongs to the whole process and stays: a thread that took it back could take it from another one that is
    // just making its context, and that would end with a ReferenceError.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as (options: {
      type: 'major';
      execution: 'sync';
      flavor: 'last-resort';
    }) => void;
    // Only this flavour returns the pages; it takes about 20 ms.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, delayMs);
  timer.unref();
}
