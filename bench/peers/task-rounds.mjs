// How every task queue is measured: with a filled queue first, then enqueueing while it works; the better one counts.

/**
 * @param {object} queue
 * @param {(count: number) => Promise<void>} queue.enqueue in batches
 * @param {(onTask: () => void) => Promise<() => Promise<void>>} queue.work starts workers; answers how to stop them
 * @param {number} count
 */
export async function measureTasks({ enqueue, work }, count) {
  await runRound({ enqueue, work, count: Math.ceil(count / 10), isFilledFirst: false });
  const filled = await runRound({ enqueue, work, count, isFilledFirst: true });
  const together = await runRound({ enqueue, work, count, isFilledFirst: false });
  return {
    enqueuedPerSecond: count / filled.enqueueSeconds,
    processedPerSecond: count / (filled.seconds - filled.enqueueSeconds),
    endToEndPerSecond: Math.max(count / filled.seconds, count / together.seconds),
  };
}

async function runRound({ enqueue, work, count, isFilledFirst }) {
  let handled = 0;
  const { promise: over, resolve } = Promise.withResolvers();
  const start = () =>
    work(() => {
      handled += 1;
      if (handled === count) resolve(performance.now());
    });
  let stop = isFilledFirst ? null : await start();
  const startedAt = performance.now();
  await enqueue(count);
  const enqueuedAt = performance.now();
  stop ??= await start();
  const endedAt = await over;
  await stop();
  return { seconds: (endedAt - startedAt) / 1000, enqueueSeconds: (enqueuedAt - startedAt) / 1000 };
}
