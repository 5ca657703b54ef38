import { TackleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { CollectionRef } from '../../ports/storage/documents.ts';
import type { Connection } from './connection.ts';

export interface IndexState {
  readonly n: number;
  readonly field: string;
  readonly path: readonly string[];
  readonly state: 'building' | 'ready';
  multikey: boolean;
}

/** What the writer knows of a live collection. Fields change only through the catalogue, which can undo it. */
export interface CollectionState {
  readonly n: number;
  readonly space: string;
  readonly name: string;
  readonly createdAtMs: number;
  cap: number | null;
  capDelayMs: number;
  schema: JsonObject | null;
  indexes: readonly IndexState[];
  /** Staged batches that are visible although their rows still carry the mark. */
  published: readonly number[];
  documents: number;
  bytes: number;
  /** Upper bound of the length of a body. */
  longest: number;
  revisionFloor: number;
}

export interface CollectionRow {
  readonly n: number;
  readonly space: string;
  readonly name: string;
  readonly created_at: number;
  readonly cap: number | null;
  readonly cap_delay_ms: number;
  readonly schema: string | null;
  readonly documents: number;
  readonly bytes: number;
  readonly longest: number;
  readonly revision_floor: number;
  readonly published: string;
}

interface IndexRow {
  readonly n: number;
  readonly field: string;
  readonly state: 'building' | 'ready';
  readonly multikey: number;
}

export const collectionColumns = `n, space, name, created_at, cap, cap_delay_ms, schema, documents, bytes, longest,
  revision_floor, published`;
const selectCollection = `SELECT ${collectionColumns} FROM collections WHERE space = ? AND name = ? AND state = 'live'`;
const selectIndexes = `SELECT n, field, state, multikey FROM indexes
  WHERE collection_n = ? AND state <> 'dropping' ORDER BY field`;

/** Row of `meta` with a number that grows whenever anything but the counters of a collection changes. */
const versionKey = 'catalogue';

/**
 * A reader's picture of the collections, loaded once for each version of the catalogue. The counters in it may be old.
 */
export class CatalogueView {
  readonly #connection: Connection;
  readonly #collections = new Map<string, CollectionState | undefined>();
  #version: unknown = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** To be called when requests have arrived: from here on, they see what was committed before. */
  refresh(): void {
    const row = this.#connection.sql('SELECT value FROM meta WHERE key = ?').get(versionKey);
    if (row?.value === this.#version) return;
    this.#collections.clear();
    this.#version = row?.value;
  }

  get(ref: CollectionRef): CollectionState | undefined {
    const key = `${ref.space}\0${ref.collection}`;
    if (this.#collections.has(key)) return this.#collections.get(key);
    const loaded = loadCollection(this.#connection, ref);
    // Names come from clients: what does not exist must not fill the memory.
    if (loaded !== undefined) this.#collections.set(key, loaded);
    return loaded;
  }
}

/** Collection and indexes as stored, or undefined. */
export function loadCollection(connection: Connection, ref: CollectionRef): CollectionState | undefined {
  const row = connection.sql(selectCollection).get(ref.space, ref.collection) as CollectionRow | undefined;
  return row === undefined ? undefined : toCollectionState(connection, row);
}

export function toCollectionState(connection: Connection, row: CollectionRow): CollectionState {
  const indexes = connection.sql(selectIndexes).all(row.n) as unknown as IndexRow[];
  return {
    n: row.n,
    space: row.space,
    name: row.name,
    createdAtMs: row.created_at,
    cap: row.cap,
    capDelayMs: row.cap_delay_ms,
    schema: row.schema === null ? null : (JSON.parse(row.schema) as JsonObject),
    indexes: indexes.map((index) => ({
      n: index.n,
      field: index.field,
      path: index.field.split('.'),
      state: index.state,
      multikey: index.multikey === 1,
    })),
    published: JSON.parse(row.published) as number[],
    documents: row.documents,
    bytes: row.bytes,
    longest: row.longest,
    revisionFloor: row.revision_floor,
  };
}

/**
 * The writer's picture of the live collections. Counters are kept here and written once per batch. Every change leaves an
 * undo entry, so that a rejected commit takes back its own changes and nothing else.
 */
export class Catalogue {
  readonly #connection: Connection;
  readonly #maxCollections: number;
  readonly #collections = new Map<string, CollectionState | null>();
  readonly #dirty = new Set<CollectionState>();
  #undo: (() => void)[] = [];
  #count: number | null = null;
  /** Readers must load again what they know. */
  #isChanged = false;
  /** When the next document or key expires or cap is due, as far as this batch knows; the maintenance takes it. */
  #earliestDueMs = Number.POSITIVE_INFINITY;

  constructor(connection: Connection, options: { maxCollections: number }) {
    this.#connection = connection;
    this.#maxCollections = options.maxCollections;
  }

  get(ref: CollectionRef): CollectionState | null {
    const key = `${ref.space}\0${ref.collection}`;
    const known = this.#collections.get(key);
    if (known !== undefined) return known;
    const loaded = loadCollection(this.#connection, ref) ?? null;
    this.#collections.set(key, loaded);
    return loaded;
  }

  getOrCreate(ref: CollectionRef, nowMs: number): CollectionState {
    return this.get(ref) ?? this.#create(ref, nowMs);
  }

  #create(ref: CollectionRef, nowMs: number): CollectionState {
    const connection = this.#connection;
    this.#count ??= (connection.sql('SELECT count(*) AS count FROM collections').get() as { count: number }).count;
    if (this.#count >= this.#maxCollections) {
      throw new TackleError(
        'quota_exceeded',
        `The collection "${ref.collection}" cannot be created: this gateway has its ${this.#maxCollections} collections already`,
      );
    }
    const { lastInsertRowid } = connection
      .sql(`INSERT INTO collections (space, name, state, created_at) VALUES (?, ?, 'live', ?)`)
      .run(ref.space, ref.collection, nowMs);
    const n = Number(lastInsertRowid);
    // seq keeps the order of insertion (caps need it) and is what indexes point to; measured, a table WITHOUT ROWID is
    // slower for documents above 1 kB (rows of an index b-tree spill early) and not faster below.
    connection.exec(`CREATE TABLE d_${n} (
      seq INTEGER PRIMARY KEY,
      _id TEXT NOT NULL UNIQUE,
      revision INTEGER NOT NULL,
      expires_at INTEGER,
      body TEXT NOT NULL
    ) STRICT`);
    const state: CollectionState = {
      n,
      space: ref.space,
      name: ref.collection,
      createdAtMs: nowMs,
      cap: null,
      capDelayMs: 1_000,
      schema: null,
      indexes: [],
      published: [],
      documents: 0,
      bytes: 0,
      longest: 4_096,
      revisionFloor: 0,
    };
    this.#replace(`${ref.space}\0${ref.collection}`, state);
    this.#changeCount(1);
    return state;
  }

  /** Changes fields of a collection; counters are stored with the batch, the rest by the caller's own statement. */
  change(collection: CollectionState, fields: Partial<CollectionState>): void {
    const before: Partial<CollectionState> = {};
    for (const key of Object.keys(fields) as (keyof CollectionState)[])
      Object.assign(before, { [key]: collection[key] });
    this.#undo.push(() => Object.assign(collection, before));
    Object.assign(collection, fields);
    this.#isChanged = true;
  }

  /** Adds to the counters. */
  count(collection: CollectionState, documents: number, bytes: number): void {
    this.#undo.push(() => {
      collection.documents -= documents;
      collection.bytes -= bytes;
    });
    collection.documents += documents;
    collection.bytes += bytes;
    this.#dirty.add(collection);
  }

  /** A body of this length is written. Rounded up to a power of two, so that the bound changes rarely. */
  noteLength(collection: CollectionState, length: number): void {
    if (length <= collection.longest) return;
    const longest = 2 ** Math.ceil(Math.log2(length));
    this.#connection.sql('UPDATE collections SET longest = ? WHERE n = ?').run(longest, collection.n);
    this.change(collection, { longest });
  }

  /** No document of the collection gets a revision up to this one again. */
  raiseRevisionFloor(collection: CollectionState, revision: number): void {
    if (revision <= collection.revisionFloor) return;
    const before = collection.revisionFloor;
    this.#undo.push(() => {
      collection.revisionFloor = before;
    });
    collection.revisionFloor = revision;
    this.#dirty.add(collection);
  }

  /** Takes a dropped collection out of the picture. */
  forget(collection: CollectionState): void {
    this.#replace(`${collection.space}\0${collection.name}`, null);
  }

  /** A dropped collection counts until its table is gone. */
  noteTableDropped(): void {
    this.#changeCount(-1);
  }

  /** An index met its first array or object. */
  noteMultikey(index: IndexState): void {
    // Stays set when this commit is undone: that costs a better plan until the next start, and nothing else.
    this.#connection.sql('UPDATE indexes SET multikey = 1 WHERE n = ?').run(index.n);
    index.multikey = true;
    this.#isChanged = true;
  }

  noteDue(dueMs: number): void {
    if (dueMs < this.#earliestDueMs) this.#earliestDueMs = dueMs;
  }

  takeEarliestDue(): number {
    const due = this.#earliestDueMs;
    this.#earliestDueMs = Number.POSITIVE_INFINITY;
    return due;
  }

  /** A commit begins: what it changes from here can be undone. */
  mark(): void {
    this.#undo = [];
  }

  /** The commit was rejected. */
  undo(): void {
    for (const restore of this.#undo.reverse()) restore();
    this.#undo = [];
  }

  /** Before COMMIT: writes the counters that changed, and tells the readers when more than these did. */
  flush(): void {
    if (this.#isChanged) {
      this.#connection
        .sql(
          `INSERT INTO meta (key, value) VALUES (?, '1')
           ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1`,
        )
        .run(versionKey);
      this.#isChanged = false;
    }
    if (this.#dirty.size === 0) return;
    const update = this.#connection.sql(
      'UPDATE collections SET documents = ?, bytes = ?, revision_floor = ? WHERE n = ?',
    );
    for (const state of this.#dirty) update.run(state.documents, state.bytes, state.revisionFloor, state.n);
    this.#dirty.clear();
  }

  /** The batch was lost: what is stored is all that is true. */
  reset(): void {
    this.#collections.clear();
    this.#dirty.clear();
    this.#undo = [];
    this.#count = null;
    this.#isChanged = false;
  }

  #replace(key: string, state: CollectionState | null): void {
    const before = this.#collections.get(key);
    this.#undo.push(() => {
      if (before === undefined) this.#collections.delete(key);
      else this.#collections.set(key, before);
      if (state !== null) this.#dirty.delete(state);
    });
    this.#collections.set(key, state);
    this.#isChanged = true;
  }

  #changeCount(by: number): void {
    if (this.#count === null) return;
    this.#count += by;
    this.#undo.push(() => {
      if (this.#count !== null) this.#count -= by;
    });
  }
}
