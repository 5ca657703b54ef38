import { app, datastore } from 'tackle-sdk';

let handled = 0;
let completed = 0;

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

const flow = app.createWorkflow(
  'three',
  'Three steps in user code',
  {
    one: async (state, goto) => goto('two', { one: state.n + 1 }),
    two: async (state, goto) => goto('three', { two: state.one + 1 }),
    three: async (state, goto) => {
      completed += 1;
      return goto(null, { three: state.two + 1 });
    },
  },
  { workers: 32 },
);

/** Enqueues `count` tasks in calls that are under way together, as a loop over a list would do it. */
app.post('/fill/:topic', async (req, res) => {
  const conn = await datastore.open();
  const count = Number(req.query.count);
  for (let at = 0; at < count; at += 500) {
    await Promise.all(
      Array.from({ length: Math.min(500, count - at) }, (_, n) => conn.enqueue(req.params.topic, { n: at + n })),
    );
  }
  res.json({ count });
});
app.post('/start', async (req, res) => {
  const count = Number(req.query.count);
  for (let at = 0; at < count; at += 256) {
    await Promise.all(Array.from({ length: Math.min(256, count - at) }, (_, n) => flow.start({ n })));
  }
  res.json({ count });
});
app.get('/counts', (_req, res) => res.json({ handled, completed }));

export default app.init();
