import type { JsonObject } from '../core/json.ts';

/** The client's end of a stream of events. What is sent to a client that has left is lost. */
export interface EventSink {
  /** Bytes that wait for the client. */
  readonly bufferedBytes: number;
  send(chunk: Uint8Array): void;
  /** Ends the stream in order. */
  end(): void;
  /** Cuts it off. */
  destroy(): void;
}

/** One connected client. */
export interface Listening {
  readonly listenerId: string;
  readonly sink: EventSink;
  /** What its listener was created with, or changed to. */
  subscribe: JsonObject;
}

export interface Outgoing {
  readonly chunk: Uint8Array;
  matches(subscribe: JsonObject): boolean;
}

/** How many clients are written to before others get their turn. */
const sliceSize = 500;
/** A client that lets more than this pile up is cut off; it may connect again. */
const maxBufferedBytes = 256 * 1024;
/** Events that wait while a slice is being written; beyond that the oldest is lost. */
const maxWaiting = 10_000;

/**
 * The clients of one channel of one space. Every client gets the events that match it in the order of publication, from
 * when its stream was opened on.
 */
export class Channel {
  readonly #clients = new Set<Listening>();
  #waiting: Outgoing[] = [];
  #isDelivering = false;

  get size(): number {
    return this.#clients.size;
  }

  get clients(): ReadonlySet<Listening> {
    return this.#clients;
  }

  add(client: Listening): void {
    this.#clients.add(client);
  }

  delete(client: Listening): void {
    this.#clients.delete(client);
  }

  isConnected(listenerId: string): boolean {
    for (const client of this.#clients) if (client.listenerId === listenerId) return true;
    return false;
  }

  /** False when an older event had to be dropped for it. */
  publish(event: Outgoing): boolean {
    if (this.#clients.size === 0) return true;
    const isFull = this.#waiting.length >= maxWaiting;
    if (isFull) this.#waiting.shift();
    this.#waiting.push(event);
    if (!this.#isDelivering) void this.#deliver();
    return !isFull;
  }

  async #deliver(): Promise<void> {
    this.#isDelivering = true;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      let written = 0;
      for (const client of this.#clients) {
        if (!matchesSafely(event, client.subscribe)) continue;
        sendOrCut(client.sink, event.chunk);
        if (client.sink.bufferedBytes > maxBufferedBytes) client.sink.destroy();
        written += 1;
        if (written % sliceSize === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    this.#isDelivering = false;
  }
}

/** A stream that cannot be written to is closed, and the others get theirs. */
export function sendOrCut(sink: EventSink, chunk: Uint8Array): void {
  try {
    sink.send(chunk);
  } catch {
    sink.destroy();
  }
}

/** An expression that used up its steps on one listener matches it not; the others still get the event. */
function matchesSafely(event: Outgoing, subscribe: JsonObject): boolean {
  try {
    return event.matches(subscribe);
  } catch {
    return false;
  }
}
