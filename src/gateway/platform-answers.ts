import { parseRestQuery } from 'tackle-sdk/rest-query';
import type { AppRunner } from '../apps/app-runner.ts';
import { isPlainObject } from '../core/json.ts';
import type { RouteMatch } from '../core/routing/route-table.ts';
import type { FindPage, SpaceDocuments } from '../documents/index.ts';
import { type Exchange, noCacheHeaders, writeAppResponse, writeJsonText } from './app-response.ts';

export interface PlatformAnswersOptions {
  documentsOf(spaceId: string): SpaceDocuments;
}

/**
 * Answers a request without entering the app, where the route says that its answer is nothing but documents
 * (`platform-route.ts` of the SDK). Resolves false when only the app can answer: an unknown document, a query that cannot
 * be read, and whatever else has an error text of the app's own.
 */
export type PlatformAnswers = (
  exchange: Exchange,
  runner: AppRunner,
  route: RouteMatch,
  query: Record<string, string | string[]>,
) => Promise<boolean> | null;

type CrudRead = { readonly kind: 'crud-read-one' | 'crud-list'; readonly collections: readonly string[] | null };

export function createPlatformAnswers(options: PlatformAnswersOptions): PlatformAnswers {
  /** Per deployed app: what is known of its routes, by index. */
  const known = new WeakMap<AppRunner, readonly (CrudRead | null)[]>();

  function findRead(runner: AppRunner, route: RouteMatch): CrudRead | null {
    let reads = known.get(runner);
    if (reads === undefined) {
      const described = runner.manifest.extensions.routes;
      reads = runner.manifest.routes.map((key) => (isPlainObject(described) ? readDescription(described[key]) : null));
      known.set(runner, reads);
    }
    return reads[route.index] ?? null;
  }

  return function answerByPlatform(exchange, runner, route, query) {
    const read = findRead(runner, route);
    if (read === null) return null;
    const { collection, ID: id } = route.params;
    if (collection === undefined || read.collections?.includes(collection) === false) return null;
    const documents = options.documentsOf(runner.deployment.spaceId);
    if (read.kind === 'crud-list') return answerList(exchange, documents, collection, query);
    return id === undefined ? null : answerOne(exchange, documents, collection, id);
  };
}

/** From the manifest, which comes out of the sandbox. */
function readDescription(value: unknown): CrudRead | null {
  if (!isPlainObject(value)) return null;
  const { kind, collections } = value;
  if (kind !== 'crud-read-one' && kind !== 'crud-list') return null;
  const names = Array.isArray(collections) ? collections.filter((name) => typeof name === 'string') : null;
  return { kind, collections: names };
}

async function answerOne(
  exchange: Exchange,
  documents: SpaceDocuments,
  collection: string,
  id: string,
): Promise<boolean> {
  const found = await documents.findOneOrNull(collection, id).catch(() => null);
  if (found === null) return false;
  writeJsonText(exchange, found);
  return true;
}

async function answerList(
  exchange: Exchange,
  documents: SpaceDocuments,
  collection: string,
  query: Record<string, string | string[]>,
): Promise<boolean> {
  let first: FindPage;
  let findNext: (next: string) => Promise<FindPage>;
  try {
    const { filter, options } = parseRestQuery(query);
    findNext = (next) => documents.find(collection, filter, options, next);
    first = await documents.find(collection, filter, options);
  } catch {
    return false;
  }
  if (first.next === null) writeJsonText(exchange, first.json);
  else await writePages(exchange, first, findNext);
  return true;
}

const encoder = new TextEncoder();

/** The same bytes as a stream of documents in the app: one array, its pages joined by a comma and a line break. */
async function writePages(
  exchange: Exchange,
  first: FindPage,
  findNext: (next: string) => Promise<FindPage>,
): Promise<void> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield encoder.encode(first.json.slice(0, -1));
    let { next } = first;
    while (next !== null) {
      const page = await findNext(next);
      if (page.count > 0) yield encoder.encode(`,\n${page.json.slice(1, -1)}`);
      next = page.next;
    }
    yield encoder.encode(']');
  }
  await writeAppResponse(exchange, { status: 200, headers: jsonHeaders, body: ReadableStream.from(chunks()) });
}

const jsonHeaders: readonly (readonly [string, string])[] = [
  ['Content-Type', 'application/json'],
  ...Array.from({ length: noCacheHeaders.length / 2 }, (_, index): [string, string] => [
    noCacheHeaders[index * 2] as string,
    noCacheHeaders[index * 2 + 1] as string,
  ]),
];
