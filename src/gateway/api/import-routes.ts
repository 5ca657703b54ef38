import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { CollectionParams } from './collection-routes.ts';
import { type ImportFormat, readImportItems } from './import-items.ts';
import { runImport, upsertInto } from './import-run.ts';
import { audit, findSpace, targetOf } from './request-context.ts';
import { boolean, object } from './schemas.ts';
import type { ApiServices } from './services.ts';

const C = '/projects/:project/spaces/:space/collections/:collection';
const MAX_ITEM_BYTES = 16 * 1024 * 1024;

interface ImportRoute {
  Params: CollectionParams;
  Querystring: { continue?: boolean; upsert?: boolean };
  Body: AsyncIterable<Uint8Array> | undefined;
}

/** Uploads of documents; bodies are streams here, so the routes have a scope of their own. */
export async function registerImportRoutes(parent: FastifyInstance, services: ApiServices): Promise<void> {
  await parent.register(async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

    const schema = { querystring: object({ continue: boolean, upsert: boolean }) };
    api.post<ImportRoute>(`${C}/import`, { schema }, async (request) => {
      const { space } = findSpace(request, services);
      const { collection } = request.params;
      const { continue: continueOnError = false, upsert = false } = request.query;
      const documents = services.documentsOf(space.id);
      const format = formatOf(request.headers['content-type']);
      const items = readImportItems(request.body ?? emptyStream(), { format, maxItemBytes: MAX_ITEM_BYTES });
      const outcome = await runImport(
        items,
        upsert
          ? upsertInto(documents, collection)
          : (source, options) => documents.importDocuments(collection, source, options),
        { continueOnError },
      );
      const { imported, failed } = outcome;
      await audit(request, services, {
        action: 'documents.import',
        target: targetOf(space, collection),
        details: { imported, failed },
      });
      return outcome;
    });
  });
}

function formatOf(contentType: string | undefined): ImportFormat {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined || type === 'application/json') return 'json';
  if (type === 'application/x-ndjson' || type === 'application/jsonl' || type === 'application/ndjson') return 'ndjson';
  throw new TackleError('invalid_request', `Send application/json (an array) or application/x-ndjson, not ${type}`);
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
