import type { JsonObject } from '../../../core/json.ts';
import { getFilterId } from '../../../core/query/filter.ts';
import { compileMatcher } from '../../../core/query/match-filter.ts';
import { parseFilter } from '../../../core/query/parse-filter.ts';
import { applyUpdate } from '../../../core/update/apply-update.ts';
import { buildUpsert } from '../../../core/update/build-upsert.ts';
import { parseUpdate } from '../../../core/update/parse-update.ts';
import {
  encodeSingleFilter,
  isObject,
  parseReplaceArguments,
  parseUpdateArguments,
  parseUpdateManyArguments,
  requireDocument,
} from './arguments.ts';
import { createDocumentStream } from './data-stream.ts';
import type { Collection } from './documents.ts';
import type { Host } from './host.ts';
import type { CountResult, FilterParam } from './host-calls.ts';
import { createAppError, createNotFoundError } from './host-error.ts';
import { type StandardSchema, validateDocument } from './standard-schema.ts';

/** How often a write begins again when others changed the document meanwhile. */
const maxTries = 20;

/** Makes of a document what is to be stored; null is a document that does not exist yet. */
type Change = (before: JsonObject | null) => Promise<JsonObject>;

/**
 * The writes of a collection whose documents must fit a schema. The schema is code of the app, so it is checked here: inserts
 * before they are sent; changes by reading, checking what would become of the document, and writing it if nobody else has
 * written it meanwhile.
 */
export class ValidatedCollection {
  readonly #host: Host;
  readonly #name: string;
  readonly #schema: StandardSchema;

  constructor(host: Host, name: string, schema: StandardSchema) {
    this.#host = host;
    this.#name = name;
    this.#schema = schema;
  }

  /** The methods of the collection, those that write replaced. */
  wrap<Methods extends Collection>(methods: Methods): Methods {
    return {
      ...methods,
      insertOne: async (document: unknown) => methods.insertOne(await this.#checkAll(document)),
      updateOne: (query: unknown, update: unknown, fourth?: unknown, fifth?: unknown) =>
        this.#updateOne(query, update, fourth, fifth),
      updateMany: (query: unknown, update: unknown, options?: unknown) => this.#updateMany(query, update, options),
      replaceOne: (query: unknown, document: unknown, options?: unknown) => this.#replaceOne(query, document, options),
      replaceMany: async (query: unknown, document: unknown, options?: unknown) =>
        methods.replaceMany(query, await this.#check(requireDocument(document, 'replaceMany')), options),
    };
  }

  #check(document: Readonly<Record<string, unknown>>): Promise<JsonObject> {
    return validateDocument(this.#schema, document, this.#name) as Promise<JsonObject>;
  }

  #checkAll(given: unknown): Promise<unknown> {
    if (!Array.isArray(given)) return this.#check(requireDocument(given, 'insertOne'));
    return Promise.all(given.map((document) => this.#check(requireDocument(document, 'insertOne'))));
  }

  async #updateOne(query: unknown, update: unknown, fourth: unknown, fifth: unknown): Promise<JsonObject> {
    const filter = encodeSingleFilter(query, 'updateOne');
    if (filter === null) throw createNotFoundError();
    const { update: encoded, upsert } = parseUpdateArguments(update, fourth, fifth, 'updateOne');
    return this.#write(filter, upsert, this.#updating(filter, encoded));
  }

  async #replaceOne(query: unknown, document: unknown, options: unknown): Promise<JsonObject> {
    const filter = encodeSingleFilter(query, 'replaceOne');
    if (filter === null) throw createNotFoundError();
    const { document: replacement, upsert } = parseReplaceArguments(document, options, 'replaceOne');
    const checked = await this.#check(replacement);
    return this.#write(filter, upsert, async (before) => ({ ...checked, _id: before?._id ?? checked._id ?? null }));
  }

  /** One document after the other, as without a schema: each by itself, the whole not. */
  async #updateMany(query: unknown, update: unknown, options: unknown): Promise<CountResult> {
    const { filter, update: encoded, upsert, options: findOptions } = parseUpdateManyArguments(query, update, options);
    const change = this.#updating(filter, encoded);
    let count = 0;
    for await (const { _id } of createDocumentStream(this.#host, this.#name, { filter, options: findOptions })) {
      const one: FilterParam = typeof filter === 'string' ? filter : { $and: [{ _id: _id as string }, filter] };
      const written = await this.#write(one, false, change).catch(ignoreNotFound);
      if (written !== null) count += 1;
    }
    if (count > 0 || !upsert) return { count };
    await this.#write(filter, true, change);
    return { count: 1 };
  }

  #updating(filter: FilterParam, update: JsonObject): Change {
    const parsed = parseUpdate(update);
    return (before) => {
      const now = new Date().toISOString();
      const after =
        before === null ? buildUpsert(parseFilter(filter), parsed, { now }) : applyUpdate(before, parsed, { now });
      return this.#check(before === null ? after : { ...after, _id: before._id });
    };
  }

  async #write(filter: FilterParam, upsert: boolean, change: Change): Promise<JsonObject> {
    const collection = this.#name;
    const parsed = parseFilter(filter);
    const matches = compileMatcher(parsed);
    for (let tries = 0; tries < maxTries; tries += 1) {
      const found = await this.#host.read('documents.findOne', { collection, filter });
      if (found === null) {
        if (!upsert) throw createNotFoundError();
        const inserted = await this.#insert(getFilterId(parsed), change);
        if (inserted !== null) return inserted;
        continue;
      }
      const { document, revision } = await this.#host.read('transaction.read', {
        collection,
        id: found._id as string,
      });
      if (document === null || !matches(document)) continue;
      const after = await change(document);
      if (await this.#commit(document._id as string, revision, after)) return toStored(after, document._id as string);
    }
    throw createAppError(
      `A document of "${collection}" was changed by others each of the ${maxTries} times that this write tried`,
      'conflict',
    );
  }

  /** Null when another one took the id meanwhile. */
  async #insert(filterId: string | null, change: Change): Promise<JsonObject | null> {
    const { _id, ...document } = await change(null);
    const id = filterId ?? (typeof _id === 'string' ? _id : null);
    if (id === null) {
      const [stored] = await this.#host.write('documents.insert', { collection: this.#name, documents: [document] });
      return markUpserted(stored as JsonObject);
    }
    return (await this.#commit(id, null, document)) ? markUpserted(toStored(document, id)) : null;
  }

  async #commit(id: string, revision: number | null, after: JsonObject): Promise<boolean> {
    const { _id, ...document } = after;
    const entry = { collection: this.#name, id, revision, document, isRead: false };
    const { committed } = await this.#host.readThenWrite('transaction.commit', {
      documents: [entry],
      keys: [],
      tasks: [],
      settle: false,
    });
    return committed;
  }
}

/** As it is read back: JSON, its `_id` last. */
function toStored(document: JsonObject, id: string): JsonObject {
  const { _id, ...fields } = JSON.parse(JSON.stringify(document)) as JsonObject;
  return { ...fields, _id: id };
}

function markUpserted(document: JsonObject): JsonObject {
  return Object.defineProperty(document, 'upsertedId', { value: document._id, configurable: true });
}

function ignoreNotFound(error: unknown): null {
  if (isObject(error) && error.code === 'NOT_FOUND') return null;
  throw error;
}
