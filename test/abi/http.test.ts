/**
 * Requests and responses as app code sees them (appendix B of the contract, 8-10). Real: the ABI and our library. Fake: the
 * gateway and the connection (test/abi/run-app.ts): routing and token checks are not part of this.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, it, mock } from 'node:test';
import { gzipSync } from 'node:zlib';
import busboy from 'busboy';
import type { DatastoreAPI, httpRequest, httpResponse } from '../../packages/sdk/src/index.ts';
import { type RequestOptions, startApp } from './run-app.ts';

type Handler = (request: httpRequest, response: httpResponse, next: (message?: string) => void) => unknown;

/** As old apps do it: the global, without import and without await. */
function openStore(): DatastoreAPI {
  return (globalThis as unknown as { DB: { open(): DatastoreAPI } }).DB.open();
}

async function answer(handler: Handler, options: RequestOptions = {}) {
  const { request } = await startApp((app) => app.all('/x', handler));
  return request(options);
}

describe('routes that can do nothing', () => {
  it('are told to the author, and answer at once where they can be reached', async () => {
    const warn = mock.method(console, 'warn', () => {});
    const error = mock.method(console, 'error', () => {});
    try {
      const { request } = await startApp((app) => {
        app.all('/x');
        app.get('orders', (_req, res) => res.json([]));
        app.get('*', (_req, res) => res.json({}));
        app.get(/^\/y/, (_req, res) => res.json({}));
      });
      const warnings = warn.mock.calls.map(({ arguments: [text] }) => String(text));
      assert.deepEqual(warnings.length, 2, warnings.join('\n'));
      assert.match(warnings.join('\n'), /\* \/x has no handler.*\n.*GET orders: a path begins with/);
      assert.equal((await request()).status, 500);
      assert.match(String(error.mock.calls[0]?.arguments[0]), /\* \/x has no handler/);
    } finally {
      warn.mock.restore();
      error.mock.restore();
    }
  });
});

describe('answering', () => {
  it('sends JSON with its status, and ignores what comes after', async () => {
    const { status, text, header } = await answer((_req, res) => {
      res.status(201).json({ a: 1 });
      res.status(500).set('x-late', '1').json({ b: 2 });
      return res.end();
    });
    assert.deepEqual([status, text, header('content-type')], [201, '{"a":1}', 'application/json']);
    assert.equal(header('x-late'), null);
  });

  it('forbids caching unless the app says otherwise', async () => {
    const plain = await answer((_req, res) => res.json({}));
    assert.match(plain.header('cache-control')!, /no-store/);
    assert.equal(plain.header('pragma'), 'no-cache');
    const removed = await answer((_req, res) => res.removeHeader('Pragma').json({}));
    assert.equal(removed.header('pragma'), null);
    const cached = await answer((_req, res) => res.set('Cache-Control', 'public').json({}));
    assert.deepEqual([cached.header('cache-control'), cached.header('expires')], ['public', null]);
  });

  it('sends strings as HTML by send, and without a type by end', async () => {
    const sent = await answer((_req, res) => res.send('<b>ü</b>'));
    assert.deepEqual([sent.text, sent.header('content-type')], ['<b>ü</b>', 'text/html; charset=utf-8']);
    const ended = await answer((_req, res) => res.end('plain'));
    assert.deepEqual([ended.text, ended.header('content-type')], ['plain', null]);
  });

  it('serialises objects and errors given to end and send', async () => {
    assert.deepEqual((await answer((_req, res) => res.end({ a: 1 }))).json, { a: 1 });
    assert.deepEqual((await answer((_req, res) => res.send([1]))).json, [1]);
    const error = Object.assign(new Error('hidden'), { schemaError: [1] });
    assert.deepEqual((await answer((_req, res) => res.status(400).end(error))).json, { schemaError: [1] });
    assert.equal((await answer((_req, res) => res.json(null))).text, '');
  });

  it('sends bytes as they are', async () => {
    const bytes = Buffer.from([0, 255, 1, 254]);
    assert.deepEqual((await answer((_req, res) => res.type('image/png').send(bytes))).bytes, bytes);
    const written = await answer((_req, res) => res.write(bytes, 'buffer').write(bytes).end());
    assert.deepEqual(written.bytes, Buffer.concat([bytes, bytes]));
  });

  it('chains writes of text', async () => {
    const { text, writes } = await answer((_req, res) => res.write('a').write('\n').write({ b: 1 }).end('c'));
    assert.deepEqual([text, writes], ['a\n{"b":1}c', 3]);
  });

  it('sends an array of cookies as as many headers', async () => {
    const { all } = await answer((_req, res) => res.set('Set-Cookie', ['a=1', 'b=2']).end());
    assert.deepEqual(all('set-cookie'), ['a=1', 'b=2']);
  });

  it('takes headers as object, and shows them as a bag', async () => {
    const { header } = await answer((_req, res) => {
      res.set({ 'X-One': '1' }).headers({ 'X-Two': 2 });
      res.set('X-Three', res.headers['X-One']).end();
    });
    assert.deepEqual([header('x-one'), header('x-two'), header('x-three')], ['1', '2', '1']);
  });

  it('refuses header values that would split the head', async () => {
    const log = mock.method(console, 'error', () => {});
    const { status } = await answer((_req, res) => res.set('X-A', 'a\r\nSet-Cookie: b=1').end());
    log.mock.restore();
    assert.equal(status, 500);
  });

  it('redirects with one argument or two', async () => {
    const one = await answer((_req, res) => res.redirect('/a?b=1'));
    assert.deepEqual([one.status, one.header('location')], [302, '/a?b=1']);
    const two = await answer((_req, res) => res.redirect('301', 'https://example.org'));
    assert.deepEqual([two.status, two.header('location')], [301, 'https://example.org']);
    const odd = await answer((_req, res) => res.redirect('/a%20b/日本 ü\r\nX: y'));
    assert.equal(odd.header('location'), '/a%20b/%E6%97%A5%E6%9C%AC%20%C3%BC%0D%0AX:%20y');
  });

  it('knows types by extension too, and keeps what middleware leaves in locals', async () => {
    const typed = await answer((_req, res) => res.type('json').send('{}'));
    assert.equal(typed.header('content-type'), 'application/json');
    const { text } = await answer((_req, res) => {
      res.locals = { user: 'ann' };
      res.end(String(res.locals.user));
    });
    assert.equal(text, 'ann');
  });

  it('can be piped to, by itself and as writable', async () => {
    const source = () => Readable.from([Buffer.from('a'), Buffer.from('b')]);
    assert.equal((await answer((_req, res) => void source().pipe(res.writable))).text, 'ab');
    assert.equal((await answer((_req, res) => void source().pipe(res as never))).text, 'ab');
  });

  it('sends a stream of documents the same in all three ways, over many pages', async () => {
    const handlers: Handler[] = [
      async (_req, res) => res.json(openStore().getMany('c')),
      async (_req, res) => (await openStore().getMany('c')).json(res),
      async (_req, res) => openStore().getMany('c').pipe(res),
    ];
    const bodies: string[] = [];
    for (const handler of handlers) {
      const { gateway, request } = await startApp((app) => app.get('/x', handler));
      gateway.pageSize = 2;
      gateway.collections.set(
        'c',
        [1, 2, 3, 4, 5].map((n) => ({ n, _id: String(n) })),
      );
      const { status, header, text } = await request();
      assert.deepEqual([status, header('content-type')], [200, 'application/json']);
      bodies.push(text);
    }
    assert.equal(new Set(bodies).size, 1);
    assert.equal((JSON.parse(bodies[0]!) as unknown[]).length, 5);
  });

  it('answers 500 when a stream fails before anything was sent', async () => {
    const log = mock.method(console, 'error', () => {});
    const { gateway, request } = await startApp((app) => app.get('/x', (_req, res) => res.json(openStore().find('c'))));
    gateway.answer('documents.find', () => {
      throw new Error('gone');
    });
    assert.equal((await request()).status, 500);
    log.mock.restore();
  });

  it('emits finish, and is abandoned when the client leaves', async () => {
    const finished = Promise.withResolvers<void>();
    await answer((_req, res) => res.on('finish', () => finished.resolve()).end());
    await finished.promise;
    const client = new AbortController();
    const closed = Promise.withResolvers<void>();
    await answer(
      (_req, res) => {
        res.on('close', () => closed.resolve());
        client.abort();
      },
      { signal: client.signal },
    );
    await closed.promise;
  });
});

describe('failing', () => {
  it('answers 500 for exceptions and rejections, and logs them', async () => {
    const log = mock.method(console, 'error', () => {});
    const handlers: Handler[] = [
      () => {
        throw new Error('sync');
      },
      async () => {
        throw new Error('async');
      },
    ];
    for (const handler of handlers) {
      const { status, json } = await answer(handler);
      assert.deepEqual([status, json], [500, { text: 'Unhandled Codehook exception, check logs', fatal: true }]);
    }
    assert.equal(log.mock.callCount(), 2);
    log.mock.restore();
  });

  it('keeps the answer that was sent before the exception', async () => {
    const log = mock.method(console, 'error', () => {});
    const { text } = await answer((_req, res) => {
      res.end('done');
      throw new Error('late');
    });
    log.mock.restore();
    assert.equal(text, 'done');
  });
});

describe('requests', () => {
  it('show the documented fields in their order, and nothing else', async () => {
    const { text } = await answer((req, res) => res.json({ ...req }), {
      path: '/r/1/2',
      params: { a: '1', b: '2' },
      query: { 'age>': '1' },
      headers: { accept: '*/*' },
    });
    assert.equal(
      text,
      '{"hostname":"demo.localhost","headers":{"host":"demo.localhost","accept":"*/*"},"query":{"age>":"1"},' +
        '"path":"/dev/r/1/2","apiPath":"/r/1/2","originalUrl":"/dev/r/1/2","params":{"a":"1","b":"2"},"body":{},"method":"GET"}',
    );
    assert.equal((await answer((req, res) => res.json(req))).json?.constructor, Object);
  });

  it('have the rest as accessors', async () => {
    const { json } = await answer((req, res) => {
      res.json([req.ip, req.connection.remoteAddress, req.datastore, req.url, req.get('HOST'), req.rawBody ?? null]);
    });
    assert.deepEqual(json, ['203.0.113.7', '203.0.113.7', 'dev', '/dev/x', 'demo.localhost', null]);
  });

  it('keep the exact text of JSON and form bodies beside what they mean', async () => {
    const echo: Handler = (req, res) => res.json([req.body, req.rawBody]);
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.deepEqual((await answer(echo, { body: '{"a": 1 }', headers: json })).json, [{ a: 1 }, '{"a": 1 }']);
    assert.deepEqual((await answer(echo, { body: '\ufeff{"ü":1}', headers: json })).json, [{ ü: 1 }, '\ufeff{"ü":1}']);
    assert.deepEqual((await answer(echo, { body: 'a=b+c%20d', headers: form })).json, [{ a: 'b c d' }, 'a=b+c%20d']);
    const nested = await answer((req, res) => res.json(req.body), { body: 'a=1&a=2&b[c]=3&d[]=4', headers: form });
    assert.deepEqual(nested.json, { a: ['1', '2'], b: { c: '3' }, d: ['4'] });
    const text = { 'content-type': 'text/plain' };
    assert.deepEqual((await answer(echo, { body: 'hi', headers: text })).json, ['hi', 'hi']);
    // A signature can be computed of nothing.
    assert.deepEqual((await answer(echo, { method: 'POST', headers: json })).json, [{}, '']);
  });

  it('let apps assign what is computed, and middleware wrap what ends a response', async () => {
    const assign: Handler = (req, res) => {
      Object.assign(req, { ip: '192.0.2.1', datastore: { open: true }, protocol: 'https' });
      const { end, writeHead } = res;
      res.writeHead = (...args: [number]) => writeHead.apply(res.set('x-late', String(res.statusCode)), args);
      res.end = (text: unknown) => end.call(res, String(text).toUpperCase());
      res.status(201).json([req.ip, req.datastore, req.protocol]);
    };
    const { status, header, text } = await answer(assign, {});
    assert.deepEqual([status, header('x-late')], [201, '201']);
    assert.equal(text, '["192.0.2.1",{"OPEN":TRUE},"HTTPS"]');
  });

  it('that are not JSON although they say so are answered 400 before the app sees them', async () => {
    const handler = mock.fn<Handler>();
    const { status, json } = await answer(handler, { body: '{"a":', headers: { 'content-type': 'application/json' } });
    assert.equal(status, 400);
    assert.match((json as { error: string }).error, /JSON/);
    assert.equal(handler.mock.callCount(), 0);
  });

  it('that are compressed are parsed, unless they are damaged or grow too much', async () => {
    const echo: Handler = (req, res) => res.json([req.body, req.rawBody]);
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = gzipSync('{"a":1}');
    assert.deepEqual((await answer(echo, { body, headers })).json, [{ a: 1 }, '{"a":1}']);
    assert.equal((await answer(echo, { body: 'plain', headers })).status, 400);
    const bomb = gzipSync(Buffer.alloc(60 * 1024 * 1024));
    assert.equal((await answer(echo, { body: bomb, headers })).status, 400);
  });

  it('cannot reach prototypes through forms', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await answer((_req, res) => res.end(), { body: '__proto__[polluted]=1&a[__proto__][polluted]=1', headers });
    assert.equal(({} as { polluted?: string }).polluted, undefined);
  });

  it('stream binary bodies back byte by byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, n) => n % 256));
    const pipe: Handler = (req, res) => {
      res.set('content-type', req.headers['content-type']);
      req.pipe(res.writable);
    };
    const headers = { 'content-type': 'application/x-foo' };
    const whole = await answer(pipe, { body: bytes, headers });
    assert.deepEqual([whole.bytes.equals(bytes), whole.header('content-type')], [true, 'application/x-foo']);
    const body = Readable.toWeb(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)])) as ReadableStream<Uint8Array>;
    assert.ok((await answer(pipe, { body, headers })).bytes.equals(bytes));
  });

  it('wait with their stream for whoever listens late', async () => {
    const body = Readable.toWeb(Readable.from([Buffer.from('ab'), Buffer.from('c')])) as ReadableStream<Uint8Array>;
    const { text } = await answer(
      async (req, res) => {
        await new Promise((resolve) => setImmediate(resolve));
        const chunks: Buffer[] = [];
        req.on('data', (chunk) => chunks.push(chunk)).on('end', () => res.end(Buffer.concat(chunks)));
      },
      { body, headers: { 'content-type': 'application/octet-stream' } },
    );
    assert.equal(text, 'abc');
  });

  it('give multipart bodies to a parser of the app, also after an await', async () => {
    const form = new FormData();
    form.set('name', 'ü');
    form.set('file', new Blob(['12345']), 'a.txt');
    const encoded = new Response(form);
    const headers = { 'content-type': encoded.headers.get('content-type')! };
    const { json } = await answer(
      async (req, res) => {
        assert.deepEqual([req.body, req.rawBody], [{}, undefined]);
        await Promise.resolve();
        const parts: Record<string, unknown> = {};
        const parser = busboy({ headers: req.headers });
        parser.on('field', (name, value) => {
          parts[name] = value;
        });
        parser.on('file', (name, file) => {
          file.on('data', (chunk: Buffer) => {
            parts[name] = chunk.length;
          });
        });
        parser.on('close', () => res.json(parts));
        req.pipe(parser);
      },
      { body: Buffer.from(await encoded.arrayBuffer()), headers },
    );
    assert.deepEqual(json, { name: 'ü', file: 5 });
  });

  it('can be piped into anything', async () => {
    const headers = { 'content-type': 'application/octet-stream' };
    const { text } = await answer(
      async (req, res) => {
        const through = new PassThrough();
        req.pipe(through);
        const [chunk] = await once(through, 'data');
        res.end(chunk);
      },
      { body: Buffer.from('xyz'), headers },
    );
    assert.equal(text, 'xyz');
  });
});

describe('middleware and auth hooks', () => {
  it('run in order before the handlers, and share what they add', async () => {
    const { request } = await startApp((app) => {
      app.use((req, _res, next) => {
        req.trace = ['global'];
        next();
      });
      app.use('/x', (req, _res, next) => {
        req.trace.push(`path ${req.params.id}`);
        next();
      });
      app.get(
        '/x',
        (req, _res, next) => {
          req.trace.push('first');
          next();
        },
        (req, res) => res.json(req.trace),
      );
    });
    const { json } = await request({ middleware: [0, 1], params: { id: '7' } });
    assert.deepEqual(json, ['global', 'path 7', 'first']);
  });

  it('with four parameters get the errors of routes and middleware, and nothing else', async () => {
    const { request } = await startApp((app) => {
      app.use((req, _res, next) => (req.query.refused ? next('refused') : next()));
      app.use(((error: Error, _req: httpRequest, _res: httpResponse, next: (error?: unknown) => void) =>
        next(error.message === undefined ? error : new Error(`${error.message}!`))) as never);
      app.use((async (error: Error | string, _req: httpRequest, res: httpResponse, _next: unknown) => {
        res.status(422).json({ error: typeof error === 'string' ? error : error.message });
      }) as never);
      app.get('/x', async (req, res) => {
        if (req.query.thrown) throw new Error('thrown');
        res.end('fine');
      });
    });
    const ask = (query: Record<string, string>) => request({ middleware: [0, 1, 2], query });
    assert.equal((await ask({})).text, 'fine');
    const thrown = await ask({ thrown: '1' });
    assert.deepEqual([thrown.status, thrown.json], [422, { error: 'thrown!' }]);
    assert.deepEqual((await ask({ refused: '1' })).json, { error: 'refused' });
  });

  it('end the request with 500 when middleware passes an error', async () => {
    const { request } = await startApp((app) => {
      app.use((_req, _res, next) => next('not today'));
      app.get('/x', (_req, res) => res.end('no'));
    });
    const { status, text } = await request({ middleware: [0] });
    assert.deepEqual([status, text], [500, 'not today']);
  });

  it('skip entries without a function', async () => {
    const { request } = await startApp((app) => {
      app.useRoute('/x');
      app.get('/x', (_req, res) => res.end('yes'));
    });
    assert.equal((await request({ middleware: [0] })).text, 'yes');
  });

  it('decide by the auth hook: all its functions, a refusal with its message, or an answer of its own', async () => {
    const { request } = await startApp((app) => {
      app.auth(
        '/*',
        (req, _res, next) => {
          req.user = 'u';
          next();
        },
        (req, res, next) => {
          if (req.query.deny) next('Only GET');
          else if (req.query.away) res.redirect('/');
          else next();
        },
      );
      app.get('/x', (req, res) => res.end(req.user));
    });
    assert.equal((await request({ authHook: 0 })).text, 'u');
    const denied = await request({ authHook: 0, query: { deny: '1' } });
    assert.deepEqual([denied.status, denied.text], [403, 'Only GET']);
    const away = await request({ authHook: 0, route: null, query: { away: '1' } });
    assert.deepEqual([away.status, away.header('location')], [302, '/']);
    assert.equal((await request({ authHook: 0, route: null })).status, 404);
    assert.equal((await request({ authHook: 9 })).status, 403);
  });

  it('call next once only', async () => {
    const handler = mock.fn<Handler>((_req, res) => res.end());
    const { request } = await startApp((app) => {
      app.get(
        '/x',
        (_req, _res, next) => {
          next();
          next();
        },
        handler,
      );
    });
    await request();
    assert.equal(handler.mock.callCount(), 1);
  });
});
