import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { eachInParallel } from '../../core/each-in-parallel.ts';
import { TackleError } from '../../core/errors.ts';
import { decideFileAnswer, listFileHeaders } from '../../core/file-answer.ts';
import { compileRegex } from '../../core/query/regex/compile-regex.ts';
import type { FileOwner, FileStoreName, ReadableEntry } from '../../files/app-files.ts';
import type { FileRow } from '../../ports/storage/files.ts';
import { audit, findSpace, type SpaceParams, targetOf } from './request-context.ts';
import { boolean, limit, list, object, oneOf, sha256, text } from './schemas.ts';
import type { ApiServices } from './services.ts';

const S = '/projects/:project/spaces/:space';

interface PathQuery {
  readonly path: string;
  readonly store?: FileStoreName;
}

interface ByteRoute<Query> {
  Params: SpaceParams & { readonly hash: string };
  Querystring: Query;
  Body: AsyncIterable<Uint8Array> | undefined;
}

const path = text({ minLength: 1 });
const store = oneOf('source', 'stored');

/** Files of a space: list, read, write, delete; and the bytes of files that travel with deployments. */
export async function registerFileRoutes(api: FastifyInstance, services: ApiServices): Promise<void> {
  registerListing(api, services);
  registerReading(api, services);
  registerRemoval(api, services);
  api.post<{ Params: SpaceParams; Body: { hashes: string[] } }>(
    `${S}/assets/missing`,
    {
      bodyLimit: 4 * 1024 * 1024,
      schema: { body: object({ hashes: { ...list(sha256), maxItems: 20_000 } }, ['hashes']) },
    },
    async (request) => {
      const { space } = findSpace(request, services);
      return { missing: await services.files.assets.findMissing(space.id, request.body.hashes) };
    },
  );
  await api.register(async (uploads) => registerUploads(uploads, services));
}

function registerListing(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: { path: string; store: FileStoreName; recursive: boolean; limit: number } }>(
    `${S}/files`,
    {
      schema: {
        querystring: object({
          path: text({ default: '/' }),
          store: { ...store, default: 'stored' },
          recursive: { ...boolean, default: false },
          limit: limit(10_000, 100_000),
        }),
      },
    },
    async (request) => {
      const { query } = request;
      const owner = ownerOf(request, services);
      // One more than wanted tells whether there are more.
      const entries = await services.files.appFiles.list(owner, query.store, query.path, {
        recursive: query.recursive,
        limit: query.limit + 1,
      });
      return { files: entries.slice(0, query.limit).map(viewEntry), truncated: entries.length > query.limit };
    },
  );
}

function registerReading(api: FastifyInstance, services: ApiServices): void {
  api.get<{ Querystring: PathQuery }>(
    `${S}/files/content`,
    { schema: { querystring: object({ path, store }, ['path']) }, exposeHeadRoute: true },
    async (request, reply) => {
      const owner = ownerOf(request, services);
      const { query } = request;
      const file = await services.files.appFiles.find(owner, query.store ?? 'stored', query.path);
      if (file === null) throw noFile(query.path);
      const answer = decideFileAnswer(request, file);
      const headers = listFileHeaders(file, answer);
      for (let index = 0; index < headers.length; index += 2) reply.header(headers[index]!, headers[index + 1]);
      // What an app or a visitor stored must not run as a page of ours.
      reply.headers({ 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' });
      reply.code(answer.status);
      if (answer.status !== 200 && answer.status !== 206) return reply.send();
      return reply.send(services.files.blobs.openRead(file.hash, answer.range ?? undefined));
    },
  );
}

interface RemovalQuery {
  readonly path?: string;
  readonly match?: string;
  readonly dryRun: boolean;
  readonly limit: number;
  readonly after?: string;
}

/** Removals that wait for the disk together. */
const parallelRemovals = 32;

function registerRemoval(api: FastifyInstance, services: ApiServices): void {
  api.delete<{ Querystring: RemovalQuery }>(
    `${S}/files`,
    {
      schema: {
        querystring: object({
          path,
          match: text({ minLength: 1 }),
          dryRun: { ...boolean, default: false },
          limit: limit(1_000, 10_000),
          after: path,
        }),
      },
    },
    async (request) => {
      const { space } = findSpace(request, services);
      const { path: one, match, dryRun } = request.query;
      if ((one === undefined) === (match === undefined)) {
        throw new TackleError('invalid_request', 'Give either the path of a file, or a regular expression as match.');
      }
      const { files } = services.files;
      if (one !== undefined && (await files.find(space.id, one)) === null) throw noFile(one);
      const { paths, next } =
        match === undefined
          ? { paths: [one as string], next: null }
          : await findMatching(services, space.id, request.query);
      if (dryRun) return { deleted: paths, next, dryRun };
      await eachInParallel(paths, parallelRemovals, (each) => files.remove(space.id, each));
      const details = { match: match ?? null, paths: paths.slice(0, 100), count: paths.length };
      await audit(request, services, { action: 'files.remove', target: targetOf(space, 'files'), details });
      return { deleted: paths, next, dryRun };
    },
  );
}

/** Bodies are bytes here, whatever their type says, and they are streamed. */
function registerUploads(api: FastifyInstance, services: ApiServices): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

  api.put<ByteRoute<{ path: string }>>(
    `${S}/files/content`,
    { schema: { querystring: object({ path }, ['path']) } },
    async (request, reply) => {
      const { space } = findSpace(request, services);
      const source = request.body ?? emptyStream();
      const file = await services.files.files.save(space.id, request.query.path, source, { origin: 'upload' });
      await audit(request, services, {
        action: 'file.put',
        target: targetOf(space, 'files', file.path),
        details: { bytes: file.sizeBytes, sha256: file.hash },
      });
      return reply.code(201).send(viewEntry({ kind: 'file', ...file }));
    },
  );

  api.put<ByteRoute<object>>(`${S}/assets/:hash`, async (request, reply: FastifyReply) => {
    const { space } = findSpace(request, services);
    const { hash } = request.params;
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new TackleError('invalid_request', 'The last part must be a SHA-256.');
    const { sizeBytes } = await services.files.assets.put(space.id, hash, request.body ?? emptyStream());
    return reply.code(201).send({ hash, bytes: sizeBytes });
  });
}

/** The live version of the space's app, whose assets `store=source` shows. */
function ownerOf(request: FastifyRequest, services: ApiServices): FileOwner {
  const { space } = findSpace(request, services);
  return services.apps.live(space.id)?.deployment ?? { spaceId: space.id, assetsHash: null, createdAt: 0 };
}

/** At most `limit` files behind the path `after`; `next` is where to go on, null at the end. */
async function findMatching(
  services: ApiServices,
  spaceId: string,
  { match = '', limit: most, after }: RemovalQuery,
): Promise<{ readonly paths: readonly string[]; readonly next: string | null }> {
  // Bounded in steps, because it runs on the thread that serves everybody.
  const pattern = compileRegex(match, '');
  const paths: string[] = [];
  const options = { recursive: true, ...(after === undefined ? {} : { after }) };
  for await (const entry of services.files.files.list(spaceId, '/', options)) {
    if (entry.kind !== 'file' || !pattern.test(entry.path)) continue;
    if (paths.length === most) return { paths, next: paths.at(-1) ?? null };
    paths.push(entry.path);
  }
  return { paths, next: null };
}

export function viewEntry(entry: ReadableEntry | ({ readonly kind: 'file' } & FileRow)) {
  const isDirectory = entry.kind === 'directory';
  const at = isDirectory ? entry.path.slice(0, -1) : entry.path;
  return {
    name: at.slice(at.lastIndexOf('/') + 1),
    path: at,
    isDirectory,
    size: isDirectory ? 0 : entry.sizeBytes,
    lastModified: new Date(entry.modifiedAtMs).toISOString(),
    contentType: isDirectory ? null : entry.contentType,
    sha256: isDirectory ? null : entry.hash,
    origin: isDirectory ? null : entry.origin,
  };
}

function noFile(name: string): TackleError {
  return new TackleError('not_found', `There is no file ${name.slice(0, 200)}.`);
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
