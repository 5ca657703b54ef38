import type { JsonObject } from '../../core/json.ts';
import type { Filter } from '../../core/query/filter.ts';
import { parseFilter } from '../../core/query/parse-filter.ts';
import { parseSort } from '../../core/query/sort.ts';
import { encodeStoredBody } from '../../core/query/stored-text.ts';
import type { ChangeSource } from '../../ports/storage/changes.ts';
import type { NewDocument } from '../../ports/storage/documents.ts';
import type { Storage } from '../../ports/storage.ts';

/** How the suites get an engine. Each test has a storage of its own, empty. */
export interface StorageHarness {
  readonly name: string;
  open(): Promise<OpenedStorage>;
}

export interface OpenedStorage extends AsyncDisposable {
  readonly storage: Storage & ChangeSource;
  /** Closes the engine and opens it again on the same data. */
  reopen(): Promise<Storage & ChangeSource>;
}

export const testSpace = 'project/space';
export const inSpace = { lane: { lane: 'space', space: testSpace } } as const;
export const asSystem = { lane: { lane: 'system' } } as const;

export function ref(collection = 'things'): { readonly space: string; readonly collection: string } {
  return { space: testSpace, collection };
}

export function newDocument(id: string, fields: JsonObject): NewDocument {
  return { id, body: encodeStoredBody(fields) };
}

export async function insert(
  storage: Storage,
  documents: Readonly<Record<string, JsonObject>>,
  collection?: string,
): Promise<void> {
  await storage.commit(
    [
      {
        kind: 'document.insert',
        ...ref(collection),
        documents: Object.entries(documents).map(([id, fields]) => newDocument(id, fields)),
      },
    ],
    inSpace,
  );
}

export interface FindRequest {
  readonly filter?: unknown;
  readonly sort?: unknown;
  readonly limit?: number;
  readonly skip?: number;
  readonly fields?: Readonly<Record<string, 0 | 1>>;
  readonly collection?: string;
}

/** All pages of a query, parsed. */
export async function findAll(storage: Storage, request: FindRequest = {}): Promise<JsonObject[]> {
  const { pages } = await findPages(storage, request);
  return pages.flat();
}

export async function findPages(
  storage: Storage,
  { filter, sort, limit, skip, fields, collection }: FindRequest,
): Promise<{ pages: JsonObject[][] }> {
  const pages: JsonObject[][] = [];
  const parsed: Filter = parseFilter(filter);
  let rest = limit ?? Number.MAX_SAFE_INTEGER;
  let after: string | undefined;
  do {
    const page = await storage.read({
      kind: 'document.find',
      ...ref(collection),
      filter: parsed,
      sort: parseSort(sort),
      limit: rest,
      ...(fields === undefined ? {} : { fields }),
      ...(after === undefined ? { skip: skip ?? 0 } : { after }),
    });
    pages.push(JSON.parse(page.json) as JsonObject[]);
    rest -= page.count;
    after = page.next ?? undefined;
  } while (after !== undefined && rest > 0);
  return { pages };
}

export async function findIds(storage: Storage, request: FindRequest = {}): Promise<string[]> {
  return (await findAll(storage, request)).map((document) => document._id as string);
}

export async function get(storage: Storage, id: string, collection?: string): Promise<JsonObject | null> {
  const found = await storage.read({ kind: 'document.get', ...ref(collection), id });
  return found === null ? null : (JSON.parse(found.json) as JsonObject);
}

export async function buildIndex(storage: Storage, field: string, collection?: string): Promise<void> {
  await storage.commit([{ kind: 'index.create', ...ref(collection), field }], inSpace);
  for (let done = false; !done; ) {
    const [step] = await storage.commit([{ kind: 'index.build', ...ref(collection), field, budgetMs: 5 }], inSpace);
    done = step.done;
  }
}
