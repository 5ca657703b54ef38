// The peer: miniflare (workerd) with a D1 database, doing what bench/apps/small does.
import { Miniflare } from '../node_modules/miniflare/dist/src/index.js';

const miniflare = new Miniflare({
  modules: true,
  d1Databases: ['DB'],
  script: `export default {
    async fetch(request, env) {
      const { pathname } = new URL(request.url);
      if (pathname === '/hello') return Response.json({ hello: 'world' });
      const id = crypto.randomUUID();
      const body = await request.json();
      await env.DB.prepare('INSERT INTO documents (id, body) VALUES (?, ?)').bind(id, JSON.stringify(body)).run();
      return Response.json({ ...body, _id: id }, { status: 201 });
    },
  };`,
});
const database = await miniflare.getD1Database('DB');
await database.exec('CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT)');
console.log((await miniflare.ready).origin);
