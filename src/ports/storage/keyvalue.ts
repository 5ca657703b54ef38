/**
 * Key-value pairs of a space, in keyspaces. Values are JSON text, so that strings, numbers and objects come back as what
 * they were. An expired key is absent for every command and read.
 */
export interface KeyRef {
  readonly space: string;
  /** The default keyspace is the empty string. */
  readonly keyspace: string;
  readonly key: string;
}

export interface KeyRange {
  readonly space: string;
  readonly keyspace: string;
  readonly prefix: string;
}

export interface KeyValueEntry {
  readonly key: string;
  /** JSON text; empty when only keys were asked for. */
  readonly value: string;
}

export interface KeyValueCommands {
  'keyvalue.set': {
    params: KeyRef & {
      readonly value: string;
      /** Milliseconds since 1970; null: does not expire. */
      readonly expiresAtMs: number | null;
    };
    result: null;
  };
  /** Adds to a number (an absent key counts as 0); rejects with `invalid_request` when the value is not numeric. */
  'keyvalue.increment': {
    params: KeyRef & {
      readonly by: number;
      /** Re-arms the expiry; absent: it stays as it was. */
      readonly expiresAtMs?: number;
    };
    result: { readonly value: number };
  };
  'keyvalue.remove': {
    params: KeyRef;
    /** JSON text of the value that was there. */
    result: { readonly previous: string | null };
  };
  /** Removes at most `limit` keys; call again while `removed` equals `limit`. */
  'keyvalue.removePrefix': {
    params: KeyRange & { readonly limit: number };
    result: { readonly removed: number };
  };
  /** Removes at most `limit` keys of all keyspaces; call again while `removed` equals `limit`. */
  'keyvalue.removeSpace': {
    params: { readonly space: string; readonly limit: number };
    result: { readonly removed: number };
  };
}

export interface KeyValueReads {
  /** JSON text or null. */
  'keyvalue.get': { params: KeyRef; result: string | null };
  /** In key order (binary); `after` continues behind a key of the last page. At most `limit` entries and about 1 MB. */
  'keyvalue.list': {
    params: KeyRange & {
      readonly limit: number;
      readonly after?: string;
      readonly reverse?: boolean;
      readonly onlyKeys?: boolean;
    };
    result: { readonly entries: readonly KeyValueEntry[]; readonly next: string | null };
  };
}
