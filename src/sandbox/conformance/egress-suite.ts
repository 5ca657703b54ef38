import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Json } from '../../core/json.ts';
import type { Sandbox } from '../../ports/sandbox.ts';
import { startTestApp, type TestApp } from './harness.ts';

/** Names that the sandbox under test resolves; answers are taken in turn, the last one stays. */
export type NameTable = Record<string, string[][]>;

/** Opens the sandbox with real connections, a fake resolver, and ports that count as the gateway's own. */
export type OpenWithEgress = (names: NameTable, ownPorts: readonly number[]) => Promise<Sandbox>;

/** What apps may and may not reach, and that clients of all kinds work over the channel. */
export function describeEgress(open: OpenWithEgress): void {
  describe('outgoing connections', { concurrency: 1 }, () => {
    let sandbox: Sandbox;
    let http: Server;
    let tcp: TcpServer;
    let own: Server;
    let strict: TestApp;
    let local: TestApp;
    let ports: { http: number; tcp: number; own: number };
    const names: NameTable = { 'inside.example': [['127.0.0.1']], 'mixed.example': [['93.184.216.34', '192.168.1.1']] };

    before(async () => {
      http = createServer(answerHttp);
      http.on('upgrade', (request, socket) =>
        serveWebSocket(request.headers['sec-websocket-key'] ?? '', socket as Socket),
      );
      tcp = createTcpServer((socket) => socket.on('error', () => {}).pipe(socket));
      own = createServer((_request, response) => response.end('the gateway'));
      ports = { http: await listen(http), tcp: await listen(tcp), own: await listen(own) };
      sandbox = await open(names, [ports.own]);
      strict = await startTestApp(sandbox);
      local = await startTestApp(sandbox, { egress: { allowedCidrs: ['127.0.0.0/8'], deniedPorts: [ports.tcp + 1] } });
    });
    after(async () => {
      await sandbox[Symbol.asyncDispose]();
      http.closeAllConnections();
      http.close();
      tcp.close();
      own.close();
    });

    const inside = (app: TestApp, code: string): Promise<Json> =>
      app.evaluate(`const http = ${ports.http}, tcp = ${ports.tcp}, own = ${ports.own}; ${code}`);

    describe('without an allowed range', () => {
      const forms = [
        '127.0.0.1',
        '2130706433',
        '0x7f.1',
        '127.1',
        '[::ffff:127.0.0.1]',
        '[::1]',
        '0.0.0.0',
        'localhost',
        'inside.example',
        'mixed.example',
        '169.254.169.254',
        '100.100.100.200',
        '[fd00:ec2::254]',
        '[64:ff9b::7f00:1]',
        '[2002:7f00:1::]',
      ];
      for (const host of forms) {
        test(`fetch of ${host} is refused, and says why`, async () => {
          await assert.rejects(inside(strict, `await fetch('http://${host}:' + http)`), /TypeError|not allowed/);
          await assert.rejects(
            inside(strict, `try { await fetch('http://${host}:' + http) } catch (error) { throw error.cause }`),
            { code: 'egress_blocked' },
          );
        });
      }

      const clients: Record<string, string> = {
        'http.get': `await new Promise((ok, no) => require('http').get({ host: HOST, port: http }, ok).on('error', no))`,
        'https.request': `await new Promise((ok, no) => require('https').request({ host: HOST, port: http }, ok).on('error', no).end())`,
        'net.connect': `await new Promise((ok, no) => require('net').connect(tcp, HOST, ok).on('error', no))`,
        'tls.connect': `await new Promise((ok, no) => require('tls').connect({ host: HOST, port: tcp }, ok).on('error', no))`,
        WebSocket: `await new Promise((ok, no) => { const ws = new WebSocket('ws://' + HOST + ':' + http); ws.onopen = ok; ws.onerror = (event) => no(event.error) })`,
        'dns.lookup': `await require('dns').promises.lookup(HOST)`,
        'dns.resolve4': `await require('dns/promises').resolve4(HOST)`,
      };
      for (const [name, code] of Object.entries(clients)) {
        test(`${name} is refused for addresses and names`, async () => {
          for (const host of ['127.0.0.1', 'inside.example', '169.254.169.254']) {
            await assert.rejects(
              inside(strict, code.replaceAll('HOST', JSON.stringify(host))),
              { code: 'egress_blocked' },
              host,
            );
          }
        });
      }

      test('a unix socket, a broken host and a broken port are refused', async () => {
        await assert.rejects(
          inside(
            strict,
            `await new Promise((ok, no) => require('net').connect('/var/run/docker.sock', ok).on('error', no))`,
          ),
          { code: 'EACCES' },
        );
        await assert.rejects(
          inside(strict, `await new Promise((ok, no) => require('net').connect(80, 'a/b', ok).on('error', no))`),
          { code: 'egress_blocked' },
        );
      });
    });

    describe('within an allowed range', () => {
      test('the port of the gateway and denied ports stay closed', async () => {
        for (const host of ['127.0.0.1', '127.0.0.2', '2130706433']) {
          await assert.rejects(inside(local, `await fetch('http://${host}:' + own)`), /port of this gateway/);
        }
        await assert.rejects(
          inside(
            local,
            `await new Promise((ok, no) => require('net').connect(tcp + 1, '127.0.0.1', ok).on('error', no))`,
          ),
          /port \d+ is not allowed/,
        );
      });

      test('a redirect out of the range is refused', async () => {
        await assert.rejects(
          inside(local, `await fetch('http://127.0.0.1:' + http + '/metadata')`),
          /169\.254\.169\.254/,
        );
      });

      test('a name that changes its answer is asked once for each connection, and checked each time', async () => {
        names['flip.example'] = [['127.0.0.1'], ['10.0.0.1']];
        assert.equal(await inside(local, `return (await fetch('http://flip.example:' + http)).status`), 200);
        await assert.rejects(
          inside(
            local,
            `await new Promise((ok, no) => require('net').connect(http, 'flip.example', ok).on('error', no))`,
          ),
          { code: 'egress_blocked' },
        );
      });

      test('fetch: headers, bodies of all kinds, redirects, compression', async () => {
        const seen = await inside(
          local,
          `return await (await fetch('http://127.0.0.1:' + http + '/a?b=1', { method: 'PUT', headers: { 'x-own': 'ä'.normalize('NFD').slice(0, 1) }, body: 'text' })).json()`,
        );
        const { method, url, headers, length } = seen as {
          method: string;
          url: string;
          headers: Record<string, string>;
          length: number;
        };
        assert.deepEqual(
          [method, url, headers['x-own'], headers['content-length'], length],
          ['PUT', '/a?b=1', 'a', '4', 4],
        );
        assert.match(headers['content-type']!, /^text\/plain/);
        const form = await inside(
          local,
          `const form = new FormData(); form.set('f', new Blob(['x'.repeat(300000)]), 'f.txt'); return await (await fetch('http://127.0.0.1:' + http, { method: 'POST', body: form })).json()`,
        );
        assert.ok((form as { length: number }).length > 300_000);
        const streamed = await inside(
          local,
          `const body = new ReadableStream({ start(c) { for (let n = 0; n < 30; n++) c.enqueue(new Uint8Array(50000)); c.close() } }); return await (await fetch('http://127.0.0.1:' + http, { method: 'POST', body, duplex: 'half' })).json()`,
        );
        assert.equal((streamed as { length: number }).length, 1_500_000);
        assert.deepEqual(
          await inside(
            local,
            `const r = await fetch('http://127.0.0.1:' + http + '/redirect'); return [r.status, r.redirected, new URL(r.url).pathname]`,
          ),
          [200, true, '/end'],
        );
        assert.deepEqual(
          await inside(
            local,
            `const r = await fetch('http://127.0.0.1:' + http + '/redirect', { redirect: 'manual' }); return [r.status, r.headers.get('location')]`,
          ),
          [302, '/end'],
        );
        await assert.rejects(
          inside(local, `await fetch('http://127.0.0.1:' + http + '/redirect', { redirect: 'error' })`),
          /redirect/,
        );
        assert.equal(
          await inside(local, `return await (await fetch('http://127.0.0.1:' + http + '/gzip')).text()`),
          'unpacked',
        );
        assert.deepEqual(
          await inside(
            local,
            `const r = await fetch('http://127.0.0.1:' + http + '/cookies'); return r.headers.getSetCookie()`,
          ),
          ['a=1', 'b=2'],
        );
        assert.equal(await inside(local, `return await (await fetch('data:text/plain,local')).text()`), 'local');
      });

      test('fetch: a large answer streams, can be left, and can be aborted', async () => {
        assert.equal(
          await inside(
            local,
            `return (await (await fetch('http://127.0.0.1:' + http + '/large')).arrayBuffer()).byteLength`,
          ),
          20_000_000,
        );
        assert.equal(
          await inside(
            local,
            `const r = await fetch('http://127.0.0.1:' + http + '/endless'); const reader = r.body.getReader(); await reader.read(); await reader.cancel(); return 'left'`,
          ),
          'left',
        );
        assert.equal(
          await inside(
            local,
            `try { await fetch('http://127.0.0.1:' + http + '/never', { signal: AbortSignal.timeout(50) }) } catch (error) { return error.name }`,
          ),
          'TimeoutError',
        );
        await assert.rejects(inside(local, `await fetch('http://127.0.0.1:1/')`), /ECONNREFUSED/);
      });

      test('http: requests with bodies, keep-alive, errors', async () => {
        const post = `(path, body, options) => new Promise((ok, no) => { const q = require('http').request({ host: '127.0.0.1', port: http, path, method: 'POST', ...options }, (r) => { let text = ''; r.on('data', (d) => text += d).on('end', () => ok({ status: r.statusCode, text })) }).on('error', no); q.end(body) })`;
        const answer = (await inside(local, `return await (${post})('/p', 'x'.repeat(200000))`)) as {
          status: number;
          text: string;
        };
        assert.equal(answer.status, 200);
        assert.equal(JSON.parse(answer.text).length, 200_000);
        assert.deepEqual(
          await inside(
            local,
            `const agent = new (require('http').Agent)({ keepAlive: true, maxSockets: 1 }); const out = []; for (let n = 0; n < 3; n++) out.push((await (${post})('/p', 'x', { agent })).status); return out`,
          ),
          [200, 200, 200],
        );
        assert.equal(
          await inside(
            local,
            `return await new Promise((ok) => require('http').get('http://127.0.0.1:1/').on('error', (error) => ok(error.code)))`,
          ),
          'ECONNREFUSED',
        );
        assert.equal(
          await inside(
            local,
            `return await new Promise((ok, no) => require('http').get('http://127.0.0.1:' + http + '/never', { timeout: 50 }).on('timeout', function () { ok('timeout'); this.destroy() }).on('error', no))`,
          ),
          'timeout',
        );
      });

      test('net: ten megabytes there and back, half-closed at the end', async () => {
        const sum = await inside(
          local,
          `
          const hash = require('crypto').createHash('sha256'); let length = 0;
          const socket = require('net').connect({ port: tcp, host: '127.0.0.1', allowHalfOpen: true });
          for (let n = 0; n < 100; n++) socket.write(Buffer.alloc(100000, n)); socket.end();
          for await (const chunk of socket) { hash.update(chunk); length += chunk.length }
          return { length, hash: hash.digest('hex') }`,
        );
        const expected = createHash('sha256');
        for (let n = 0; n < 100; n++) expected.update(Buffer.alloc(100_000, n));
        assert.deepEqual(sum, { length: 10_000_000, hash: expected.digest('hex') });
      });

      test('net: more connections than a process may have are an error for the app, not its end', async () => {
        const codes = await inside(
          local,
          `
          const sockets = []; const codes = {};
          await Promise.all(Array.from({ length: 200 }, () => new Promise((ok) => { const s = require('net').connect(tcp, '127.0.0.1', ok).on('error', (e) => { codes[e.code] = (codes[e.code] ?? 0) + 1; ok() }); sockets.push(s) })));
          for (const s of sockets) s.destroy(); return codes`,
        );
        const { EMFILE: refused, ...others } = codes as Record<string, number>;
        assert.deepEqual(others, {});
        assert.ok(refused! >= 72 && refused! < 100, `${refused} of 200 were refused`);
        assert.equal(await inside(local, `return (await fetch('http://127.0.0.1:' + http)).status`), 200);
      });

      test('WebSocket: opens, talks both ways, closes', async () => {
        const talk = await inside(
          local,
          `return await new Promise((ok, no) => {
          const ws = new WebSocket('ws://127.0.0.1:' + http + '/ws', ['chat']); const got = []; ws.binaryType = 'arraybuffer';
          ws.onmessage = ({ data }) => { got.push(typeof data === 'string' ? data : data.byteLength); if (got.length === 1) ws.send('back'); else if (got.length === 2) ws.send(new Uint8Array(70000)); else ws.close(1000, 'done') };
          ws.addEventListener('close', ({ code, wasClean }) => ok({ got, code, wasClean, state: ws.readyState })); ws.onerror = ({ error }) => no(error) })`,
        );
        assert.deepEqual(talk, { got: ['welcome', 'back', 70_000], code: 1000, wasClean: true, state: 3 });
      });

      test('dns: callbacks and promises', async () => {
        assert.deepEqual(
          await inside(
            local,
            `return await new Promise((ok, no) => require('dns').lookup('inside.example', (error, ...rest) => error ? no(error) : ok(rest)))`,
          ),
          ['127.0.0.1', 4],
        );
        assert.deepEqual(
          await inside(local, `return await require('dns').promises.lookup('inside.example', { all: true })`),
          [{ address: '127.0.0.1', family: 4 }],
        );
        await assert.rejects(inside(local, `await require('dns/promises').lookup('nowhere.example')`), {
          code: 'ENOTFOUND',
        });
      });

      test('what is open ends with the process', async () => {
        const app = await startTestApp(sandbox, { egress: { allowedCidrs: ['127.0.0.0/8'], deniedPorts: [] } });
        const closed = new Promise<void>((resolve) =>
          tcp.once('connection', (socket) => socket.once('close', () => resolve())),
        );
        await inside(
          app,
          `await new Promise((ok, no) => { globalThis.kept = require('net').connect(tcp, '127.0.0.1', ok).on('error', no) })`,
        );
        await app.process.stop(0);
        await closed;
      });
    });
  });
}

function answerHttp(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse): void {
  response.on('error', () => {});
  switch (request.url) {
    case '/metadata':
      response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end();
      return;
    case '/redirect':
      response.writeHead(302, { location: '/end' }).end();
      return;
    case '/gzip':
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked'));
      return;
    case '/cookies':
      response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end();
      return;
    case '/large':
      response.end(Buffer.alloc(20_000_000));
      return;
    case '/never':
      return;
    case '/endless': {
      const more = () => {
        while (response.write(Buffer.alloc(100_000)));
      };
      response.on('drain', more);
      more();
      return;
    }
    default: {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on('end', () => {
        const { method, url, headers } = request;
        response.end(JSON.stringify({ method, url, headers, length }));
      });
    }
  }
}

/** The least of a WebSocket server: greets, echoes whole frames unmasked, answers close. */
function serveWebSocket(key: string, socket: Socket): void {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.on('error', () => {});
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
  );
  socket.write(encodeServerFrame(1, Buffer.from('welcome')));
  let buffered = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      if (buffered.length < 2) return;
      const short = buffered[1]! & 127;
      const maskAt = short < 126 ? 2 : short === 126 ? 4 : 10;
      const length =
        short < 126 ? short : short === 126 ? buffered.readUInt16BE(2) : Number(buffered.readBigUInt64BE(2));
      if (buffered.length < maskAt + 4 + length) return;
      const payload = Buffer.from(buffered.subarray(maskAt + 4, maskAt + 4 + length));
      for (let index = 0; index < length; index++) payload[index]! ^= buffered[maskAt + (index & 3)]!;
      const code = buffered[0]! & 15;
      buffered = buffered.subarray(maskAt + 4 + length);
      socket.write(encodeServerFrame(code, payload));
      if (code === 8) socket.end();
    }
  });
}

function encodeServerFrame(code: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x80 | code;
  head[1] = head.length === 2 ? payload.length : head.length === 4 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(payload.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
