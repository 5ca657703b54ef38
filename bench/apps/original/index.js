// What real apps of the hosted platform look like: about 1 MB with the original library and a few packages in it.

import busboy from 'busboy';
import { app, Datastore } from 'codehooks-js';
import handlebars from 'handlebars';
import Stripe from 'stripe';
import * as yup from 'yup';
import { z } from 'zod';

const greeting = handlebars.compile('Hello {{name}}');
const order = yup.object({ customer: yup.string().required(), amount: yup.number().required() });
const query = z.object({ name: z.string().optional() });

app.auth('/*', (req, res, next) => next());
app.crudlify({ orders: order });
app.get('/hello', (req, res) => res.end(greeting({ name: query.parse(req.query).name ?? 'world' })));
app.get('/pay', async (req, res) => res.json({ client: typeof new Stripe('sk_test_x').charges }));
app.post('/upload', (req, res) => {
  const parser = busboy({ headers: req.headers });
  parser.on('close', () => res.end('done'));
  req.pipe(parser);
});
app.get('/count', async (req, res) => res.json(await (await Datastore.open()).count('orders')));

export default app.init();
