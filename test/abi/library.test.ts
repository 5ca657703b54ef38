/**
 * What our library adds to the ABI: files, static files, views, channels, aggregation, OpenAPI. Real: the library and the ABI.
 * Fake: the gateway (files and documents in memory), so matching of routes and delivery of events are not part of it.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { beforeEach, describe, it } from 'node:test';
import * as yup from 'yup';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import {
  aggregation,
  body,
  type Codehooks,
  filestore,
  openapi,
  param,
  response,
} from '../../packages/sdk/src/index.ts';
import { startApp, type TestApp } from './run-app.ts';

describe('files', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp(() => {});
  });

  it('are saved from streams, bytes and text, and read as streams, text and bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_300_000 }, (_, n) => n % 251));
    const entry = await filestore.saveFile('/a/b.bin', Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]));
    assert.deepEqual([entry.path, entry.size], ['/a/b.bin', bytes.length]);
    assert.ok((await filestore.readFileAsBuffer('/a/b.bin')).equals(bytes));
    await filestore.saveFile('/t.txt', 'ü');
    assert.equal(await filestore.readFile('/t.txt'), 'ü');
    const collected: Buffer[] = [];
    const stream = await filestore.getReadStream('/a/b.bin');
    await new Promise((resolve) => {
      stream.on('data', (chunk: Buffer) => collected.push(chunk)).on('end', resolve);
    });
    assert.ok(Buffer.concat(collected).equals(bytes));
    await filestore.saveFile('/empty', Buffer.alloc(0));
    assert.equal(await filestore.readFile('/empty'), '');
    assert.equal((await filestore.list('/')).length, 3);
  });

  it('that are missing reject before anything is read', async () => {
    await assert.rejects(filestore.getReadStream('/nope'), /not found/i);
    await assert.rejects(filestore.readFile('/nope'), /not found/i);
    await assert.rejects(filestore.readFileAsBuffer('/nope'), /not found/i);
    await assert.rejects(filestore.deleteFile('/nope'), /not found/i);
  });

  it('whose source fails are not stored', async () => {
    const failing = new Readable({
      read() {
        this.destroy(new Error('source gone'));
      },
    });
    await assert.rejects(filestore.saveFile('/x', failing), /source gone/);
    assert.equal(app.gateway.files.has('/x'), false);
    assert.equal(app.gateway.calls.at(-1)?.method, 'files.abort');
  });
});

describe('static files', () => {
  async function serve(options: object, files: Record<string, string>) {
    const app = await startApp((target) => target.static(options));
    for (const [path, text] of Object.entries(files)) app.gateway.files.set(`source:${path}`, Buffer.from(text));
    return app;
  }

  it('are sent with their type, and with index.html for the route itself', async () => {
    const { request } = await serve(
      { route: '/', directory: '/web' },
      { '/web/index.html': '<b>', '/web/a.css': 'a{}' },
    );
    const index = await request({ authHook: 0, path: '/' });
    assert.deepEqual([index.status, index.text, index.header('content-type')], [200, '<b>', 'text/html']);
    assert.equal((await request({ authHook: 0, path: '/a.css' })).header('content-type'), 'text/css');
  });

  it('lie below their route and directory, and nowhere else', async () => {
    const { request, gateway } = await serve(
      { route: '/static', directory: '/assets' },
      { '/assets/x/y.txt': 'y', '/z.txt': 'z' },
    );
    assert.equal((await request({ authHook: 0, path: '/static/x/y.txt' })).text, 'y');
    const outside = await request({ authHook: 0, path: '/static/../z.txt' });
    assert.equal(outside.status, 404);
    assert.equal(gateway.calls.at(-1)?.params.path, '/assets/z.txt');
  });

  it('that are missing are 404 with their name, or with the page for it', async () => {
    const plain = await serve({ route: '/', directory: '/web' }, {});
    const missing = await plain.request({ authHook: 0, path: '/nope.html' });
    assert.deepEqual([missing.status, /^No file here: \/web\/nope\.html/.test(missing.text)], [404, true]);
    const withPage = await serve({ route: '/', directory: '/web', notFound: '/404.html' }, { '/web/404.html': 'gone' });
    const page = await withPage.request({ authHook: 0, path: '/nope' });
    assert.deepEqual([page.status, page.text, page.header('content-type')], [404, 'gone', 'text/html']);
  });

  it('need a name with a type, unless there is a page for missing ones', async () => {
    const { request } = await serve({ route: '/' }, {});
    const refused = await request({ authHook: 0, path: '/secret' });
    assert.deepEqual([refused.status, /is not a valid file name/.test(refused.text)], [403, true]);
  });

  it('pass their hook first, and get its headers', async () => {
    const app = await startApp((target) => {
      target.storage({ route: '/f', headers: { 'Cache-Control': 'max-age=1' } }, (req, res, next) => {
        if (req.query.no) res.status(402).end();
        else next();
      });
    });
    app.gateway.files.set('/a.txt', Buffer.from('stored'));
    const sent = await app.request({ path: '/f/a.txt' });
    assert.deepEqual([sent.text, sent.header('cache-control')], ['stored', 'max-age=1']);
    assert.equal((await app.request({ path: '/f/a.txt', query: { no: '1' } })).status, 402);
  });
});

describe('views', () => {
  it('are read from the deployment, compiled by the engine of the app, and sent as HTML', async () => {
    const compile = (text: string) => (data: object) =>
      text.replace(/\{\{(\w+)\}\}/g, (_, key) => String(data[key as keyof object]));
    const { request, gateway } = await startApp((app) => {
      app.set('views', '/views');
      app.set('view engine', { hbs: { compile } });
      app.get('/x', (_req, res) => res.render('page', { name: 'ü' }));
    });
    gateway.files.set('source:/views/page.hbs', Buffer.from('Hello {{name}}'));
    const { text, header } = await request();
    assert.deepEqual([text, header('content-type')], ['Hello ü', 'text/html; charset=utf-8']);
  });
});

describe('channels', () => {
  it('are in the manifest, and hand a connecting client over to the gateway after their hooks', async () => {
    const { load, request } = await startApp((app) => {
      app.realtime('/chat', (req, res, next) => {
        if (req.query.no) res.status(403).end();
        else next();
      });
    });
    const { manifest } = load();
    assert.deepEqual([manifest.realtime, manifest.routes], [['/chat'], ['GET /chat/:clientID']]);
    assert.equal((await request({ middleware: [0] })).header('x-realtime-connect'), '/chat');
    assert.equal((await request({ middleware: [0], query: { no: '1' } })).status, 403);
  });
});

describe('aggregation', () => {
  const records = [
    { ticker: 'A', high: 5, low: -1, n: { m: 1 } },
    { ticker: 'A', high: 7, low: 0, n: { m: 2 } },
    { ticker: 'B', high: '2', low: 3 },
    { high: 1 },
  ];
  const stream = () => {
    const listeners: Record<string, (value?: unknown) => unknown> = {};
    setImmediate(() => {
      for (const record of records) listeners.data?.(record);
      listeners.end?.();
    });
    const target = {
      on(event: string, listener: (value?: unknown) => unknown) {
        listeners[event] = listener;
        return target;
      },
    };
    return target;
  };

  it('sums, averages and finds extremes, by label and by path', async () => {
    const result = await aggregation(stream(), {
      $sum: ['high', { $field: 'n.m', $label: 'M' }],
      $avg: 'high',
      $min: 'low',
      $max: { $field: 'low', $label: 'Low' },
    });
    assert.deepEqual(result, {
      count: 4,
      high: { sum: 15, sum_total: 15, avg: 3.75 },
      M: { sum: 3 },
      low: { min: -1 },
      Low: { max: 3 },
    });
  });

  it('groups, also within groups, and names records without the field', async () => {
    const result = await aggregation(stream(), {
      $group: { $field: 'ticker', $label: 'Symbol', $sum: 'low', $group: { $field: 'high' } },
    });
    assert.deepEqual(result.Symbol.A, {
      count: 2,
      low: { sum: -1 },
      high: { '(5)': { count: 1 }, '(7)': { count: 1 } },
    });
    assert.equal(result.Symbol['**MISSING KEY [ticker]'].count, 1);
  });

  it('rejects when the stream fails', async () => {
    const failing = {
      on(event: string, listener: (value?: unknown) => unknown) {
        if (event === 'error') setImmediate(() => listener(new Error('gone')));
        return failing;
      },
    };
    await assert.rejects(aggregation(failing, { $sum: 'a' }), /gone/);
  });
});

interface Spec {
  readonly paths: Record<string, Record<string, { summary: string; requestBody?: unknown; operationId?: string }>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}

async function getSpec(register: (app: Codehooks) => unknown): Promise<Spec> {
  const { request, load } = await startApp((app) => {
    register(app);
    app.openapi({ info: { title: 'Mine' } });
  });
  const route = load().manifest.routes.indexOf('GET /openapi.json');
  return (await request({ route })).json as Spec;
}

describe('OpenAPI', () => {
  it('describes routes by what is said of them, or by their path', async () => {
    const { paths, components } = await getSpec((app) => {
      app.get(
        '/orders/:id',
        openapi({ summary: 'One order', parameters: [param('id')], responses: { 200: response('ok') } }),
        () => {},
      );
      app.post('/orders', openapi({ requestBody: body(z.object({ n: z.number().int().min(1) }) as never) }), () => {});
      app.all(/^\/hidden/, () => {});
    });
    assert.deepEqual(Object.keys(paths), ['/orders', '/orders/{id}']);
    assert.equal(paths['/orders/{id}']?.get?.summary, 'One order');
    assert.deepEqual(components.schemas.CreateOrdersRequest, {
      type: 'object',
      properties: { n: { type: 'integer', minimum: 1 } },
      required: ['n'],
    });
  });

  it('describes what crudlify serves, by collection', async () => {
    const { paths } = await getSpec((app) =>
      app.crudlify({ user: yup.object({ name: yup.string() }) }, { prefix: '/api' }),
    );
    assert.deepEqual(Object.keys(paths), ['/api/user', '/api/user/_byquery', '/api/user/{ID}']);
    const generic = await getSpec((app) => app.crudlify());
    assert.ok('/{collection}/{ID}' in generic.paths);
  });

  it('converts schemas of Yup and of both versions of Zod alike', async () => {
    const expected = {
      type: 'object',
      properties: {
        email: { type: 'string', format: 'email' },
        name: { type: 'string', minLength: 2, maxLength: 5 },
        age: { type: 'integer', minimum: 0 },
        tags: { type: 'array', items: { type: 'string' } },
        active: { type: 'boolean', default: true },
      },
      required: ['email', 'name', 'age', 'tags'],
    };
    const zod = (lib: typeof z) =>
      lib.object({
        email: lib.string().email(),
        name: lib.string().min(2).max(5),
        age: lib.number().int().min(0),
        tags: lib.array(lib.string()),
        active: lib.boolean().default(true),
      });
    const schemas = {
      zod4: zod(z),
      zod3: zod(z3 as never),
      yup: yup.object({
        email: yup.string().email().required(),
        name: yup.string().min(2).max(5).required(),
        age: yup.number().integer().min(0).required(),
        tags: yup.array(yup.string()).required(),
        active: yup.boolean().default(true),
      }),
    };
    const { components } = await getSpec((app) => app.crudlify(schemas));
    assert.deepEqual(components.schemas.Zod4, expected);
    assert.deepEqual(components.schemas.Zod3, expected);
    assert.deepEqual(components.schemas.Yup, expected);
  });

  it('is shown by a page that finds the document also below a space', async () => {
    const { request, load } = await startApp((app) => app.openapi({ info: { title: '</title><script>' } }));
    const page = await request({ route: load().manifest.routes.indexOf('GET /docs'), path: '/docs' });
    assert.match(page.text, /data-spec="\.\/openapi\.json"/);
    assert.match(page.text, /src="\.\/\.well-known\/api-docs\/viewer\.js"/);
    assert.doesNotMatch(page.text, /<title><\/title><script>/);
    assert.deepEqual(load().manifest.auths, [
      '/.well-known/api-docs/:file',
      '/openapi.json',
      '/docs',
      '/.well-known/openapi',
    ]);
  });

  it('is at the well-known place for apps with crudlify', async () => {
    const { request, load } = await startApp((app) => app.crudlify());
    const route = load().manifest.routes.indexOf('GET /.well-known/openapi');
    assert.equal(((await request({ route })).json as { openapi: string }).openapi, '3.0.3');
  });
});
