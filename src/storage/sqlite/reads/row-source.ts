import { compareCodePoints } from '../../../core/query/code-points.ts';
import { decodeStoredDocument, encodeStoredText } from '../../../core/query/stored-text.ts';
import type { CollectionState } from '../catalogue.ts';
import { isVisible } from '../document-table.ts';
import type { ReaderContext } from '../handlers.ts';
import type { IndexKey } from '../index-keys.ts';
import type { SqlParameter } from '../sql-condition.ts';
import { type KeyRange, rangeToSql } from './key-ranges.ts';
import type { Access, Plan } from './plan.ts';

export interface SourceRow {
  readonly _id: string;
  readonly seq: number;
  readonly revision: number;
  readonly body: string;
  /** The key of the index, when it is walked in its order. */
  readonly value?: IndexKey | undefined;
}

type RowTuple = readonly [_id: string, seq: number, revision: number, body: string, value: IndexKey | undefined];

/** Where a walk continues: behind this row. */
export interface Position {
  readonly id: string;
  readonly key?: IndexKey;
}

export interface Slice {
  readonly rows: readonly SourceRow[];
  readonly isEnd: boolean;
}

/** Rows of a plan that match, slice by slice; each slice is a few statements that take a few milliseconds at most. */
export interface RowSource {
  readSlice(maxRows: number, maxBytes: number): Slice;
}

const firstSliceRows = 200;
const largestSliceRows = 20_000;
const sliceTargetMs = 3;
/** What one statement may bring into memory at most. */
const bytesAtOnce = 4 * 1024 * 1024;

/** With `withoutBodies`, bodies are read only where the filter needs them. */
export function openSource(
  context: ReaderContext,
  plan: Plan,
  after: Position | null,
  options: { withoutBodies?: boolean } = {},
): RowSource {
  switch (plan.access.type) {
    case 'id':
      return new IdSource(context, plan, plan.access.id, after);
    case 'ids':
      return new IdsSource(context, plan, plan.access, after);
    case 'gather':
      return new GatherSource(context, plan, plan.access, after);
    default:
      return new WalkSource(context, plan, toWalk(plan.collection, plan.access), after, options);
  }
}

/** Which rows can be seen, as SQL over `d`; the counterpart of `isVisible`. */
export function visibleSql(collection: CollectionState): string {
  const published = collection.published.map((stage) => -stage).join(', ');
  const publishedSql = published === '' ? '' : ` OR d.expires_at IN (${published})`;
  return `(d.expires_at IS NULL OR d.expires_at > ?${publishedSql})`;
}

interface Walk {
  /** FROM clause: the table that is walked first, joined so that SQLite cannot choose another order. */
  readonly from: string;
  /** The table whose entries make a slice. */
  readonly steps: string;
  readonly idColumn: string;
  readonly keyColumn: string | null;
  readonly range: { readonly sql: string; readonly params: readonly SqlParameter[] };
  readonly stepRange: { readonly sql: string; readonly params: readonly SqlParameter[] };
  readonly direction: 1 | -1;
}

function toWalk(collection: CollectionState, access: Exclude<Access, { type: 'id' | 'ids' | 'gather' }>): Walk {
  const table = `d_${collection.n}`;
  if (access.type === 'table') {
    return {
      from: `${table} AS d`,
      steps: table,
      idColumn: 'd._id',
      keyColumn: null,
      range: rangeToSql(access.range, 'd._id'),
      stepRange: rangeToSql(access.range, '_id'),
      direction: access.direction,
    };
  }
  return {
    from: `i_${access.index.n} AS k CROSS JOIN ${table} AS d ON d.seq = k.seq`,
    steps: `i_${access.index.n}`,
    idColumn: 'k._id',
    keyColumn: access.type === 'ordered' ? 'k.value' : null,
    range: rangeToSql(access.range, 'k.value'),
    stepRange: rangeToSql(access.range, 'value'),
    direction: access.direction,
  };
}

/** The statement of a walk without bounds on its position, for EXPLAIN. */
export function explainSql(plan: Plan): { sql: string; params: readonly SqlParameter[] } {
  const table = `d_${plan.collection.n}`;
  if (plan.access.type === 'id' || plan.access.type === 'ids')
    return { sql: `SELECT * FROM ${table} WHERE _id = ?`, params: [''] };
  if (plan.access.type === 'gather') {
    const { sql, params } = rangeToSql(plan.access.ranges[0]!, 'value');
    return { sql: `SELECT _id, seq FROM i_${plan.access.index.n} WHERE ${sql}`, params };
  }
  const walk = toWalk(plan.collection, plan.access);
  const order = walk.keyColumn === null ? walk.idColumn : `${walk.keyColumn}, ${walk.idColumn}`;
  return {
    sql: `SELECT d.body FROM ${walk.from} WHERE ${walk.range.sql} AND (${plan.where.sql}) ORDER BY ${order}`,
    params: [...walk.range.params, ...plan.where.params],
  };
}

class WalkSource implements RowSource {
  readonly #context: ReaderContext;
  readonly #plan: Plan;
  readonly #walk: Walk;
  readonly #bodyColumn: string;
  readonly #rowsAtOnce: number;
  #position: Position | null;
  /** End of the slice under way; undefined when the next one has to be measured. */
  #sliceEnd: Position | null | undefined;
  #sliceRows = firstSliceRows;

  constructor(
    context: ReaderContext,
    plan: Plan,
    walk: Walk,
    after: Position | null,
    options: { withoutBodies?: boolean },
  ) {
    this.#bodyColumn = options.withoutBodies === true && plan.where.exact ? `''` : 'd.body';
    this.#context = context;
    this.#plan = plan;
    this.#walk = walk;
    this.#position = after;
    // Without a filter the limit alone bounds the work, and a key with few entries is one slice.
    const isEveryRow = plan.where.exact && plan.where.sql === '1';
    const isSmall = plan.access.type === 'key' && plan.access.entries <= firstSliceRows;
    this.#sliceEnd = isEveryRow || isSmall ? null : undefined;
    this.#rowsAtOnce = Math.max(1, Math.floor(bytesAtOnce / plan.collection.longest));
  }

  readSlice(maxRows: number, maxBytes: number): Slice {
    const startedAt = performance.now();
    if (this.#sliceEnd === undefined) this.#sliceEnd = this.#findSliceEnd();
    const end = this.#sliceEnd;
    const rows: SourceRow[] = [];
    let bytes = 0;
    for (let taken = 0; ; ) {
      const wanted = Math.min(maxRows - taken, this.#rowsAtOnce);
      const selected = this.#select(end, wanted);
      for (const row of selected) {
        this.#position = row.value === undefined ? { id: row._id } : { id: row._id, key: row.value };
        if (!this.#plan.where.exact && !this.#plan.matches(decodeStoredDocument(row._id, row.body))) continue;
        rows.push(row);
        bytes += row.body.length;
        if (bytes >= maxBytes) return { rows, isEnd: false };
      }
      taken += selected.length;
      if (selected.length < wanted) break;
      if (taken >= maxRows || performance.now() - startedAt > sliceTargetMs) return { rows, isEnd: false };
    }
    if (end === null) return { rows, isEnd: true };
    this.#position = end;
    this.#sliceEnd = undefined;
    this.#adapt(performance.now() - startedAt);
    return { rows, isEnd: false };
  }

  #adapt(elapsedMs: number): void {
    if (elapsedMs < sliceTargetMs / 2) this.#sliceRows = Math.min(this.#sliceRows * 2, largestSliceRows);
    else if (elapsedMs > sliceTargetMs * 2) this.#sliceRows = Math.max(this.#sliceRows >> 1, 16);
  }

  /** The last entry of the next slice; null when less is left. */
  #findSliceEnd(): Position | null {
    const { steps, stepRange, keyColumn, direction } = this.#walk;
    const seek = this.#seek('>', keyColumn === null ? ['_id'] : ['value', '_id'], this.#position);
    const columns = keyColumn === null ? '_id' : 'value, _id';
    const order = directed(keyColumn === null ? ['_id'] : ['value', '_id'], direction);
    const row = this.#context.connection
      .sql(`SELECT ${columns} FROM ${steps} WHERE ${stepRange.sql} AND ${seek.sql} ORDER BY ${order} LIMIT 1 OFFSET ?`)
      .get(...stepRange.params, ...seek.params, this.#sliceRows - 1) as { _id: string; value?: IndexKey } | undefined;
    if (row === undefined) return null;
    return row.value === undefined ? { id: row._id } : { id: row._id, key: row.value };
  }

  #select(end: Position | null, maxRows: number): readonly SourceRow[] {
    const { from, idColumn, keyColumn, range, direction } = this.#walk;
    const { collection, where } = this.#plan;
    const columns = keyColumn === null ? [idColumn] : [keyColumn, idColumn];
    const begin = this.#seek('>', columns, this.#position);
    const until = this.#seek('<=', columns, end);
    const key = keyColumn === null ? '' : `, ${keyColumn}`;
    const sql = `SELECT d._id, d.seq, d.revision, ${this.#bodyColumn}${key} FROM ${from}
      WHERE ${range.sql} AND ${begin.sql} AND ${until.sql} AND ${visibleSql(collection)} AND ${where.sql}
      ORDER BY ${directed(columns, direction)} LIMIT ?`;
    const tuples = this.#context.connection
      .tuples(sql)
      .all(
        ...range.params,
        ...begin.params,
        ...until.params,
        this.#context.nowMs,
        ...where.params,
        maxRows,
      ) as unknown as RowTuple[];
    return tuples.map(([_id, seq, revision, body, value]) => ({ _id, seq, revision, body, value }));
  }

  #seek(
    comparison: '>' | '<=',
    columns: readonly string[],
    position: Position | null,
  ): { sql: string; params: readonly SqlParameter[] } {
    if (position === null) return { sql: '1', params: [] };
    const turned = { '>': '<', '<=': '>=' }[comparison];
    const operator = this.#walk.direction === 1 ? comparison : turned;
    if (columns.length === 1) return { sql: `${columns[0]} ${operator} ?`, params: [position.id] };
    return {
      sql: `(${columns.join(', ')}) ${operator} (?, ?)`,
      params: [position.key ?? Number.NEGATIVE_INFINITY, position.id],
    };
  }
}

function directed(columns: readonly string[], direction: 1 | -1): string {
  return columns.map((column) => `${column} ${direction === 1 ? 'ASC' : 'DESC'}`).join(', ');
}

/** Reads one row by a column and applies filter and visibility. */
function readMatching(
  context: ReaderContext,
  plan: Plan,
  column: 'seq' | '_id',
  value: number | string,
): SourceRow | null {
  const row = context.connection
    .sql(`SELECT _id, seq, revision, expires_at, body FROM d_${plan.collection.n} WHERE ${column} = ?`)
    .get(value) as (SourceRow & { expires_at: number | null }) | undefined;
  if (row === undefined || !isVisible(plan.collection, row.expires_at, context.nowMs)) return null;
  return plan.matches(decodeStoredDocument(row._id, row.body)) ? row : null;
}

class IdSource implements RowSource {
  readonly #context: ReaderContext;
  readonly #plan: Plan;
  readonly #id: string;
  readonly #isPast: boolean;

  constructor(context: ReaderContext, plan: Plan, id: string, after: Position | null) {
    this.#context = context;
    this.#plan = plan;
    this.#id = id;
    this.#isPast = after !== null;
  }

  readSlice(): Slice {
    const row = this.#isPast ? null : readMatching(this.#context, this.#plan, '_id', encodeStoredText(this.#id));
    return { rows: row === null ? [] : [row], isEnd: true };
  }
}

/** Ids named by the filter, once each, in order. Stored and plain ids sort alike. */
class IdsSource implements RowSource {
  readonly #context: ReaderContext;
  readonly #plan: Plan;
  readonly #ids: readonly string[];
  #next = 0;

  constructor(context: ReaderContext, plan: Plan, access: Extract<Access, { type: 'ids' }>, after: Position | null) {
    this.#context = context;
    this.#plan = plan;
    const compare = (a: string, b: string): number => compareCodePoints(a, b) * access.direction;
    this.#ids = [...new Set(access.ids)].filter((id) => after === null || compare(id, after.id) > 0).sort(compare);
  }

  readSlice(maxRows: number, maxBytes: number): Slice {
    const first = this.#next;
    const slice = takeRows(maxRows, maxBytes, this.#ids.length - first, (index) =>
      readMatching(this.#context, this.#plan, '_id', this.#ids[first + index]!),
    );
    this.#next += slice.taken;
    return { rows: slice.rows, isEnd: this.#next >= this.#ids.length };
  }
}

/** Reads row by row until one of the bounds is met. */
function takeRows(
  maxRows: number,
  maxBytes: number,
  available: number,
  read: (index: number) => SourceRow | null,
): { rows: SourceRow[]; taken: number } {
  const deadline = performance.now() + sliceTargetMs;
  const rows: SourceRow[] = [];
  let bytes = 0;
  let taken = 0;
  while (taken < available && rows.length < maxRows && bytes < maxBytes) {
    const row = read(taken);
    taken += 1;
    if (row !== null) {
      rows.push(row);
      bytes += row.body.length;
    }
    if (performance.now() > deadline) break;
  }
  return { rows, taken };
}

/** Entries of several ranges, once each, by `_id`. */
class GatherSource implements RowSource {
  readonly #context: ReaderContext;
  readonly #plan: Plan;
  readonly #pending: KeyRange[];
  readonly #access: Extract<Access, { type: 'gather' }>;
  readonly #after: Position | null;
  readonly #entries = new Map<number, string>();
  #ordered: readonly { seq: number; id: string }[] | null = null;
  #next = 0;

  constructor(context: ReaderContext, plan: Plan, access: Extract<Access, { type: 'gather' }>, after: Position | null) {
    this.#context = context;
    this.#plan = plan;
    this.#access = access;
    this.#pending = [...access.ranges];
    this.#after = after;
  }

  readSlice(maxRows: number, maxBytes: number): Slice {
    if (this.#ordered === null) {
      this.#gather();
      return { rows: [], isEnd: false };
    }
    const first = this.#next;
    const ordered = this.#ordered;
    const slice = takeRows(maxRows, maxBytes, ordered.length - first, (index) =>
      readMatching(this.#context, this.#plan, 'seq', ordered[first + index]!.seq),
    );
    this.#next += slice.taken;
    return { rows: slice.rows, isEnd: this.#next >= ordered.length };
  }

  #gather(): void {
    const deadline = performance.now() + sliceTargetMs;
    while (this.#pending.length > 0 && performance.now() < deadline) {
      const { sql, params } = rangeToSql(this.#pending.pop()!, 'value');
      const entries = this.#context.connection
        .sql(`SELECT seq, _id FROM i_${this.#access.index.n} WHERE ${sql}`)
        .all(...params) as { seq: number; _id: string }[];
      for (const { seq, _id } of entries) this.#entries.set(seq, _id);
    }
    if (this.#pending.length > 0) return;
    const { direction } = this.#access;
    const after = this.#after;
    const ids = [...this.#entries].map(([seq, id]) => ({ seq, id }));
    const compare = (a: string, b: string): number => compareCodePoints(a, b) * direction;
    this.#ordered = ids
      .filter(({ id }) => after === null || compare(id, after.id) > 0)
      .sort((a, b) => compare(a.id, b.id));
  }
}
