import { TackleError } from '../core/errors.ts';
import { readFindCall, readUpdateManyCall, readUpdateOneCall } from '../core/query/call-arguments.ts';
import { type Filter, getFilterId } from '../core/query/filter.ts';
import { parseFindOptions } from '../core/query/find-options.ts';
import { parseFilter } from '../core/query/parse-filter.ts';
import { parseUpdate } from '../core/update/parse-update.ts';
import type { CollectionRef, DocumentChange, NewDocument, StoredDocument } from '../ports/storage/documents.ts';
import { type CommitContext, commitOne } from './commit.ts';
import { findPage } from './find-page.ts';
import { importDocuments, insertStaged } from './import-documents.ts';
import { prepareBody, prepareDocument, requireId } from './new-document.ts';
import type {
  FindPage,
  ImportOptions,
  ImportResult,
  JsonText,
  Selector,
  SpaceDocuments,
  WrittenDocument,
} from './space-documents.ts';
import { StoredCollections } from './stored-collections.ts';
import { selectById, type TargetSelection, writeEach, writeFirst } from './targets.ts';
import { noOrder } from './write-order.ts';

/** What all spaces of a gateway share, and what belongs to this one. */
export interface StoredDocumentsContext extends CommitContext {
  readonly now: () => number;
  readonly createId: () => string;
  /** Upserts by filter that are under way: the same one again must see what the first one inserted. */
  readonly upserts: Map<string, Promise<unknown>>;
}

/** How long a chunk of a set operation may hold the writer. */
const chunkBudgetMs = 10;
/** A commit of more documents would hold the writer too long. */
const documentsPerCommit = 1_000;

type WriteOutcome = { count: number; processed: number; stale: readonly string[]; document: StoredDocument | null };

/** The documents of one space: SpaceDocuments over the storage port. */
export class StoredDocuments extends StoredCollections<StoredDocumentsContext> implements SpaceDocuments {
  async getOne(collection: string, selector: Selector): Promise<JsonText> {
    const found = await this.findOneOrNull(collection, selector);
    if (found === null) throw notFound(collection);
    return found;
  }

  async findOneOrNull(collection: string, selector: Selector): Promise<JsonText | null> {
    const ref = this.ref(collection);
    const filter = parseFilter(selector);
    const { storage, order } = this.context;
    const byId = selectById(filter);
    if (byId !== null && byId.filter === undefined) {
      const document = await order.read(() => storage.read({ kind: 'document.get', ...ref, id: byId.id }));
      return document?.json ?? null;
    }
    const page = await order.read(() => storage.read({ kind: 'document.find', ...ref, filter, limit: 1 }));
    return page.count === 0 ? null : page.json.slice(1, -1);
  }

  peekOne(collection: string, id: string): JsonText | undefined {
    const { storage, space, order } = this.context;
    // Where writes are ordered, those before it may still be on their way.
    if (order !== noOrder) return undefined;
    return storage.readKept?.({ kind: 'document.get', space, collection, id })?.json;
  }

  async find(collection: string, query?: unknown, options?: unknown, next?: string | null): Promise<FindPage> {
    const ref = this.ref(collection);
    const { storage, order } = this.context;
    return order.read(() => findPage(storage, ref, readFindCall(query, options), next ?? null));
  }

  async *pages(collection: string, query?: unknown, options?: unknown): AsyncIterable<FindPage> {
    let next: string | null = null;
    do {
      const page: FindPage = await this.find(collection, query, options, next);
      yield page;
      next = page.next;
    } while (next !== null);
  }

  async count(collection: string, query?: unknown): Promise<{ count: number }> {
    const ref = this.ref(collection);
    const filter = parseFilter(query);
    const { storage, order } = this.context;
    return order.read(() => storage.read({ kind: 'document.count', ...ref, filter }));
  }

  async insertOne(collection: string, document: unknown): Promise<JsonText> {
    const ref = this.ref(collection);
    const { now, createId } = this.context;
    const prepareOptions = { nowMs: now(), createId };
    const many = Array.isArray(document);
    const prepared = (many ? (document as unknown[]) : [document]).map((one) => prepareDocument(one, prepareOptions));
    if (prepared.length === 0) return '[]';
    await this.#insert(
      ref,
      prepared.map(({ json: _, ...rest }) => rest),
    );
    return many ? `[${prepared.map(({ json }) => json).join(',')}]` : prepared[0]!.json;
  }

  async updateOne(
    collection: string,
    selector: Selector,
    update: unknown,
    operators?: unknown,
    options?: unknown,
  ): Promise<WrittenDocument> {
    const { updates, upsert } = readUpdateOneCall(update, operators, options);
    const change: DocumentChange = { type: 'update', updates: updates.map((one) => parseUpdate(one)) };
    return this.#writeOne(collection, parseFilter(selector), change, upsert);
  }

  async replaceOne(
    collection: string,
    selector: Selector,
    document: unknown,
    options?: unknown,
  ): Promise<WrittenDocument> {
    const { upsert } = readUpdateOneCall(document, options);
    return this.#writeOne(collection, parseFilter(selector), { type: 'replace', body: prepareBody(document) }, upsert);
  }

  async updateMany(collection: string, query: unknown, update: unknown, options?: unknown): Promise<{ count: number }> {
    const call = readUpdateManyCall(query, update, options);
    const { updates, upsert } = readUpdateOneCall(call.update, call.options);
    const change: DocumentChange = { type: 'update', updates: updates.map((one) => parseUpdate(one)) };
    const filter = parseFilter(call.filter);
    const result = await this.#writeMany(collection, filter, change, call.options);
    if (result.count > 0 || !upsert) return result;
    await this.#writeOne(collection, filter, change, true);
    return { count: 1 };
  }

  async replaceMany(
    collection: string,
    query: unknown,
    document: unknown,
    options?: unknown,
  ): Promise<{ count: number }> {
    const change: DocumentChange = { type: 'replace', body: prepareBody(document) };
    return this.#writeMany(collection, parseFilter(query), change, options);
  }

  async removeOne(collection: string, selector: Selector): Promise<{ _id: string }> {
    const ref = this.ref(collection);
    const filter = parseFilter(selector);
    const { storage, order } = this.context;
    const remove = (selection: TargetSelection) =>
      commitOne(this.context, { kind: 'document.remove', ...ref, ...selection, mode: 'first' });
    const byId = selectById(filter);
    const removed =
      byId === null
        ? await order.compound(() => writeFirst(storage, ref, filter, remove))
        : await order.write(() => remove(toTargets(byId)));
    if (removed === null || removed.id === null) throw notFound(collection);
    return { _id: removed.id };
  }

  async removeMany(collection: string, query: unknown, options?: unknown): Promise<{ count: number }> {
    const ref = this.ref(collection);
    const filter = parseFilter(query);
    const { storage, order } = this.context;
    const remove = (selection: TargetSelection) =>
      commitOne(this.context, {
        kind: 'document.remove',
        ...ref,
        ...selection,
        mode: 'each',
        budgetMs: chunkBudgetMs,
      });
    const limit = readManyLimit(options);
    return { count: await order.compound(() => writeEach(storage, ref, filter, limit, remove)) };
  }

  async importDocuments(
    collection: string,
    documents: Iterable<unknown> | AsyncIterable<unknown>,
    options: ImportOptions = {},
  ): Promise<ImportResult> {
    const ref = this.ref(collection);
    return this.context.order.compound(() => importDocuments(this.context, ref, documents, options));
  }

  /** In one commit; what is too much for one is staged in several and shown at once, unless it expires row by row. */
  async #insert(ref: CollectionRef, documents: readonly NewDocument[]): Promise<void> {
    const { order } = this.context;
    const isLarge =
      documents.length > documentsPerCommit && documents.every(({ expiresAtMs }) => expiresAtMs === undefined);
    if (isLarge) await order.compound(() => insertStaged(this.context, ref, documents));
    else await order.write(() => commitOne(this.context, { kind: 'document.insert', ...ref, documents }));
  }

  async #writeOne(
    collection: string,
    filter: Filter,
    change: DocumentChange,
    upsert: boolean,
  ): Promise<WrittenDocument> {
    const ref = this.ref(collection);
    const { order, createId } = this.context;
    const upsertId = upsert ? (getFilterId(filter) ?? getPatchId(change) ?? createId()) : null;
    if (upsertId !== null) requireId(upsertId);
    const write = (selection: TargetSelection, canInsert: boolean) =>
      commitOne(this.context, {
        kind: 'document.write',
        ...ref,
        ...selection,
        change,
        mode: 'first',
        ...(canInsert && upsertId !== null ? { upsert: { id: upsertId, filter } } : {}),
      });
    const byId = selectById(filter);
    const written =
      byId === null
        ? await order.compound(() => this.#writeByFilter(ref, filter, upsert, write))
        : await order.write(() => write(toTargets(byId), true));
    if (written?.document) return { ...toWritten(written.document), upserted: written.upserted };
    // An upsert whose filter fixes `_id` finds the document there, but the rest of the filter does not match it.
    if (upsert) throw duplicateUpsert(collection, upsertId!);
    throw notFound(collection);
  }

  async #writeByFilter(
    ref: CollectionRef,
    filter: Filter,
    upsert: boolean,
    write: (selection: TargetSelection, canInsert: boolean) => Promise<WriteOutcome & { readonly upserted: boolean }>,
  ): Promise<(WriteOutcome & { readonly upserted: boolean }) | null> {
    const { storage } = this.context;
    const update = () => writeFirst(storage, ref, filter, (selection) => write(selection, false));
    if (!upsert) return update();
    return this.#oneAtATime(
      JSON.stringify([ref, filter]),
      async () => (await update()) ?? write({ targets: [] }, true),
    );
  }

  /** Upserts by the same filter go one after the other: else all of them would find nothing, and all would insert. */
  async #oneAtATime<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const { upserts } = this.context;
    const before = upserts.get(key) ?? Promise.resolve();
    const result = before.then(work);
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    upserts.set(key, settled);
    try {
      return await result;
    } finally {
      if (upserts.get(key) === settled) upserts.delete(key);
    }
  }

  async #writeMany(
    collection: string,
    filter: Filter,
    change: DocumentChange,
    options: unknown,
  ): Promise<{ count: number }> {
    const ref = this.ref(collection);
    const { storage, order } = this.context;
    const write = (selection: TargetSelection) =>
      commitOne(this.context, {
        kind: 'document.write',
        ...ref,
        ...selection,
        change,
        mode: 'each',
        budgetMs: chunkBudgetMs,
      });
    const limit = readManyLimit(options);
    return { count: await order.compound(() => writeEach(storage, ref, filter, limit, write)) };
  }
}

function toTargets({ targets, filter }: TargetSelection): TargetSelection {
  return filter === undefined ? { targets } : { targets, filter };
}

function toWritten({ id, json }: StoredDocument): { id: string; json: JsonText } {
  return { id, json };
}

/** The `_id` that a patch or a replacement asks for; only an upsert uses it. */
function getPatchId(change: DocumentChange): string | null {
  if (change.type !== 'update') return null;
  const [update] = change.updates;
  const id = update?.kind === 'patch' ? update.patch._id : undefined;
  return typeof id === 'string' ? id : null;
}

/** The text is the one of the live platform, which apps compare with. */
function notFound(collection: string): TackleError {
  return new TackleError('not_found', '5 NOT_FOUND: Not found', { details: { collection } });
}

function duplicateUpsert(collection: string, id: string): TackleError {
  return new TackleError(
    'duplicate_id',
    `"${collection}" already has a document with the _id "${id}", and it does not match the filter of the upsert`,
    { details: { _id: id } },
  );
}

/** Set operations take their limit from the options or their hints, as finds do. */
function readManyLimit(options: unknown): number {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return Number.POSITIVE_INFINITY;
  const { limit, hints } = options as { limit?: unknown; hints?: unknown };
  return parseFindOptions({ limit, hints }).limit ?? Number.POSITIVE_INFINITY;
}
