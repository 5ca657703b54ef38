import { app } from 'codehooks-js';

app.auth('/*', (req, res, next) => next());

app.get('/loop', () => {
  for (;;);
});

export default app.init();
