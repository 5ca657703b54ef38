import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { TestSpace } from '../support/admin-client.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** A client of a channel, as EventSource is one. */
export interface EventStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The next event's data, parsed; rejects when the stream ends or none comes in time. */
  next(): Promise<unknown>;
  /** Everything that was received. */
  text(): string;
  readonly closed: Promise<void>;
  close(): void;
  readonly response: IncomingMessage;
}

const patienceMs = 5_000;

export function openEventStream(
  gateway: GatewayProcess,
  space: TestSpace,
  path: string,
  headers: Record<string, string> = {},
): Promise<EventStream> {
  const { hostname, port } = new URL(gateway.url);
  const target = { hostname, port, path: `/p/${space.project}/${space.space}${path}`, headers, agent: false as const };
  return new Promise((resolve, reject) => {
    const request = httpRequest(target, (response) => resolve(readEvents(request, response)));
    request.on('error', reject);
    request.end();
  });
}

function readEvents(request: ClientRequest, response: IncomingMessage): EventStream {
  let received = '';
  let read = 0;
  let waiting: (() => void) | null = null;
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    response.once('close', () => {
      ended = true;
      waiting?.();
      resolve();
    });
  });
  response.on('error', () => undefined);
  response.setEncoding('utf8').on('data', (text: string) => {
    received += text;
    waiting?.();
  });

  function takeEvent(): { data: unknown } | null {
    for (;;) {
      const end = received.indexOf('\n\n', read);
      if (end === -1) return null;
      const block = received.slice(read, end);
      read = end + 2;
      if (block.startsWith('data: ')) return { data: JSON.parse(block.slice(6)) };
    }
  }

  return {
    status: response.statusCode as number,
    headers: response.headers,
    response,
    closed,
    text: () => received,
    close: () => request.destroy(),
    async next() {
      const timeout = setTimeout(() => waiting?.(), patienceMs);
      const deadline = Date.now() + patienceMs;
      try {
        for (;;) {
          const event = takeEvent();
          if (event !== null) return event.data;
          if (ended) throw new Error(`the stream ended; it brought ${JSON.stringify(received)}`);
          if (Date.now() >= deadline) throw new Error(`no event came; the stream brought ${JSON.stringify(received)}`);
          await new Promise<void>((resolve) => {
            waiting = resolve;
          });
        }
      } finally {
        clearTimeout(timeout);
      }
    },
  };
}
