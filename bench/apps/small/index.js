import { app, Datastore } from 'codehooks-js';

app.auth('/*', (req, res, next) => next());

app.get('/hello', (req, res) => {
  res.json({ hello: 'world' });
});

app.post('/documents', async (req, res) => {
  const db = await Datastore.open();
  res.status(201).json(await db.insertOne('documents', req.body));
});

app.get('/documents/:id', async (req, res) => {
  const db = await Datastore.open();
  res.json(await db.getOne('documents', req.params.id));
});

export default app.init();
