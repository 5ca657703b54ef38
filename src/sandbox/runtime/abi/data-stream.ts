import type { JsonObject } from '../../../core/json.ts';
import type { FindArguments } from './arguments.ts';
import { encodeQuery } from './encode-query.ts';
import type { Host } from './host.ts';
import type { DocumentPage } from './host-calls.ts';
import { type JsonTarget, sendJsonPages } from './json-target.ts';
import { parsePageText } from './page-text.ts';

/** Where the pages of a stream come from. `options` are those given at first and by `sort`, `limit`, `skip`. */
export interface PageSource {
  page(options: JsonObject, after: string | null): Promise<DocumentPage>;
  text(options: JsonObject, after: string | null): Promise<string>;
}

type Listener = (value?: unknown) => unknown;

/**
 * What `getMany` returns: lazy (the first page is asked for when somebody listens), in pages (the next one is asked for
 * when the last was taken), and not a promise, although `await` may stand before it.
 */
export class DataStream {
  readonly #source: PageSource;
  #options: JsonObject;
  readonly #listeners = new Map<string, { listener: Listener; once: boolean }[]>();
  #started = false;
  #cancelled = false;
  #resume: (() => void) | null = null;
  #paused = false;

  constructor(source: PageSource, options: JsonObject) {
    this.#source = source;
    this.#options = options;
  }

  sort(sort: unknown): this {
    return this.#setOption('sort', encodeQuery(sort));
  }

  limit(limit: number): this {
    return this.#setOption('limit', limit);
  }

  skip(offset: number): this {
    return this.#setOption('offset', offset);
  }

  offset(offset: number): this {
    return this.skip(offset);
  }

  #setOption(name: string, value: unknown): this {
    if (this.#started) throw new Error(`${name}() comes too late: the stream is being read`);
    this.#options = { ...this.#options, [name]: value } as JsonObject;
    return this;
  }

  /** Events: `data` for each document, `end`, `error` (followed by `end`). Listening to `data` or `end` starts it. */
  on(event: string, listener: Listener): this {
    return this.#addListener(event, listener, false);
  }

  once(event: string, listener: Listener): this {
    return this.#addListener(event, listener, true);
  }

  addListener(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  #addListener(event: string, listener: Listener, once: boolean): this {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, { listener, once }]);
    if ((event === 'data' || event === 'end') && !this.#started) {
      this.#start();
      // On the next turn, so that everything chained to this call is in place.
      setImmediate(() => void this.#emitDocuments());
    }
    return this;
  }

  off(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(
      event,
      listeners.filter((entry) => entry.listener !== listener),
    );
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener);
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    this.#resume?.();
    this.#resume = null;
    return this;
  }

  /** No further document comes; `end` does. */
  cancel(): this {
    this.#cancelled = true;
    return this.resume();
  }

  end(): this {
    return this.cancel();
  }

  close(): this {
    return this.cancel();
  }

  destroy(): this {
    return this.cancel();
  }

  async toArray(): Promise<JsonObject[]> {
    this.#start();
    const first = await this.#source.page(this.#options, null);
    if (first.next === null) return first.documents as JsonObject[];
    const documents = [...first.documents];
    for await (const page of this.#pages(first.next)) documents.push(...page);
    return documents;
  }

  /** Calls back for one document after another, waiting for what the callback returns; its rejection ends the stream. */
  async forEach(callback: (document: JsonObject, index: number) => unknown): Promise<void> {
    let index = 0;
    for await (const document of this) {
      const returned = callback(document, index);
      index += 1;
      // Only a promise costs a turn.
      if (typeof returned === 'object' && returned !== null && 'then' in returned) await returned;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JsonObject> {
    this.#start();
    for await (const page of this.#pages(null)) {
      for (const document of page) {
        if (this.#cancelled) return;
        yield document;
      }
    }
  }

  /** Inside of something else in JSON there is nothing to wait for it: what was meant is nearly always `toArray()`. */
  toJSON(): object {
    console.warn('A stream of documents became {} in JSON. Write `await …getMany(…).toArray()` to have the documents.');
    return {};
  }

  /** Sends all documents as one JSON array to a response, or to any Writable, and ends it. */
  pipe<Target extends JsonTarget>(target: Target): Target {
    void this.sendTo(target);
    return target;
  }

  json<Target extends JsonTarget>(target: Target): Target {
    return this.pipe(target);
  }

  /** As `pipe`; resolves when everything was handed over. */
  async sendTo(target: JsonTarget): Promise<void> {
    this.#start();
    await sendJsonPages(target, () => this.#textPages());
  }

  #start(): void {
    if (this.#started) throw new Error('This stream is being read already: call getMany again for another one');
    this.#started = true;
  }

  async *#pages(after: string | null): AsyncGenerator<readonly JsonObject[]> {
    let next = after;
    do {
      if (this.#cancelled) return;
      const page: DocumentPage = await this.#source.page(this.#options, next);
      yield page.documents;
      next = page.next;
    } while (next !== null);
  }

  /** The inside of the JSON array, page by page, as it came from the gateway. */
  async *#textPages(): AsyncGenerator<{ text: string; isLast: boolean }> {
    let next: string | null = null;
    do {
      if (this.#cancelled) return;
      const page = parsePageText(await this.#source.text(this.#options, next));
      next = page.next;
      yield { text: page.text, isLast: next === null };
    } while (next !== null);
  }

  async #emitDocuments(): Promise<void> {
    try {
      for await (const page of this.#pages(null)) {
        for (const document of page) {
          while (this.#paused && !this.#cancelled) await new Promise<void>((resolve) => (this.#resume = resolve));
          if (this.#cancelled) break;
          this.#emit('data', document);
        }
      }
    } catch (error) {
      if (!this.#emit('error', error)) console.error('Unhandled error of a datastore stream:', error);
    }
    this.#emit('end');
    this.#emit('close');
    this.#listeners.clear();
  }

  #emit(event: string, value?: unknown): boolean {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined || listeners.length === 0) return false;
    for (const { listener, once } of listeners) {
      if (once) this.off(event, listener);
      try {
        const returned = listener.call(this, value);
        if (returned instanceof Promise) returned.catch(reportListenerError);
      } catch (error) {
        reportListenerError(error);
      }
    }
    return true;
  }
}

/** A listener that fails is the app's error; the other documents and listeners still get their turn. */
function reportListenerError(error: unknown): void {
  console.error('Error in a listener of a datastore stream:', error);
}

export function createStream(
  options: JsonObject,
  fetchPage: (options: JsonObject, after: string | null, asText: boolean) => Promise<DocumentPage | string>,
): DataStream {
  return new DataStream(
    {
      page: (chosen, after) => fetchPage(chosen, after, false) as Promise<DocumentPage>,
      text: (chosen, after) => fetchPage(chosen, after, true) as Promise<string>,
    },
    options,
  );
}

export function createDocumentStream(host: Host, collection: string, { filter, options }: FindArguments): DataStream {
  return createStream(options, (chosen, after, asText) => {
    const params = { collection, filter, options: chosen, after };
    return asText ? host.readText('documents.find', params) : host.read('documents.find', params);
  });
}
