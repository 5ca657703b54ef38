import { TackleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { compileMatcher, type Matcher } from '../core/query/match-filter.ts';
import { parseFilter } from '../core/query/parse-filter.ts';
import type { ChangeSource, CollectionNews, DocumentChanged } from '../ports/storage/changes.ts';
import { requireCollectionName } from './new-document.ts';
import type { JsonText } from './space-documents.ts';

/** Changes that may wait for a slow reader; one that lets more pile up is told so instead. */
const maxWaitingChanges = 10_000;
const maxWaitingBytes = 8 * 1024 * 1024;
/** Of one answer of `next`. */
const batchChanges = 500;
const batchBytes = 1024 * 1024;

/**
 * The changes of what a query finds, from now on, as they are committed: `insert` when a document comes to match, `update`
 * when a match changes, `remove` when it matches no longer or is gone (with what it was last). At most once: nothing is kept
 * for who does not listen, and who falls behind is told by an error.
 */
export interface DocumentFeed {
  /**
   * Resolves, as soon as there is something, with a JSON array of `{"type":…,"document":…}`; null after `close`. Rejects
   * with `conflict` when changes were missed (read again, then watch again) and with `invalid_query` when the query cannot
   * be run on a document; the feed is over then. One call at a time.
   */
  next(): Promise<JsonText | null>;
  /** Nothing more comes. */
  readonly isOver: boolean;
  close(): void;
}

/** Resolves when the feed is in force. Rejects with `invalid_query` and `invalid_name`. */
export async function openDocumentFeed(
  source: ChangeSource,
  space: string,
  collection: string,
  query: unknown,
): Promise<DocumentFeed> {
  const filter = parseFilter(query);
  const isEverything = filter.kind === 'and' && filter.filters.length === 0;
  const feed = new QueuedFeed(isEverything ? null : compileMatcher(filter));
  const stop = await source.watch({ space, collection: requireCollectionName(collection) }, feed.onNews);
  feed.onClose(stop);
  return feed;
}

class QueuedFeed implements DocumentFeed {
  readonly #matches: Matcher | null;
  #waiting: JsonText[] = [];
  #waitingBytes = 0;
  #failure: TackleError | null = null;
  #isClosed = false;
  #wake: (() => void) | null = null;
  #stop: (() => void) | null = null;

  /** Without a matcher every document counts. */
  constructor(matches: Matcher | null) {
    this.#matches = matches;
  }

  readonly onNews = (news: CollectionNews): void => {
    if (this.isOver) return;
    try {
      if (news.kind === 'gap') throw missed(news.reason);
      for (const change of news.changes) this.#add(change);
    } catch (error) {
      this.#fail(error instanceof TackleError ? error : missed(String(error)));
    }
    if (this.#hasNews) this.#wake?.();
  };

  get #hasNews(): boolean {
    return this.#waiting.length > 0 || this.isOver;
  }

  get isOver(): boolean {
    return this.#isClosed || this.#failure !== null;
  }

  onClose(stop: () => void): void {
    this.#stop = stop;
    if (this.isOver) stop();
  }

  async next(): Promise<JsonText | null> {
    if (this.#wake !== null) throw new TackleError('invalid_request', 'The changes of this feed are being waited for');
    if (!this.#hasNews) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#isClosed) return null;
    if (this.#waiting.length > 0) return this.#takeBatch();
    throw this.#failure;
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#stop?.();
    this.#wake?.();
  }

  #add(change: DocumentChanged): void {
    const { before, after } = change;
    const wasMatch = this.#isMatch(change, 'before');
    const isMatch = this.#isMatch(change, 'after');
    if (!wasMatch && !isMatch) return;
    const type = !wasMatch ? 'insert' : isMatch ? 'update' : 'remove';
    const text = `{"type":"${type}","document":${isMatch ? after : before}}`;
    this.#waiting.push(text);
    this.#waitingBytes += text.length;
    if (this.#waiting.length > maxWaitingChanges || this.#waitingBytes > maxWaitingBytes) {
      throw missed('They were not taken as fast as they came');
    }
  }

  #isMatch(change: DocumentChanged, side: 'before' | 'after'): boolean {
    if (change[side] === null) return false;
    return this.#matches === null || this.#matches(parseSide(change, side));
  }

  #fail(error: TackleError): void {
    this.#failure = error;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#stop?.();
  }

  #takeBatch(): JsonText {
    let count = 0;
    let bytes = 0;
    do {
      bytes += this.#waiting[count]!.length;
      count += 1;
    } while (count < this.#waiting.length && count < batchChanges && bytes < batchBytes);
    this.#waitingBytes -= bytes;
    return `[${this.#waiting.splice(0, count).join(',')}]`;
  }
}

/** Parsed once for all feeds that look at the same change. */
const parsedSides = new WeakMap<DocumentChanged, { before?: JsonObject; after?: JsonObject }>();

function parseSide(change: DocumentChanged, side: 'before' | 'after'): JsonObject {
  const parsed = parsedSides.get(change) ?? {};
  parsedSides.set(change, parsed);
  const document = parsed[side] ?? (JSON.parse(change[side] as string) as JsonObject);
  parsed[side] = document;
  return document;
}

function missed(reason: string): TackleError {
  return new TackleError(
    'conflict',
    `Changes were missed. ${reason}. Read the documents again, and watch them again from there.`,
  );
}
