import { app, datastore } from 'tackle-sdk';

let handled = 0;
let completed = 0;
let trickled = 0;

app.worker(
  'fast',
  async (_req, res) => {
    handled += 1;
    res.end();
  },
  { workers: 32, retentionMs: 0 },
);
app.worker(
  'strict',
  async (_req, res) => {
    handled += 1;
    res.end();
  },
  { workers: 1, strict: true, retentionMs: 0 },
);

/** So slow that what waits for it goes on waiting. */
app.worker(
  'slow',
  async (_req, res) => {
    trickled += 1;
    setTimeout(() => res.end(), 200);
  },
  { workers: 1, retentionMs: 0 },
);

const steps = {
  one: async (state, goto) => goto('two', { one: state.n + 1 }),
  two: async (state, goto) => goto('three', { two: state.one + 1 }),
  three: async (state, goto) => {
    completed += 1;
    return goto(null, { three: state.two + 1 });
  },
};
const flow = app.createWorkflow('three', 'Three steps in user code', steps, { workers: 32 });
const lone = app.createWorkflow('lone', 'The same, with a listener for its end', steps);
const onEnd = new Map();
lone.on('completed', ({ instanceId }) => onEnd.get(instanceId)?.());

/** Enqueues `count` tasks: in batches of 500, or with `single` one by one in 500 calls that are under way together. */
app.post('/fill/:topic', async (req, res) => {
  const conn = await datastore.open();
  const count = Number(req.query.count);
  for (let at = 0; at < count; at += 500) {
    const payloads = Array.from({ length: Math.min(500, count - at) }, (_, n) => ({ n: at + n }));
    if (req.query.single) await Promise.all(payloads.map((payload) => conn.enqueue(req.params.topic, payload)));
    else await conn.enqueueMany(req.params.topic, payloads);
  }
  res.json({ count });
});
/** One instance after the other: milliseconds from the call of `start` to the news that it has ended. */
app.post('/lone', async (req, res) => {
  const durations = [];
  for (let n = 0; n < Number(req.query.count); n += 1) {
    const { promise, resolve } = Promise.withResolvers();
    const started = performance.now();
    const { _id } = await lone.start({ n });
    onEnd.set(_id, resolve);
    await promise;
    durations.push(performance.now() - started);
    onEnd.delete(_id);
  }
  res.json(durations.sort((a, b) => a - b));
});
app.post('/start', async (req, res) => {
  const count = Number(req.query.count);
  for (let at = 0; at < count; at += 256) {
    await Promise.all(Array.from({ length: Math.min(256, count - at) }, (_, n) => flow.start({ n })));
  }
  res.json({ count });
});
app.get('/counts', (_req, res) => res.json({ handled, completed, trickled }));

export default app.init();
