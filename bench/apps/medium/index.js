// As large as apps with a few packages are: about 250 kB when it is built.
import { app, datastore } from 'codehooks-js';
import handlebars from 'handlebars';

const greeting = handlebars.compile('Hello {{name}}');
const order = { type: 'object', properties: { customer: { type: 'string' }, amount: { type: 'number' } } };

app.auth('/*', (req, res, next) => next());
app.crudlify({ orders: order });
app.get('/hello', (req, res) => res.end(greeting({ name: req.query.name ?? 'world' })));
app.get('/count', async (req, res) => res.json(await datastore.collection('orders').count()));

export default app.init();
