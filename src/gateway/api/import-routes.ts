import type { FastifyInstance } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import type { CollectionParams } from './collection-routes.ts';
import { type ImportFormat, type ImportItem, readImportItems } from './import-items.ts';
import { audit, findSpace, targetOf } from './request-context.ts';
import { boolean, object } from './schemas.ts';
import type { ApiServices } from './services.ts';

const C = '/projects/:project/spaces/:space/collections/:collection';
const MAX_LISTED_ERRORS = 100;
const MAX_ITEM_BYTES = 16 * 1024 * 1024;

interface ImportError {
  readonly line: number;
  readonly message: string;
  readonly code: string;
}

/** Uploads of documents; bodies are streams here, so the routes have a scope of their own. */
export async function registerImportRoutes(parent: FastifyInstance, services: ApiServices): Promise<void> {
  await parent.register(async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

    api.post<{
      Params: CollectionParams;
      Querystring: { continue?: boolean };
      Body: AsyncIterable<Uint8Array> | undefined;
    }>(`${C}/import`, { schema: { querystring: object({ continue: boolean }) } }, async (request) => {
      const { space } = findSpace(request, services);
      const { collection } = request.params;
      const format = formatOf(request.headers['content-type']);
      const chunks = request.body ?? emptyStream();
      const items = readImportItems(chunks, { format, maxItemBytes: MAX_ITEM_BYTES });
      const upload = new ImportRun(items, { continueOnError: request.query.continue ?? false });
      const imported = await upload.run((documents, options) =>
        services.documentsOf(space.id).importDocuments(collection, documents, options),
      );
      const { failed, errors } = upload;
      await audit(request, services, {
        action: 'documents.import',
        target: targetOf(space, collection),
        details: { imported, failed },
      });
      return { imported, failed, errors };
    });
  });
}

type Import = (
  documents: AsyncIterable<unknown>,
  options: { readonly continueOnError: boolean; onError(position: number, error: Error): void },
) => Promise<{ readonly count: number }>;

/** One import: parses items, and gives errors of the storage, which counts documents, the line that they came from. */
class ImportRun {
  failed = 0;
  readonly errors: ImportError[] = [];
  readonly #items: AsyncIterable<ImportItem>;
  readonly #continueOnError: boolean;
  /** From this position on, lines are `offset` ahead of positions; one entry per place where lines were left out. */
  readonly #offsets: { readonly position: number; readonly offset: number }[] = [];
  #parseError: TackleError | null = null;

  constructor(items: AsyncIterable<ImportItem>, options: { readonly continueOnError: boolean }) {
    this.#items = items;
    this.#continueOnError = options.continueOnError;
  }

  /** The number of imported documents. Rejects, with nothing imported, at the first error unless told to continue. */
  async run(importDocuments: Import): Promise<number> {
    let firstError: { readonly position: number; readonly error: Error } | null = null;
    try {
      const { count } = await importDocuments(this.#documents(), {
        continueOnError: this.#continueOnError,
        onError: (position, error) => {
          firstError ??= { position, error };
          if (this.#continueOnError) this.#note(this.#lineOf(position), error);
        },
      });
      return count;
    } catch (error) {
      throw this.#parseError ?? this.#explain(error, firstError);
    }
  }

  async *#documents(): AsyncGenerator<unknown> {
    let position = 0;
    for await (const item of this.#items) {
      let document: unknown;
      try {
        document = JSON.parse(item.text);
      } catch (cause) {
        const error = new TackleError('invalid_json', (cause as Error).message, { cause });
        if (!this.#continueOnError) {
          this.#parseError = refusal(item.line, error);
          throw this.#parseError;
        }
        this.#note(item.line, error);
        continue;
      }
      const offset = item.line - position;
      if (this.#offsets.at(-1)?.offset !== offset) this.#offsets.push({ position, offset });
      position += 1;
      yield document;
    }
  }

  #lineOf(position: number): number {
    const start = this.#offsets.findLast((entry) => entry.position <= position);
    return position + (start?.offset ?? 1);
  }

  #note(line: number, error: Error): void {
    this.failed += 1;
    if (this.errors.length < MAX_LISTED_ERRORS) this.errors.push({ line, ...toPlain(error) });
  }

  #explain(error: unknown, first: { readonly position: number; readonly error: Error } | null): unknown {
    if (first !== null) return refusal(this.#lineOf(first.position), first.error);
    return error;
  }
}

function refusal(line: number, error: Error): TackleError {
  const plain = toPlain(error);
  const code = error instanceof TackleError ? error.code : 'invalid_request';
  return new TackleError(code, `Line ${line}: ${plain.message}. Nothing was imported`, {
    cause: error,
    details: { imported: 0, errors: [{ line, ...plain }] },
  });
}

function toPlain(error: Error): { message: string; code: string } {
  return {
    message: error.message.replace(/\.$/, ''),
    code: error instanceof TackleError ? error.code : 'invalid_request',
  };
}

function formatOf(contentType: string | undefined): ImportFormat {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined || type === 'application/json') return 'json';
  if (type === 'application/x-ndjson' || type === 'application/jsonl' || type === 'application/ndjson') return 'ndjson';
  throw new TackleError('invalid_request', `Send application/json (an array) or application/x-ndjson, not ${type}`);
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
