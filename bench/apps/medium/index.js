// As large as apps with a package or two are: about 250 kB when it is built.
import { app, datastore } from 'codehooks-js';
import { z } from 'zod';

const order = z.object({ customer: z.string(), amount: z.number() });
const query = z.object({ name: z.string().optional() });

app.auth('/*', (req, res, next) => next());
app.crudlify({ orders: order });
app.get('/hello', (req, res) => res.end(`Hello ${query.parse(req.query).name ?? 'world'}`));
app.get('/count', async (req, res) => res.json(await datastore.collection('orders').count()));

export default app.init();
