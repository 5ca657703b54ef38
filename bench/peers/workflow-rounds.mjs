/** Runs `count` three-step workflows, at most `concurrency` at once, then `lone` one after another. */
export async function measureWorkflows(runOne, { count, concurrency, lone }) {
  let next = 0;
  const runSome = async (limit) => {
    while (next < limit) {
      next += 1;
      await runOne(next);
    }
  };
  const runAll = (limit) => Promise.all(Array.from({ length: concurrency }, () => runSome(limit)));
  await runAll(concurrency);
  const startedAt = performance.now();
  await runAll(concurrency + count);
  const seconds = (performance.now() - startedAt) / 1000;
  const durations = [];
  for (let n = 0; n < lone; n += 1) {
    const loneAt = performance.now();
    next += 1;
    await runOne(next);
    durations.push(performance.now() - loneAt);
  }
  durations.sort((a, b) => a - b);
  return { stepsPerSecond: (3 * count) / seconds, loneMs: durations[Math.floor(lone / 2)] };
}
