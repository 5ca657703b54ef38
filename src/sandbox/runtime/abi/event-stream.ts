/** What an event stream needs of the response that it takes over. */
export interface EventStreamTarget {
  readonly writableEnded: boolean;
  writeAndWait(data: string): Promise<void>;
  end(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export interface EventStreamOptions {
  /** A comment is sent this often while nothing else is, so that proxies keep the connection; 0 for never. Default 15 s. */
  readonly pingMs?: number;
  /** How long the client waits before it connects again, in milliseconds; its own choice unless set. */
  readonly retryMs?: number;
}

const defaultPingMs = 15_000;

/**
 * Server-sent events on a response (`res.sse()`). Promises resolve when the client takes more, so a loop that awaits them
 * goes as fast as its reader; once the client is gone they resolve at once and nothing is sent.
 */
export class EventStream {
  readonly #target: EventStreamTarget;
  readonly #pingTimer: ReturnType<typeof setInterval> | null;
  readonly #closing = Promise.withResolvers<void>();
  #sentSincePing = false;

  constructor(target: EventStreamTarget, { pingMs = defaultPingMs, retryMs }: EventStreamOptions) {
    this.#target = target;
    this.#pingTimer = pingMs > 0 ? setInterval(() => this.#pingWhenIdle(), pingMs) : null;
    target.once('close', () => this.#stop());
    if (retryMs !== undefined) void this.#write(`retry: ${Math.max(0, Math.round(retryMs))}\n\n`);
  }

  /** True when nothing can be sent any more: closed here, or by the client. */
  get closed(): boolean {
    return this.#target.writableEnded;
  }

  /** Resolves when the stream has ended, whoever ended it. */
  get done(): Promise<void> {
    return this.#closing.promise;
  }

  /**
   * One event. Without a name (null) clients get it as `message`; a string is sent as it is, anything else as JSON. The id
   * comes back as the header `last-event-id` when the client connects again.
   */
  send(event: string | null, data?: unknown, id?: string | number): Promise<void> {
    let text = '';
    if (event !== null && event !== undefined) text += `event: ${requireLine(event, 'name')}\n`;
    if (id !== undefined && id !== null) text += `id: ${requireLine(String(id), 'id')}\n`;
    const content = typeof data === 'string' ? data : (JSON.stringify(data) ?? '');
    return this.#write(`${text}${toLines('data: ', content)}\n`);
  }

  /** A line that clients pass over. */
  comment(text: string): Promise<void> {
    return this.#write(`${toLines(': ', text)}\n`);
  }

  ping(): Promise<void> {
    return this.#write(':ping\n\n');
  }

  close(): void {
    if (!this.closed) this.#target.end();
    this.#stop();
  }

  #write(text: string): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.#sentSincePing = true;
    return this.#target.writeAndWait(text);
  }

  #pingWhenIdle(): void {
    const isIdle = !this.#sentSincePing;
    if (isIdle) void this.ping();
    this.#sentSincePing = false;
  }

  #stop(): void {
    if (this.#pingTimer !== null) clearInterval(this.#pingTimer);
    this.#closing.resolve();
  }
}

function toLines(prefix: string, text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `${prefix}${line}\n`)
    .join('');
}

function requireLine(text: string, what: string): string {
  if (/[\r\n\0]/.test(text)) throw new TypeError(`The ${what} of an event must be one line of text`);
  return text;
}
