// The guard of everything that leaves the gateway. Real: sockets, HTTP servers on loopback, undici. Fake: name resolution
// (a table, so that a name can flip between answers). Loopback is reached only where a test allows it by CIDR.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { EgressPolicy } from '../ports/sandbox.ts';
import { createAddressGuard, parseCidr } from './address-guard.ts';
import { createDialer, type LookupAll, normalizeHost } from './connect-tcp.ts';
import { openOutboundHttp } from './open-outbound-http.ts';

const strict: EgressPolicy = { allowedCidrs: [], deniedPorts: [25, 465] };
const loopback: EgressPolicy = { allowedCidrs: ['127.0.0.0/8'], deniedPorts: [] };

function tableLookup(table: Record<string, string[][]>): LookupAll {
  return async (hostname) => {
    const answers = table[hostname];
    if (!answers) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
}

const get = { method: 'GET', headers: [], body: null, maxRedirects: 5, timeoutMs: 3000 } as const;

describe('addresses', () => {
  const guard = createAddressGuard({ ownAddresses: () => ['8.8.4.4', '2001:4860::1'], ownPorts: () => [3011] });
  const blocked = [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:0:8.8.8.8',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '4000::1',
    '8.8.4.4',
    '2001:4860::1',
  ];
  const open = [
    '1.1.1.1',
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.0.1',
    '192.0.1.1',
    '2606:4700::1111',
    '2a00::1',
  ];

  for (const address of blocked) {
    test(`${address} is blocked`, () => assert.notEqual(guard.findRule(address, 80, []), null));
  }
  for (const address of open) {
    test(`${address} is open`, () => assert.equal(guard.findRule(address, 80, []), null));
  }

  test('what is not an address is blocked', () => {
    for (const text of ['', 'localhost', '2130706433', '0x7f.1', '1.2.3']) {
      assert.equal(guard.findRule(text, 80, []), 'not an IP address');
    }
  });

  test('a CIDR opens what it names and nothing beside it', () => {
    const cidrs = ['10.1.0.0/16', 'fd00::/8'];
    assert.equal(guard.findRule('10.1.2.3', 80, cidrs), null);
    assert.equal(guard.findRule('fd12::1', 80, cidrs), null);
    assert.notEqual(guard.findRule('10.2.0.1', 80, cidrs), null);
    assert.notEqual(guard.findRule('::ffff:10.1.2.3', 80, cidrs), null);
  });

  test("the gateway's own ports stay closed on this machine, whatever a CIDR says", () => {
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '0.0.0.0', '8.8.4.4']) {
      assert.equal(guard.findRule(address, 3011, ['0.0.0.0/0', '::/0']), 'port of this gateway');
    }
    assert.equal(guard.findRule('127.0.0.1', 3012, ['127.0.0.0/8']), null);
    assert.equal(guard.findRule('8.8.8.8', 3011, []), null);
  });

  test('no IPv4 address inside an IPv6 form is open', () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        const [a, b, c, d] = v4.split('.').map(Number) as [number, number, number, number];
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const form of [`::ffff:${v4}`, `::${v4}`, `64:ff9b::${hex}`, `2002:${hex}::1`, `::ffff:0:${v4}`]) {
          assert.notEqual(guard.findRule(form, 80, []), null, form);
        }
      }),
    );
  });

  test('a text that is no range is refused when it is saved', () => {
    assert.throws(() => parseCidr('10.0.0.0/33'), { code: 'invalid_config' });
    assert.throws(() => parseCidr('home'), { code: 'invalid_config' });
    assert.equal(parseCidr('10.0.0.1')[1], 32);
  });
});

describe('host names', () => {
  test('every spelling of an address becomes the address', () => {
    for (const text of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '127.0.0.1.', '１２７.0.0.1', '0x7f000001']) {
      assert.equal(normalizeHost(text), '127.0.0.1', text);
    }
    assert.equal(normalizeHost('[::1]'), '::1');
    assert.equal(normalizeHost('LOCALHOST.'), 'localhost');
  });

  test('what is more than a host name is refused', () => {
    for (const text of ['', 'a b', 'evil.com/x', 'a@b', 'a:80', 'a#b', 'a?b', 'a\\b', '%00']) {
      assert.throws(() => normalizeHost(text), { code: 'egress_blocked' }, text);
    }
  });
});

describe('connections', () => {
  let server: Server;
  let port: number;
  let answer: RequestListener = (_request, response) => response.end('inside');
  let connections = 0;

  before(async () => {
    server = createServer((request, response) => answer(request, response));
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const client = (table: Record<string, string[][]> = {}, ownPorts: number[] = []) =>
    openOutboundHttp(createDialer(createAddressGuard({ ownPorts: () => ownPorts }), tableLookup(table)));

  const forms = [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    'localhost',
    '[::1]',
    'inside.example',
  ];
  for (const form of forms) {
    test(`http://${form} is refused before anything is connected`, async () => {
      const before = connections;
      await using http = client({ localhost: [['127.0.0.1', '::1']], 'inside.example': [['127.0.0.1']] });
      await assert.rejects(
        http.request({ ...get, url: `http://${form}:${port}/`, policy: strict }),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'egress_blocked');
          assert.match(error.message, /not allowed/);
          return true;
        },
      );
      assert.equal(connections, before);
    });
  }

  test('a name with one good and one bad address is refused', async () => {
    await using http = client({ 'mixed.example': [['93.184.216.34', '10.0.0.1']] });
    await assert.rejects(http.request({ ...get, url: 'http://mixed.example/', policy: strict }), {
      code: 'egress_blocked',
    });
  });

  test('a name that changes its answer between check and connect gains nothing: it is asked once', async () => {
    // The first answer is allowed by CIDR and has nothing behind it, the second is the server.
    await using http = client({ 'rebind.example': [['127.9.9.9'], ['127.0.0.1']] });
    const policy = { allowedCidrs: ['127.9.9.9/32'], deniedPorts: [] };
    const before = connections;
    await assert.rejects(http.request({ ...get, url: `http://rebind.example:${port}/`, policy, timeoutMs: 1000 }));
    assert.equal(connections, before);
    await assert.rejects(http.request({ ...get, url: `http://rebind.example:${port}/`, policy }), {
      code: 'egress_blocked',
    });
    assert.equal(connections, before);
  });

  test('what a CIDR allows is reached, and only for the policy that has it', async () => {
    answer = (_request, response) => response.end('inside');
    await using http = client();
    const response = await http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback });
    assert.equal(response.status, 200);
    assert.equal(await new Response(response.body as never).text(), 'inside');
    await assert.rejects(http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: strict }), {
      code: 'egress_blocked',
    });
  });

  test('a redirect to the metadata service is refused', async () => {
    answer = (_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    await using http = client();
    await assert.rejects(http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback }), (error: Error) =>
      /169\.254\.169\.254.*link-local/.test(error.message),
    );
  });

  test('a redirect to another scheme is refused', async () => {
    answer = (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    await using http = client();
    await assert.rejects(http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback }), {
      code: 'egress_blocked',
    });
  });

  test('redirects are followed with the method that the Fetch standard prescribes, without credentials to another origin', async () => {
    const seen: IncomingMessage[] = [];
    answer = (request, response) => {
      seen.push(request);
      if (request.url === '/end') response.end('done');
      else response.writeHead(request.url === '/post' ? 302 : 307, { location: `http://127.0.0.2:${port}/end` }).end();
    };
    await using http = client();
    await using other = await listenOn('127.0.0.2', port, (request, response) => answer(request, response));
    assert.ok(other);
    const headers = [
      ['authorization', 'Bearer secret'],
      ['content-type', 'text/plain'],
      ['x-kept', '1'],
    ] as const;
    const post = { ...get, method: 'POST', headers, body: Buffer.from('hello'), policy: loopback };
    const response = await http.request({ ...post, url: `http://127.0.0.1:${port}/post` });
    assert.equal(response.redirected, true);
    assert.equal(response.url, `http://127.0.0.2:${port}/end`);
    assert.deepEqual(
      [seen[1]!.method, seen[1]!.headers.authorization, seen[1]!.headers['content-type'], seen[1]!.headers['x-kept']],
      ['GET', undefined, undefined, '1'],
    );
    await http.request({ ...post, url: `http://127.0.0.1:${port}/keep` });
    assert.equal(seen[3]!.method, 'POST');
    assert.equal(seen[3]!.headers['content-length'], '5');
  });

  test('a loop of redirects ends', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/again' }).end();
    await using http = client();
    await assert.rejects(
      http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback }),
      /redirects more than 5 times/,
    );
  });

  test('headers that belong to the connection are ours, and a user in the URL is dropped', async () => {
    let headers: IncomingMessage['headers'] = {};
    answer = (request, response) => {
      headers = request.headers;
      response.end();
    };
    await using http = client();
    const forged = [
      ['Host', 'evil'],
      ['Transfer-Encoding', 'chunked'],
      ['Content-Length', '99'],
      ['Connection', 'upgrade'],
    ] as const;
    await http.request({ ...get, headers: forged, url: `http://user:password@127.0.0.1:${port}/`, policy: loopback });
    assert.equal(headers.host, `127.0.0.1:${port}`);
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['content-length'], undefined);
  });

  test('other schemes, denied ports and broken URLs are refused', async () => {
    await using http = client({ 'mail.example': [['93.184.216.34']] });
    await assert.rejects(http.request({ ...get, url: 'ftp://example.com/', policy: strict }), {
      code: 'egress_blocked',
    });
    await assert.rejects(
      http.request({ ...get, url: 'http://mail.example:25/', policy: strict }),
      /port 25 is not allowed/,
    );
    await assert.rejects(http.request({ ...get, url: 'nonsense', policy: strict }), { code: 'invalid_request' });
    await assert.rejects(http.request({ ...get, url: 'http://unknown.example/', policy: strict }), {
      code: 'ENOTFOUND',
    });
  });

  test("the gateway's own port is refused although its address is allowed", async () => {
    await using http = client({}, [port]);
    await assert.rejects(
      http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback }),
      /port of this gateway/,
    );
  });

  test('a server that never answers is given up on', async () => {
    answer = () => {};
    await using http = client();
    const url = `http://127.0.0.1:${port}/`;
    await assert.rejects(http.request({ ...get, url, policy: loopback, timeoutMs: 200 }), { code: 'ETIMEDOUT' });
  });

  test('a caller that goes away ends its request', async () => {
    answer = () => {};
    await using http = client();
    const abort = new AbortController();
    const pending = http.request({ ...get, url: `http://127.0.0.1:${port}/`, policy: loopback, signal: abort.signal });
    abort.abort(new Error('gone'));
    await assert.rejects(pending, /gone/);
  });
});

async function listenOn(host: string, port: number, handler: RequestListener): Promise<AsyncDisposable> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
