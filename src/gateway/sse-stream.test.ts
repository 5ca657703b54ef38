// A real HTTP server and client on loopback.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { SseStream } from './sse-stream.ts';

it('tells that the client is gone also when it left before the stream was opened', { timeout: 5_000 }, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const client = request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    client.on('error', () => undefined);
    const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    client.end();
    const [incoming, response] = await arrived;
    const left = once(response, 'close');
    client.destroy();
    await left;
    const stream = new SseStream({ request: incoming, response, requestId: 'r1' });
    await new Promise<void>((resolve) => stream.onClose(resolve));
    stream.send(Buffer.from('data: 1\n\n'));
    assert.equal(stream.bufferedBytes, 0);
  } finally {
    server.close();
  }
});
