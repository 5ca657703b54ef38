import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import type { RequestHead } from '../runtime-types.ts';

type Body = Uint8Array | ReadableStream<Uint8Array> | null;
type Listener = (...args: never[]) => void;

/** Who knows whether somebody still waits for the answer. */
interface Caller {
  readonly signal: AbortSignal;
}

/**
 * The `req` of handlers (spec/codehooks.md 2.1). Its own enumerable fields are the documented ones in their order, so that
 * `res.json(req)` and `{...req}` give what apps expect; all else are accessors of the class. The body's stream exists only
 * once it is asked for, and waits for its reader however late that is.
 */
export class HttpRequest {
  // The order of these declarations is the order of the fields.
  hostname: string;
  headers: Record<string, string | string[]>;
  query: Record<string, string | string[]>;
  path: string;
  apiPath: string;
  originalUrl: string;
  params: Record<string, string>;
  body: unknown = {};
  method: string;
  readonly #head: RequestHead;
  #source: Body;
  #rawBody: string | undefined;
  #stream: Readable | null = null;
  readonly #caller: Caller;

  constructor(head: RequestHead, source: Body, caller: Caller) {
    this.hostname = head.hostname;
    this.headers = head.headers;
    this.query = head.query;
    this.path = head.path;
    this.apiPath = head.apiPath;
    this.originalUrl = head.originalUrl;
    this.params = head.params;
    this.method = head.method;
    this.#head = head;
    this.#source = source;
    this.#caller = caller;
  }

  /** Aborts when the client leaves or the time is over; for `fetch` and everything else that takes a signal. */
  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  /** The exact text of a JSON, form or text body; undefined for others. */
  get rawBody(): string | undefined {
    return this.#rawBody;
  }

  set rawBody(text: string | undefined) {
    this.#rawBody = text;
  }

  get url(): string {
    return this.originalUrl;
  }

  set url(url: string) {
    this.originalUrl = url;
  }

  get ip(): string {
    return this.#head.remoteAddress;
  }

  get connection(): { remoteAddress: string } {
    return { remoteAddress: this.#head.remoteAddress };
  }

  get socket(): { remoteAddress: string } {
    return this.connection;
  }

  /** Takes over what the body was parsed to. */
  setBody(body: unknown, rawBody: string | undefined): void {
    this.body = body;
    this.#rawBody = rawBody;
  }

  /** A body that was read as a stream to be parsed can still be read as one. */
  replaceSource(bytes: Uint8Array): void {
    this.#source = bytes;
  }

  /** Name of the space. */
  get datastore(): string {
    return this.#head.space;
  }

  get(name: string): string | string[] | undefined {
    return this.headers[name.toLowerCase()];
  }

  header(name: string): string | string[] | undefined {
    return this.get(name);
  }

  on(event: string, listener: Listener): this {
    this.#getStream().on(event, listener as (...args: unknown[]) => void);
    return this;
  }

  addListener(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  once(event: string, listener: Listener): this {
    this.#getStream().once(event, listener as (...args: unknown[]) => void);
    return this;
  }

  off(event: string, listener: Listener): this {
    this.#stream?.off(event, listener as (...args: unknown[]) => void);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener);
  }

  emit(event: string, ...values: unknown[]): boolean {
    return this.#getStream().emit(event, ...values);
  }

  pipe<Target extends NodeJS.WritableStream>(target: Target, options?: { end?: boolean }): Target {
    return this.#getStream().pipe(target, options);
  }

  unpipe(target?: NodeJS.WritableStream): this {
    this.#stream?.unpipe(target);
    return this;
  }

  read(size?: number): unknown {
    return this.#getStream().read(size);
  }

  pause(): this {
    this.#getStream().pause();
    return this;
  }

  resume(): this {
    this.#getStream().resume();
    return this;
  }

  setEncoding(encoding: BufferEncoding): this {
    this.#getStream().setEncoding(encoding);
    return this;
  }

  destroy(error?: Error): this {
    this.#getStream().destroy(error);
    return this;
  }

  get readable(): boolean {
    return this.#stream === null || this.#stream.readable;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#getStream()[Symbol.asyncIterator]();
  }

  #getStream(): Readable {
    this.#stream ??= createBodyStream(this.#source);
    return this.#stream;
  }
}

function createBodyStream(source: Body): Readable {
  if (source === null || (source instanceof Uint8Array && source.length === 0)) {
    return Readable.from([], { objectMode: false });
  }
  if (source instanceof Uint8Array) {
    return Readable.from([Buffer.from(source.buffer, source.byteOffset, source.byteLength)], { objectMode: false });
  }
  const reader = source.getReader();
  return new Readable({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
        (error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      reader.cancel(error ?? undefined).then(
        () => done(error),
        () => done(error),
      );
    },
  });
}
