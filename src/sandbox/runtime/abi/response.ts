import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { ResponseSink } from '../runtime-types.ts';
import { DataStream } from './data-stream.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import type { JsonTarget } from './json-target.ts';
import { getMimeType } from './mime-type.ts';
import { getPlainHeaders, ResponseHeaders } from './response-headers.ts';

type Render = (view: string, context: unknown, done: (error: unknown, html?: string) => void) => unknown;
type Listener = (...args: unknown[]) => void;

export interface ResponseOwner {
  /** Called once, when the response has ended or its client is gone. */
  onFinished(): void;
  /** Told of parts that nobody waits for: resolves when the gateway has taken them. */
  onWriting?(taken: Promise<void>): void;
  readonly render: Render | null;
}

/** What a handler that threw looks like to the client. */
const exceptionBody = JSON.stringify({ text: 'Unhandled Codehook exception, check logs', fatal: true });

/**
 * The `res` of handlers (spec/codehooks.md 2.2). Setters return it. Ending twice, writing after the end and headers after
 * the head was sent do nothing.
 */
export class HttpResponse implements JsonTarget {
  readonly #sink: ResponseSink;
  readonly #owner: ResponseOwner;
  #status = 200;
  /** Stays null while the content type is the only header, which is the common case. */
  #headers: ResponseHeaders | null = null;
  #contentType: string | null = null;
  #isHeadSent = false;
  #isEnded = false;
  #events: EventEmitter | null = null;
  #writable: Writable | null = null;
  #locals: Record<string, unknown> | null = null;

  constructor(sink: ResponseSink, owner: ResponseOwner) {
    this.#sink = sink;
    this.#owner = owner;
  }

  get statusCode(): number {
    return this.#status;
  }

  set statusCode(code: number) {
    this.status(code);
  }

  get headersSent(): boolean {
    return this.#isHeadSent;
  }

  get writableEnded(): boolean {
    return this.#isEnded;
  }

  get finished(): boolean {
    return this.#isEnded;
  }

  get locals(): Record<string, unknown> {
    this.#locals ??= {};
    return this.#locals;
  }

  set locals(locals: Record<string, unknown>) {
    this.#locals = locals;
  }

  status(code: number | string): this {
    const status = Number(code);
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`Not a status code for an answer: ${String(code)}. Use 200 to 599.`);
    }
    if (!this.#isHeadSent) this.#status = status;
    return this;
  }

  sendStatus(code: number): this {
    return this.status(code).end(String(code));
  }

  /** `set(name, value)`, `set(name, [values])` or `set({name: value})`. */
  set(name: string | Record<string, unknown>, value?: unknown): this {
    if (this.#isHeadSent) return this;
    if (typeof name === 'object') {
      for (const [key, entry] of Object.entries(name)) this.set(key, entry);
    } else if (this.#headers === null && typeof value === 'string' && name.toLowerCase() === 'content-type') {
      new ResponseHeaders().set(name, value);
      this.#contentType = value;
    } else {
      this.#getHeaders().set(name, value);
    }
    return this;
  }

  setHeader(name: string, value: unknown): this {
    return this.set(name, value);
  }

  header(name: string | Record<string, unknown>, value?: unknown): this {
    return this.set(name, value);
  }

  append(name: string, value: unknown): this {
    if (!this.#isHeadSent) this.#getHeaders().append(name, value);
    return this;
  }

  /** A media type, or the extension of one: `html`, `.json`. */
  type(mime: string): this {
    return this.set('Content-Type', mime.includes('/') ? mime : (getMimeType(`x.${mime.replace(/^\./, '')}`) ?? mime));
  }

  /** A method that sets many headers, and at the same time the bag of those that are set. */
  get headers(): ((headers: Record<string, unknown>) => this) & Record<string, unknown> {
    const setAll = (headers: Record<string, unknown>): this => this.set(headers);
    for (const [name, value] of Object.entries(this.getHeaders())) {
      Object.defineProperty(setAll, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return setAll as typeof setAll & Record<string, unknown>;
  }

  get(name: string): string | string[] | undefined {
    return this.getHeader(name);
  }

  getHeader(name: string): string | string[] | undefined {
    if (this.#headers !== null) return this.#headers.get(name);
    return name.toLowerCase() === 'content-type' ? (this.#contentType ?? undefined) : undefined;
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  getHeaders(): Record<string, string | string[]> {
    if (this.#headers !== null) return this.#headers.toObject();
    return this.#contentType === null ? {} : { 'Content-Type': this.#contentType };
  }

  removeHeader(name: string): this {
    if (!this.#isHeadSent) this.#getHeaders().remove(name);
    return this;
  }

  writeHead(status: number, reasonOrHeaders?: unknown, headers?: Record<string, unknown>): this {
    const given = headers ?? reasonOrHeaders;
    if (typeof given === 'object' && given !== null) this.set(given as Record<string, unknown>);
    return this.status(status);
  }

  #getHeaders(): ResponseHeaders {
    if (this.#headers === null) {
      this.#headers = new ResponseHeaders();
      if (this.#contentType !== null) this.#headers.set('Content-Type', this.#contentType);
    }
    return this.#headers;
  }

  /** A value as compact JSON; a stream of documents as a JSON array; nothing for null and undefined. */
  json(value?: unknown): this {
    if (this.#isEnded || this.#sendLater(value)) return this;
    if (!this.hasHeader('content-type')) this.type('application/json');
    return this.#endWith(value === null || value === undefined ? undefined : JSON.stringify(value));
  }

  /** Middleware may have put a function of its own in the place of `end`, which then gets the whole body. */
  #endWith(text: string | undefined): this {
    if (!Object.hasOwn(this, 'end')) return this.#finish(text);
    this.end(text);
    return this;
  }

  /** A string as HTML unless a type is set, bytes as they are, anything else as JSON. */
  send(value?: unknown): this {
    if (typeof value === 'string') {
      if (!this.#isEnded && !this.hasHeader('content-type')) this.type('text/html; charset=utf-8');
      return this.#endWith(value);
    }
    return this.end(value);
  }

  /** Like `send`, but a string gets no content type. A function is called after the end. */
  end(value?: unknown, encoding?: unknown, done?: unknown): this {
    const callback = [value, encoding, done].find((argument) => typeof argument === 'function');
    if (typeof value === 'string') this.#finish(typeof encoding === 'string' ? toBytes(value, encoding) : value);
    else if (value === undefined || value === null || value === callback) this.#finish(undefined);
    else if (isBytes(value)) this.#finish(toBytes(value));
    else if (!this.#isEnded && !this.#sendLater(value)) {
      if (!this.hasHeader('content-type')) this.type('application/json');
      this.#finish(JSON.stringify(value));
    }
    if (typeof callback === 'function') queueMicrotask(() => callback());
    return this;
  }

  /** Sends a part of the body, and the head before the first one. `type` 'buffer' marks bytes. */
  write(data: unknown, type?: unknown): this {
    const chunk = this.#toChunk(data, type);
    if (chunk === null) return this;
    const taken = this.#sink.write(chunk).catch(ignoreGoneClient);
    this.#owner.onWriting?.(taken);
    return this;
  }

  /** As `write`; resolves when the gateway takes more. */
  async writeAndWait(data: unknown): Promise<void> {
    if (Object.hasOwn(this, 'write')) return void this.write(data);
    const chunk = this.#toChunk(data);
    if (chunk !== null) await this.#sink.write(chunk).catch(ignoreGoneClient);
  }

  #toChunk(data: unknown, type?: unknown): Uint8Array | null {
    if (this.#isEnded || data === undefined || data === null) return null;
    if (!this.#isHeadSent && !isBytes(data) && typeof data === 'object' && !this.hasHeader('content-type')) {
      this.type('application/json');
    }
    this.#sendHead();
    if (typeof data === 'object' && !isBytes(data)) {
      return type === 'buffer' ? Buffer.from(data as Uint8Array) : Buffer.from(JSON.stringify(data));
    }
    const encoding = typeof type === 'string' && Buffer.isEncoding(type) ? type : 'utf8';
    return toBytes(isBytes(data) ? data : String(data), encoding);
  }

  /** `redirect(url)` or `redirect(status, url)`; the URL is sent as given, but for what a header cannot hold. */
  redirect(first: string | number, second?: string | number): this {
    const [status, url] = second === undefined ? [302, first] : [first, second];
    return this.status(status)
      .set('Location', escapeLocation(String(url)))
      .end();
  }

  render(view: string, context: unknown = {}): this {
    const { render } = this.#owner;
    if (render === null) throw new Error('res.render: this app has no render function');
    render(view, context, (error, html) => {
      if (error) this.fail(error);
      else this.set('Content-Type', 'text/html; charset=utf-8').end(html);
    });
    return this;
  }

  /** A Writable bound to this response, for `stream.pipe(res.writable)`. */
  get writable(): Writable {
    this.#writable ??= new Writable({
      write: (chunk, encoding, done) => {
        this.writeAndWait(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk).then(() => done(), done);
      },
      final: (done) => {
        this.end();
        done();
      },
    });
    return this.#writable;
  }

  flushHeaders(): this {
    this.#sendHead();
    return this;
  }

  /** Turns the response into a stream of server-sent events; the head goes out at once. */
  sse(options: EventStreamOptions = {}): EventStream {
    if (this.#isHeadSent || this.#isEnded) throw new Error('res.sse: the response was begun already');
    this.set('Content-Type', 'text/event-stream; charset=utf-8');
    // Proxies must pass events on as they come.
    if (!this.hasHeader('x-accel-buffering')) this.set('X-Accel-Buffering', 'no');
    const stream = new EventStream(this, options);
    this.#sendHead();
    return stream;
  }

  on(event: string, listener: Listener): this {
    this.#emitter().on(event, listener);
    return this;
  }

  once(event: string, listener: Listener): this {
    this.#emitter().once(event, listener);
    return this;
  }

  off(event: string, listener: Listener): this {
    this.#events?.off(event, listener);
    return this;
  }

  addListener(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  prependListener(event: string, listener: Listener): this {
    this.#emitter().prependListener(event, listener);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener);
  }

  listenerCount(event: string): number {
    return this.#events?.listenerCount(event) ?? 0;
  }

  emit(event: string, ...values: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) {
      this.fail(values[0]);
      return true;
    }
    return this.#events?.emit(event, ...values) ?? false;
  }

  #emitter(): EventEmitter {
    this.#events ??= new EventEmitter();
    return this.#events;
  }

  /** Logs an error of app code and answers 500; what was sent before breaks off. */
  fail(error: unknown): void {
    console.error(error);
    this.breakOff();
  }

  /** As `fail`, for an error that is in the log already. */
  breakOff(): void {
    if (this.#isEnded) return;
    for (const wrapped of ['write', 'writeHead', 'end']) Reflect.deleteProperty(this, wrapped);
    if (!this.#isHeadSent) {
      this.#status = 500;
      this.#headers = null;
      this.#contentType = 'application/json';
      this.#finish(exceptionBody);
      return;
    }
    this.#isEnded = true;
    // The error itself is in the log; clients are not told what it says.
    this.#sink.abort(new Error('The app failed while it was answering'));
    this.#close();
  }

  /** As `fail`; a query that the gateway cannot read is the fault of the request that brought it. */
  failStream(error: unknown): void {
    const isBadQuery = error instanceof Error && 'code' in error && error.code === 'invalid_query';
    if (isBadQuery && !this.#isHeadSent) this.status(400).json({ error: error.message });
    else this.fail(error);
  }

  /** The client is gone or the time is over: nothing more is sent. */
  abandon(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#close();
  }

  #close(): void {
    this.#writable?.destroy();
    this.#events?.emit('close');
    this.#owner.onFinished();
  }

  /** True when the value answers later: a stream of documents, or a promise of anything. */
  #sendLater(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (value instanceof DataStream) {
      void value.sendTo(this);
      return true;
    }
    if (!('then' in value) || typeof value.then !== 'function') return false;
    Promise.resolve(value).then(
      (settled) => this.json(settled),
      (error) => this.fail(error),
    );
    return true;
  }

  #sendHead(): void {
    if (this.#isHeadSent || this.#isEnded) return;
    // Where middleware adds headers at the last moment.
    if (Object.hasOwn(this, 'writeHead')) this.writeHead(this.#status);
    this.#isHeadSent = true;
    this.#sink.head(this.#status, this.#headers?.toList() ?? getPlainHeaders(this.#contentType));
  }

  #finish(body: string | Uint8Array | undefined): this {
    if (this.#isEnded) return this;
    this.#sendHead();
    this.#isEnded = true;
    this.#sink.end(body);
    if (this.#events !== null) queueMicrotask(() => this.#emitEnd());
    this.#owner.onFinished();
    return this;
  }

  #emitEnd(): void {
    this.#events?.emit('finish');
    this.#events?.emit('close');
  }
}

type Bytes = Uint8Array | ArrayBuffer;

function isBytes(value: unknown): value is Bytes {
  return value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function toBytes(value: string | Bytes, encoding?: string): Uint8Array {
  if (typeof value === 'string') {
    return Buffer.from(value, encoding !== undefined && Buffer.isEncoding(encoding) ? encoding : 'utf8');
  }
  return value instanceof Uint8Array ? value : new Uint8Array(value);
}

function escapeLocation(url: string): string {
  return url.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

/** A client that left is no error of the app; `abandon` ends the response. */
function ignoreGoneClient(): void {}
