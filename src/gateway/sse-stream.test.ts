// A real HTTP server and client on loopback.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { SseStream } from './sse-stream.ts';

/** Hands over a request that has arrived, with the client that sent it. */
async function withRequest(
  work: (
    exchange: { request: IncomingMessage; response: ServerResponse; requestId: string },
    client: ClientRequest,
  ) => Promise<void>,
): Promise<void> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const client = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    client.on('error', () => undefined);
    const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    client.end();
    const [incoming, response] = await arrived;
    await work({ request: incoming, response, requestId: 'r1' }, client);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

it('tells that the client is gone also when it left before the stream was opened', { timeout: 5_000 }, async () => {
  await withRequest(async (exchange, client) => {
    const left = once(exchange.response, 'close');
    client.destroy();
    await left;
    const stream = new SseStream(exchange);
    await new Promise<void>((resolve) => stream.onClose(resolve));
    stream.send(Buffer.from('data: 1\n\n'));
    assert.equal(stream.bufferedBytes, 0);
  });
});

it('loses what is sent between the end of the stream and its close, without an error', { timeout: 5_000 }, async () => {
  await withRequest(async (exchange, client) => {
    const errors: unknown[] = [];
    exchange.response.on('error', (error) => errors.push(error));
    const answered = once(client, 'response') as Promise<[IncomingMessage]>;
    const stream = new SseStream(exchange);
    const closed = new Promise<void>((resolve) => stream.onClose(resolve));
    stream.send(Buffer.from('data: 1\n\n'));
    stream.end();
    stream.send(Buffer.from('data: 2\n\n'));
    const [answer] = await answered;
    assert.equal(Buffer.concat(await answer.toArray()).toString(), 'data: 1\n\n');
    await closed;
    assert.deepEqual(errors, []);
  });
});
