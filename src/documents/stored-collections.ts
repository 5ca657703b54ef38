import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { CollectionInfo, CollectionRef } from '../ports/storage/documents.ts';
import { type CommitContext, commitOne } from './commit.ts';
import { requireCollectionName } from './new-document.ts';
import type { CollectionOptions } from './space-documents.ts';

/** How long one step of an index build may hold the writer. */
const buildStepMs = 10;

/** The part of SpaceDocuments that is about collections: settings, schemas, indexes, lists. */
export class StoredCollections<Context extends CommitContext> {
  protected readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  async createCollection(collection: string, options: CollectionOptions = {}): Promise<CollectionInfo> {
    const cap = options.cap === undefined ? undefined : options.cap === null ? null : requireCount(options.cap, 'cap');
    const capDelayMs = options.capdelay === undefined ? undefined : requireCount(options.capdelay, 'capdelay');
    const schema = options.schema === undefined ? undefined : readSchema(options.schema);
    return this.#putCollection(collection, {
      ...(cap === undefined ? {} : { cap }),
      ...(capDelayMs === undefined ? {} : { capDelayMs }),
      ...(schema === undefined ? {} : { schema }),
    });
  }

  async dropCollection(collection: string): Promise<{ dropped: boolean }> {
    const ref = this.ref(collection);
    return this.context.order.write(() => commitOne(this.context, { kind: 'collection.drop', ...ref }));
  }

  async setSchema(collection: string, schema: unknown): Promise<CollectionInfo> {
    return this.#putCollection(collection, { schema: readSchema(schema) });
  }

  async getSchema(collection: string): Promise<Json> {
    return (await this.getCollection(collection))?.schema ?? null;
  }

  async removeSchema(collection: string): Promise<CollectionInfo> {
    return this.#putCollection(collection, { schema: null });
  }

  async capCollection(collection: string, cap: number, capDelayMs?: number): Promise<CollectionInfo> {
    const delay = capDelayMs === undefined ? {} : { capDelayMs: requireCount(capDelayMs, 'capdelay') };
    return this.#putCollection(collection, { cap: requireCount(cap, 'cap'), ...delay });
  }

  async uncapCollection(collection: string): Promise<CollectionInfo> {
    return this.#putCollection(collection, { cap: null });
  }

  async createIndex(
    collection: string,
    field: string | readonly string[],
    onProgress?: (field: string, processed: number) => void,
  ): Promise<CollectionInfo> {
    const ref = this.ref(collection);
    return this.context.order.compound(async () => {
      for (const name of typeof field === 'string' ? [field] : field) {
        const { state } = await commitOne(this.context, { kind: 'index.create', ...ref, field: name });
        let processed = 0;
        for (let done = state === 'ready'; !done; ) {
          const step = await commitOne(this.context, {
            kind: 'index.build',
            ...ref,
            field: name,
            budgetMs: buildStepMs,
          });
          done = step.done;
          processed += step.processed;
          onProgress?.(name, processed);
        }
      }
      return this.#readCollection(ref);
    });
  }

  async removeIndex(collection: string, field: string | readonly string[]): Promise<CollectionInfo | null> {
    const ref = this.ref(collection);
    return this.context.order.compound(async () => {
      for (const name of typeof field === 'string' ? [field] : field) {
        await commitOne(this.context, { kind: 'index.remove', ...ref, field: name });
      }
      return this.context.storage.read({ kind: 'collection.get', ...ref });
    });
  }

  async getCollection(collection: string): Promise<CollectionInfo | null> {
    const ref = this.ref(collection);
    const { storage, order } = this.context;
    return order.read(() => storage.read({ kind: 'collection.get', ...ref }));
  }

  async listCollections(options: { includeSystem?: boolean } = {}): Promise<readonly CollectionInfo[]> {
    const { storage, order, space } = this.context;
    return order.read(() =>
      storage.read({ kind: 'collection.list', space, includeSystem: options.includeSystem ?? false }),
    );
  }

  protected ref(collection: string): CollectionRef {
    return { space: this.context.space, collection: requireCollectionName(collection) };
  }

  async #putCollection(
    collection: string,
    settings: { cap?: number | null; capDelayMs?: number; schema?: JsonObject | null },
  ): Promise<CollectionInfo> {
    const ref = this.ref(collection);
    return this.context.order.compound(async () => {
      await commitOne(this.context, { kind: 'collection.put', ...ref, ...settings });
      return this.#readCollection(ref);
    });
  }

  async #readCollection(ref: CollectionRef): Promise<CollectionInfo> {
    const info = await this.context.storage.read({ kind: 'collection.get', ...ref });
    if (info === null) throw new TackleError('conflict', `"${ref.collection}" was dropped meanwhile`);
    return info;
  }
}

function readSchema(schema: unknown): JsonObject | null {
  if (schema === null) return null;
  if (typeof schema !== 'object' || Array.isArray(schema)) {
    throw new TackleError('invalid_request', 'A schema must be a JSON Schema object');
  }
  return JSON.parse(JSON.stringify(schema)) as JsonObject;
}

function requireCount(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TackleError('invalid_request', `${name} must be a whole number that is not negative`);
}
