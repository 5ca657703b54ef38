import { app } from 'codehooks-js';

// Open to everybody: no token is needed for this path.
app.auth('/hello', (req, res, next) => next());

app.get('/hello', (req, res) => {
  res.json({ message: `Hello ${req.query.name ?? 'world'}!` });
});

export default app.init();
