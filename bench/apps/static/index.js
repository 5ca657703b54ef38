import { app } from 'codehooks-js';

app.static({ route: '/web', directory: '/web' });
app.storage({ route: '/stored', directory: '/stored' });

export default app.init();
