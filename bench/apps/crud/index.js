import { app } from 'codehooks-js';

app.crudlify();

export default app.init();
