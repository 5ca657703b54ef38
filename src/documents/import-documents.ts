import { randomInt } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { CollectionRef, NewDocument } from '../ports/storage/documents.ts';
import { commitOne } from './commit.ts';
import { prepareDocument } from './new-document.ts';
import type { ImportOptions, ImportResult } from './space-documents.ts';
import type { StoredDocumentsContext } from './stored-documents.ts';

const chunkDocuments = 200;
const chunkBytes = 1_000_000;

interface Positioned {
  readonly document: NewDocument;
  readonly position: number;
}

/**
 * Imports in chunks that are invisible until the last one is in; one flag shows them all. Whatever goes wrong before, nothing
 * is there. With `continueOnError`, what fails is reported and left out.
 */
export async function importDocuments(
  context: StoredDocumentsContext,
  ref: CollectionRef,
  documents: Iterable<unknown> | AsyncIterable<unknown>,
  options: ImportOptions,
): Promise<ImportResult> {
  return inStage(context, ref, async (stage) => {
    const importer = new Importer(context, ref, stage, options);
    await importer.addAll(documents);
  });
}

/** Inserts many documents at once, in commits that are short. */
export async function insertStaged(
  context: StoredDocumentsContext,
  ref: CollectionRef,
  documents: readonly NewDocument[],
): Promise<ImportResult> {
  return inStage(context, ref, async (stage) => {
    for (let start = 0; start < documents.length; start += chunkDocuments) {
      const chunk = documents.slice(start, start + chunkDocuments);
      await commitOne(context, { kind: 'document.insert', ...ref, documents: chunk, stage });
    }
  });
}

/** Shows what was inserted under the stage when all went well, and throws it away otherwise. */
async function inStage(
  context: StoredDocumentsContext,
  ref: CollectionRef,
  insert: (stage: number) => Promise<void>,
): Promise<ImportResult> {
  const stage = randomInt(1, 2 ** 47);
  try {
    await insert(stage);
  } catch (error) {
    await commitOne(context, { kind: 'document.publish', ...ref, stage, discard: true });
    throw error;
  }
  return commitOne(context, { kind: 'document.publish', ...ref, stage });
}

class Importer {
  readonly #context: StoredDocumentsContext;
  readonly #ref: CollectionRef;
  readonly #stage: number;
  readonly #options: ImportOptions;
  #chunk: Positioned[] = [];
  #bytes = 0;

  constructor(context: StoredDocumentsContext, ref: CollectionRef, stage: number, options: ImportOptions) {
    this.#context = context;
    this.#ref = ref;
    this.#stage = stage;
    this.#options = options;
  }

  async addAll(documents: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    let position = 0;
    for await (const input of documents) {
      this.#add(input, position);
      position += 1;
      if (this.#chunk.length >= chunkDocuments || this.#bytes >= chunkBytes) await this.#flush();
    }
    await this.#flush();
  }

  #add(input: unknown, position: number): void {
    try {
      const { now, createId } = this.#context;
      const { id, body, expiresAtMs } = prepareDocument(input, { nowMs: now(), createId });
      if (expiresAtMs !== undefined) {
        throw new TackleError(
          'invalid_request',
          '_ttl is not supported in an import: its rows become visible together',
        );
      }
      this.#chunk.push({ document: { id, body }, position });
      this.#bytes += body.length;
    } catch (error) {
      this.#fail(position, error as Error);
    }
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk;
    this.#chunk = [];
    this.#bytes = 0;
    if (chunk.length === 0) return;
    try {
      await this.#insert(chunk);
    } catch (error) {
      if (!isFaultOfDocument(error)) throw error;
      // One of them is at fault; one by one they tell which.
      for (const one of chunk) await this.#insertAlone(one);
    }
  }

  async #insertAlone(one: Positioned): Promise<void> {
    try {
      await this.#insert([one]);
    } catch (error) {
      if (!isFaultOfDocument(error)) throw error;
      this.#fail(one.position, error as Error);
    }
  }

  async #insert(chunk: readonly Positioned[]): Promise<void> {
    const documents = chunk.map(({ document }) => document);
    await commitOne(this.#context, { kind: 'document.insert', ...this.#ref, documents, stage: this.#stage });
  }

  #fail(position: number, error: Error): void {
    if (this.#options.continueOnError === true) {
      this.#options.onError?.(position, error);
      return;
    }
    const code = error instanceof TackleError ? error.code : 'invalid_request';
    const details = error instanceof TackleError ? error.details : undefined;
    throw new TackleError(code, `Document ${position + 1}: ${error.message}`, {
      details: { ...(typeof details === 'object' ? details : {}), position },
      cause: error,
    });
  }
}

function isFaultOfDocument(error: unknown): boolean {
  const codes = ['schema_violation', 'duplicate_id', 'invalid_request', 'payload_too_large'];
  return error instanceof TackleError && codes.includes(error.code);
}
