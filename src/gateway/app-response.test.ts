// A real HTTP server and client on loopback; what the app answers is made up, as a process that breaks the protocol could.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { AppResponse } from '../ports/sandbox.ts';
import { writeAppResponse } from './app-response.ts';

type Head = Pick<AppResponse, 'status' | 'headers'>;

describe('a streamed answer of an app', () => {
  for (const [what, head] of [
    ['a header name', { status: 200, headers: [['not a name', '1']] }],
    ['a header value', { status: 200, headers: [['x-text', 'one\r\ntwo']] }],
    ['a status', { status: 7, headers: [] }],
  ] satisfies [string, Head][]) {
    it(`is cancelled when ${what} cannot be sent`, { timeout: 5_000 }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
        const client = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
        const [request, response] = await arrived;
        const cancelled = Promise.withResolvers<void>();
        const body = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
        await assert.rejects(writeAppResponse({ request, response, requestId: 'r1' }, { ...head, body }));
        await cancelled.promise;
        assert.equal(response.headersSent, false, 'there is room for another answer');
        const answered = once(client, 'response') as Promise<[IncomingMessage]>;
        response.writeHead(500).end();
        assert.equal((await answered)[0].statusCode, 500);
      } finally {
        server.close();
        server.closeAllConnections();
      }
    });
  }
});
