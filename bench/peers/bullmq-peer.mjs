// BullMQ on Redis: node bullmq-peer.mjs <url> <tasks>
import { Queue, Worker } from 'bullmq';
import { measureTasks } from './task-rounds.mjs';

const [url, tasks] = process.argv.slice(2);
const { hostname: host, port } = new URL(url);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const jobs = new Queue('fast', { connection, defaultJobOptions: { removeOnComplete: true } });

const queue = {
  async enqueue(count) {
    for (let at = 0; at < count; at += 500) {
      const size = Math.min(500, count - at);
      await jobs.addBulk(Array.from({ length: size }, (_, n) => ({ name: 'fast', data: { n: at + n } })));
    }
  },
  async work(onTask) {
    const worker = new Worker('fast', async () => onTask(), { connection, concurrency: 32 });
    await worker.waitUntilReady();
    return () => worker.close();
  },
};
const result = await measureTasks(queue, Number(tasks));
process.send(result, () => process.exit(0));
