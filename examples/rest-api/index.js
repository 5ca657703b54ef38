import { app, Datastore } from 'codehooks-js';

// Every route needs a token of the space: `x-apikey: …`. `tackle info` shows it.

app.post('/notes', async (req, res) => {
  const { title, text = '' } = req.body;
  if (typeof title !== 'string' || title === '') {
    res.status(400).json({ error: 'title must be a text' });
    return;
  }
  const db = await Datastore.open();
  const note = await db.insertOne('notes', { title, text, done: false, createdAt: new Date() });
  res.status(201).json(note);
});

app.get('/notes', async (req, res) => {
  const db = await Datastore.open();
  const filter = req.query.done === undefined ? {} : { done: req.query.done === 'true' };
  db.getMany('notes', filter, { sort: { createdAt: -1 }, limit: 100 }).json(res);
});

app.get('/notes/:id', async (req, res) => {
  const db = await Datastore.open();
  const note = await db.findOneOrNull('notes', req.params.id);
  if (note === null) res.status(404).json({ error: 'no such note' });
  else res.json(note);
});

app.patch('/notes/:id', async (req, res) => {
  const db = await Datastore.open();
  try {
    res.json(await db.updateOne('notes', req.params.id, { $set: req.body }));
  } catch (error) {
    res.status(404).json({ error: error.message });
  }
});

app.delete('/notes/:id', async (req, res) => {
  const db = await Datastore.open();
  try {
    res.json(await db.removeOne('notes', req.params.id));
  } catch (error) {
    res.status(404).json({ error: error.message });
  }
});

// Runs once per deploy, before the new version takes over.
export default app.init(async () => {
  const db = await Datastore.open();
  await db.createCollection('notes');
  await db.createIndex('notes', ['createdAt']);
});
