// graphile-worker with the batching that its documentation recommends for throughput: node graphile-worker-peer.mjs <url> <tasks>
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { measureTasks } from './task-rounds.mjs';

const [connectionString, tasks] = process.argv.slice(2);
const logger = new Logger(() => () => undefined);
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();

const queue = {
  async enqueue(count) {
    for (let at = 0; at < count; at += 500) {
      const size = Math.min(500, count - at);
      await utils.addJobs(Array.from({ length: size }, (_, n) => ({ identifier: 'fast', payload: { n: at + n } })));
    }
  },
  async work(onTask) {
    const runner = await run({
      connectionString,
      logger,
      noHandleSignals: true,
      concurrency: 24,
      maxPoolSize: 26,
      taskList: { fast: async () => onTask() },
      preset: {
        worker: {
          connectionString,
          concurrentJobs: 24,
          maxPoolSize: 26,
          pollInterval: 1_000,
          localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
    return () => runner.stop();
  },
};
const result = await measureTasks(queue, Number(tasks));
process.send(result, () => process.exit(0));
