/** The files that `tackle create` writes: an app small enough to read at once, and complete. */
export function sampleFiles(projectName: string): readonly { readonly name: string; readonly text: string }[] {
  return [
    { name: 'index.js', text: sampleApp },
    {
      name: 'package.json',
      text: `${JSON.stringify({ name: projectName, version: '1.0.0', type: 'module', main: 'index.js' }, null, 2)}\n`,
    },
  ];
}

const sampleApp = `import { app, Datastore } from 'codehooks-js';

// Every route needs the space's API token (x-apikey), except those that a hook lets through:
app.auth('/hello', (req, res, next) => next());

app.get('/hello', (req, res) => {
  res.json({ hello: req.query.name ?? 'world' });
});

app.post('/notes', async (req, res) => {
  const db = await Datastore.open();
  res.status(201).json(await db.insertOne('notes', req.body));
});

app.get('/notes', async (req, res) => {
  const db = await Datastore.open();
  db.getMany('notes').json(res);
});

export default app.init();
`;
