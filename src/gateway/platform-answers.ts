import { parseRestQuery } from 'tackle-sdk/rest-query';
import type { AppRunner } from '../apps/app-runner.ts';
import { isPlainObject } from '../core/json.ts';
import type { RouteMatch } from '../core/routing/route-table.ts';
import type { FindPage, SpaceDocuments } from '../documents/index.ts';
import { type Exchange, noCacheHeaders, writeAppResponse, writeJsonText } from './app-response.ts';
import { type FileRoute, readFileRoute, type StaticFiles } from './static-files.ts';

export interface PlatformAnswersOptions {
  documentsOf(spaceId: string): SpaceDocuments;
  readonly staticFiles: StaticFiles;
}

/** A request that is about to enter the app. */
export interface PlatformQuestion {
  readonly route: RouteMatch;
  /** Index of the auth hook that must allow it; null when a token did. */
  readonly authHook: number | null;
  readonly apiPath: string;
  readonly query: Record<string, string | string[]>;
}

/**
 * Answers a request without entering the app, where the route says that its answer is nothing but documents or a file
 * (`platform-route.ts` of the SDK). Resolves false when only the app can answer: an unknown document, a query that cannot
 * be read, and whatever else has an error text of the app's own. True: it is answered already.
 */
export type PlatformAnswers = (
  exchange: Exchange,
  runner: AppRunner,
  question: PlatformQuestion,
) => Promise<boolean> | true | null;

type CrudRead = { readonly kind: 'crud-read-one' | 'crud-list'; readonly collections: readonly string[] | null };
type Answer = CrudRead | { readonly kind: 'file'; readonly file: FileRoute };

/** What is known of an app's routes and auth hooks, by index. */
interface KnownAnswers {
  readonly routes: readonly (Answer | null)[];
  readonly auths: readonly (Answer | null)[];
}

export function createPlatformAnswers(options: PlatformAnswersOptions): PlatformAnswers {
  const known = new WeakMap<AppRunner, KnownAnswers>();

  function getKnown(runner: AppRunner): KnownAnswers {
    let answers = known.get(runner);
    if (answers === undefined) {
      const { routes, auths, extensions } = runner.manifest;
      answers = { routes: readAll(routes, extensions.routes), auths: readAll(auths, extensions.auths) };
      known.set(runner, answers);
    }
    return answers;
  }

  /** Whether the auth hook is the one of a file route, which passes every name of a known type. */
  function passesAuth({ auths }: KnownAnswers, { authHook, apiPath }: PlatformQuestion): boolean {
    if (authHook === null) return true;
    const hook = auths[authHook];
    return hook?.kind === 'file' && options.staticFiles.isPublic(hook.file, apiPath);
  }

  return function answerByPlatform(exchange, runner, question) {
    const answers = getKnown(runner);
    const { route, apiPath, query } = question;
    const answer = answers.routes[route.index] ?? null;
    if (answer === null || !passesAuth(answers, question)) return null;
    if (answer.kind === 'file') return options.staticFiles.answer(exchange, runner.deployment, answer.file, apiPath);
    const { collection, ID: id } = route.params;
    if (collection === undefined || answer.collections?.includes(collection) === false) return null;
    const documents = options.documentsOf(runner.deployment.spaceId);
    if (answer.kind === 'crud-list') return answerList(exchange, documents, collection, query);
    if (id === undefined) return null;
    const kept = documents.peekOne(collection, id);
    if (kept === undefined) return answerOne(exchange, documents, collection, id);
    writeJsonText(exchange, kept);
    return true;
  };
}

function readAll(keys: readonly string[], described: unknown): readonly (Answer | null)[] {
  return keys.map((key) => (isPlainObject(described) ? readDescription(described[key]) : null));
}

/** From the manifest, which comes out of the sandbox. */
function readDescription(value: unknown): Answer | null {
  if (!isPlainObject(value)) return null;
  const { kind, collections } = value;
  if (kind === 'file') {
    const file = readFileRoute(value);
    return file === null ? null : { kind, file };
  }
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
