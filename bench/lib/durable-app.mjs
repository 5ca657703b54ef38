import { join } from 'node:path';

/** Deploys the app of the durable benchmarks to a gateway and answers how to measure with it. */
export async function deployDurableApp(gateway) {
  const { base, token } = await gateway.deploy('bench', join(import.meta.dirname, '../apps/durable'));
  const app = async (method, path) => {
    const answer = await fetch(`${base}${path}`, { method, headers: { 'x-apikey': token } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };

  /** Per second, from the first enqueue to the last result. */
  async function measure(path, counter, count) {
    const before = (await app('GET', '/counts'))[counter];
    const started = performance.now();
    const producing = app('POST', path);
    for (;;) {
      const now = (await app('GET', '/counts'))[counter];
      if (now - before >= count) break;
      if (count > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const seconds = (performance.now() - started) / 1000;
    await producing;
    return count / seconds;
  }

  return {
    /** Enqueued in batches of 500; with `single` one by one. */
    tasksPerSecond: (topic, count, { single = false } = {}) =>
      measure(`/fill/${topic}?count=${count}${single ? '&single=1' : ''}`, 'handled', count),
    stepsPerSecond: async (instances) => 3 * (await measure(`/start?count=${instances}`, 'completed', instances)),
    /** Median of instances that have the gateway to themselves: from `start` in the app to the news of their end. */
    loneMs: async (instances) => (await app('POST', `/lone?count=${instances}`))[Math.floor(instances / 2)],
    /** The same over HTTP: started, and asked for until they have ended. */
    async loneOverHttpMs(instances) {
      const durations = [];
      for (let n = 0; n < instances; n += 1) {
        const started = performance.now();
        await measure('/start?count=1', 'completed', 1);
        durations.push(performance.now() - started);
      }
      return durations.sort((a, b) => a - b)[Math.floor(instances / 2)];
    },
  };
}
