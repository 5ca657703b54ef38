import { createHmac, timingSafeEqual } from 'node:crypto';
import { app, Datastore } from 'codehooks-js';

// GitHub cannot send our token; its signature is the credential.
app.auth('/webhook', (req, res, next) => next());

/** True when `x-hub-signature-256` is the HMAC of the exact bytes that GitHub sent. */
function isSigned(req) {
  const secret = process.env.GITHUB_WEBHOOK_SECRET ?? '';
  const expected = `sha256=${createHmac('sha256', secret).update(req.rawBody).digest('hex')}`;
  const received = req.headers['x-hub-signature-256'] ?? '';
  return (
    secret !== '' &&
    received.length === expected.length &&
    timingSafeEqual(Buffer.from(received), Buffer.from(expected))
  );
}

app.post('/webhook', async (req, res) => {
  if (!isSigned(req)) {
    res.status(401).json({ error: 'signature does not match' });
    return;
  }
  const event = {
    delivery: req.headers['x-github-delivery'] ?? null,
    type: req.headers['x-github-event'] ?? 'unknown',
    action: req.body.action ?? null,
    raw: req.rawBody,
    payload: req.body,
  };
  const db = await Datastore.open();
  const stored = await db.insertOne('github_events', event);
  res.status(201).json({ received: true, _id: stored._id });
});

export default app.init();
