import { decodeStoredDocument } from '../../../core/query/stored-text.ts';
import type { DocumentQuery } from '../../../ports/storage/documents.ts';
import { isVisible } from '../document-table.ts';
import type { ReaderContext } from '../handlers.ts';
import { decodePageToken, encodePageToken, type PageToken } from './page-token.ts';
import { type Plan, planQuery } from './plan.ts';
import { openSource, type Position, type SourceRow } from './row-source.ts';
import { compareEntries, type EntryOrder, type SortEntry, toEntryOrder, toSortEntry } from './sort-entries.ts';
import type { Spool } from './sort-spools.ts';

export interface PageRequest extends DocumentQuery {
  readonly limit: number;
  readonly skip?: number;
  readonly after?: string;
}

export interface RowPage {
  readonly rows: readonly SourceRow[];
  readonly next: string | null;
}

/** Up to so many documents are sorted in memory without keeping a list for further pages. */
const topLimit = 1_000;
const pageBytes = 1_000_000;
const sortSliceRows = 1_000;
const sortSliceBytes = 4_000_000;

/** One page of rows in the order of the query. */
export function* findRows(
  context: ReaderContext,
  request: PageRequest,
  maxRows: number,
): Generator<void, RowPage, void> {
  const limit = Math.min(request.limit, maxRows);
  const plan = planQuery(context, request);
  if (plan === null || limit <= 0) return { rows: [], next: null };
  const token = request.after === undefined ? null : decodePageToken(request.after);
  const skip = token === null ? (request.skip ?? 0) : 0;
  if (plan.needsSort) return yield* readSortedPage(context, plan, request.limit, limit, skip, token);
  return yield* readPage(context, plan, limit, skip, token);
}

function* readPage(
  context: ReaderContext,
  plan: Plan,
  limit: number,
  skip: number,
  token: PageToken | null,
): Generator<void, RowPage, void> {
  const source = openSource(context, plan, toPosition(plan, token));
  const rows: SourceRow[] = [];
  let toSkip = skip;
  let bytes = 0;
  for (;;) {
    const wanted = toSkip > 0 ? Math.min(toSkip, sortSliceRows) : limit - rows.length;
    const slice = source.readSlice(wanted, pageBytes - bytes);
    if (toSkip > 0) {
      toSkip -= slice.rows.length;
    } else {
      for (const row of slice.rows) {
        rows.push(row);
        bytes += row.body.length;
      }
    }
    if (slice.isEnd) return { rows, next: null };
    if (rows.length >= limit || bytes >= pageBytes) break;
    yield;
  }
  const last = rows.at(-1)!;
  const keys = last.value === undefined ? [] : [last.value];
  return { rows, next: encodePageToken({ keys, id: last._id, spool: null }, context.spools.thread) };
}

function toPosition(plan: Plan, token: PageToken | null): Position | null {
  if (token === null) return null;
  const [key] = token.keys;
  return plan.access.type === 'ordered' && key !== undefined ? { id: token.id, key } : { id: token.id };
}

function* readSortedPage(
  context: ReaderContext,
  plan: Plan,
  wanted: number,
  limit: number,
  skip: number,
  token: PageToken | null,
): Generator<void, RowPage, void> {
  const order = toEntryOrder(plan.sort);
  const after = token === null ? null : { keys: token.keys, id: token.id };
  const known = token?.spool === null || token === null ? null : context.spools.get(token.spool, plan.collection.n);
  if (known !== null) return readFromSpool(context, plan, known, token!.spool!, limit, skip, after);
  if (wanted + skip <= topLimit) {
    const { entries, isAll } = yield* collectTop(context, plan, order, wanted + skip, after);
    const page = readEntries(context, plan, entries.slice(skip), limit);
    const isEnd = isAll && page.taken === Math.max(entries.length - skip, 0);
    return { rows: page.rows, next: isEnd ? null : nextToken(context, page.last ?? after, null) };
  }
  const builder = context.spools.build(plan.collection.n, order);
  try {
    for (const source = openSource(context, plan, null); ; ) {
      const slice = source.readSlice(sortSliceRows, sortSliceBytes);
      builder.add(slice.rows.map((row) => toSortEntry(order, row)));
      if (slice.isEnd) break;
      yield;
    }
  } catch (error) {
    builder.discard();
    throw error;
  }
  const spool = builder.finish();
  return readFromSpool(context, plan, spool, context.spools.keep(spool), limit, skip, after);
}

function readFromSpool(
  context: ReaderContext,
  plan: Plan,
  spool: Spool,
  spoolId: number,
  limit: number,
  skip: number,
  after: SortEntry | null,
): RowPage {
  const entries = spool.readAfter(after, skip, limit);
  const page = readEntries(context, plan, entries, limit);
  if (entries.length < limit && page.taken === entries.length) {
    context.spools.drop(spoolId);
    return { rows: page.rows, next: null };
  }
  return { rows: page.rows, next: nextToken(context, page.last ?? after, spoolId) };
}

/** The first `count` entries behind `after`. */
function* collectTop(
  context: ReaderContext,
  plan: Plan,
  order: EntryOrder,
  count: number,
  after: SortEntry | null,
): Generator<void, { entries: readonly SortEntry[]; isAll: boolean }, void> {
  const compare = compareEntries(order);
  let entries: SortEntry[] = [];
  let isAll = true;
  for (const source = openSource(context, plan, null); ; ) {
    const slice = source.readSlice(sortSliceRows, sortSliceBytes);
    for (const row of slice.rows) {
      const entry = toSortEntry(order, row);
      if (after === null || compare(entry, after) > 0) entries.push(entry);
    }
    if (entries.length > 2 * count + sortSliceRows || slice.isEnd) {
      entries.sort(compare);
      if (entries.length > count) isAll = false;
      entries = entries.slice(0, count);
    }
    if (slice.isEnd) return { entries, isAll };
    yield;
  }
}

interface EntryPage {
  readonly rows: readonly SourceRow[];
  readonly taken: number;
  readonly last: SortEntry | null;
}

/** Reads the documents of sorted entries; one that is gone or no longer matches is left out. */
function readEntries(context: ReaderContext, plan: Plan, entries: readonly SortEntry[], limit: number): EntryPage {
  const rows: SourceRow[] = [];
  let bytes = 0;
  let taken = 0;
  const select = context.connection.sql(
    `SELECT _id, seq, revision, expires_at, body FROM d_${plan.collection.n} WHERE _id = ?`,
  );
  for (const entry of entries) {
    if (rows.length >= limit || bytes >= pageBytes) break;
    taken += 1;
    const row = select.get(entry.id) as (SourceRow & { expires_at: number | null }) | undefined;
    if (row === undefined || !isVisible(plan.collection, row.expires_at, context.nowMs)) continue;
    if (!plan.matches(decodeStoredDocument(row._id, row.body))) continue;
    rows.push(row);
    bytes += row.body.length;
  }
  return { rows, taken, last: entries[taken - 1] ?? null };
}

function nextToken(context: ReaderContext, last: SortEntry | null, spool: number | null): string | null {
  return last === null ? null : encodePageToken({ keys: last.keys, id: last.id, spool }, context.spools.thread);
}
