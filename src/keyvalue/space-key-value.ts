import type { Json } from '../core/json.ts';

/** JSON text, ready to be sent as it is. */
export type JsonText = string;

export interface KeyValueOptions {
  /** The default keyspace is separate from all named ones. */
  readonly keyspace?: string;
  /** Milliseconds; with `increment` and `decrement` it is armed anew by every call. */
  readonly ttl?: number;
}

export interface KeyValueListOptions {
  readonly keyspace?: string;
  readonly reverse?: boolean;
  readonly onlykeys?: boolean;
}

export interface KeyValuePage {
  /** JSON array text of `{key, val}` (of `{key}` with `onlykeys`). */
  readonly json: JsonText;
  readonly count: number;
  readonly next: string | null;
}

/**
 * The key-value store of one space (spec/codehooks.md section 5). Values keep their JSON type. Writes are durable when
 * their promise resolves. Rejects with `invalid_name` (key or keyspace), `invalid_request` (a value that is not JSON, an
 * increment of something that is no number), `overloaded`.
 */
export interface SpaceKeyValue {
  /** The stored value as JSON text. */
  set(key: string, value: Json, options?: KeyValueOptions): Promise<JsonText>;
  /** JSON text, or null when absent or expired. */
  get(key: string, options?: KeyValueOptions): Promise<JsonText | null>;
  /** Atomic; an absent key counts as 0. The new number. */
  increment(key: string, by: number, options?: KeyValueOptions): Promise<number>;
  decrement(key: string, by: number, options?: KeyValueOptions): Promise<number>;
  /** Keys that begin with `pattern` (a `*` at its end is ignored), one page. */
  list(pattern: string, options?: KeyValueListOptions, next?: string | null): Promise<KeyValuePage>;
  pages(pattern: string, options?: KeyValueListOptions): AsyncIterable<KeyValuePage>;
  /** The value that was there as JSON text, or null. */
  remove(key: string, options?: KeyValueOptions): Promise<JsonText | null>;
  removeAll(pattern: string, options?: KeyValueOptions): Promise<number>;
}
