import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';
import type { SpaceDocuments } from '../../documents/index.ts';
import type { ImportItem } from './import-items.ts';

export interface ImportError {
  readonly line: number;
  readonly message: string;
  readonly code: string;
}

export interface ImportOutcome {
  readonly imported: number;
  readonly failed: number;
  /** The first hundred. */
  readonly errors: readonly ImportError[];
}

interface WriteOptions {
  readonly continueOnError: boolean;
  /** `position` counts the documents, from 0. */
  onError(position: number, error: Error): void;
}

/** Writes documents, by `SpaceDocuments.importDocuments` or one by one; rejects at the first error unless told to continue. */
export type WriteDocuments = (
  documents: AsyncIterable<unknown>,
  options: WriteOptions,
) => Promise<{ readonly count: number }>;

/** What had been written when an import that is not all or nothing stopped. */
class StoppedAfter extends Error {
  readonly count: number;

  constructor(count: number, cause: unknown) {
    super('The import stopped', { cause });
    this.count = count;
  }
}

const MAX_LISTED_ERRORS = 100;
const UPSERTS_UNDER_WAY = 64;

/**
 * Parses items, hands them to `write`, and gives every error the line that it came from. Rejects at the first error,
 * with `details: {imported, errors}`, unless told to continue.
 */
export async function runImport(
  items: AsyncIterable<ImportItem>,
  write: WriteDocuments,
  { continueOnError }: { readonly continueOnError: boolean },
): Promise<ImportOutcome> {
  const lines = new LineNumbers();
  const errors: ImportError[] = [];
  let failed = 0;
  let stoppedBy: { readonly line: number; readonly error: Error } | null = null;

  const note = (line: number, error: Error) => {
    stoppedBy ??= { line, error };
    failed += 1;
    if (errors.length < MAX_LISTED_ERRORS) errors.push({ line, ...toPlain(error) });
  };

  async function* parse(): AsyncGenerator<unknown> {
    for await (const { line, text } of items) {
      try {
        const document: unknown = JSON.parse(text);
        lines.add(line);
        yield document;
      } catch (cause) {
        const error = new TackleError('invalid_json', (cause as Error).message, { cause });
        note(line, error);
        if (!continueOnError) throw error;
      }
    }
  }

  try {
    const onError = (position: number, error: Error) => note(lines.of(position), error);
    const { count } = await write(parse(), { continueOnError, onError });
    return { imported: count, failed, errors };
  } catch (error) {
    const imported = error instanceof StoppedAfter ? error.count : 0;
    const position = readPosition(error);
    if (position !== null) note(lines.of(position), causeOf(error as Error));
    // TypeScript does not see that the callbacks assign it.
    const first = stoppedBy as { readonly line: number; readonly error: Error } | null;
    if (first !== null) throw refusal(first.line, first.error, imported);
    throw error instanceof StoppedAfter ? error.cause : error;
  }
}

/** Replaces documents whose `_id` exists and inserts the others, each by itself, some at a time. */
export function upsertInto(documents: SpaceDocuments, collection: string): WriteDocuments {
  return async (source, { continueOnError, onError }) => {
    const underWay = new Set<Promise<void>>();
    let count = 0;
    let stop: { readonly error: unknown } | null = null;

    const write = async (position: number, document: unknown) => {
      try {
        await upsertOne(documents, collection, document);
        count += 1;
      } catch (error) {
        onError(position, error as Error);
        if (!continueOnError) stop ??= { error };
      }
    };

    let position = 0;
    try {
      for await (const document of source) {
        if (stop !== null) break;
        const writing = write(position++, document).finally(() => underWay.delete(writing));
        underWay.add(writing);
        if (underWay.size >= UPSERTS_UNDER_WAY) await Promise.race(underWay);
      }
    } catch (error) {
      stop ??= { error };
    }
    await Promise.all(underWay);
    // TypeScript does not see that the callback assigns it.
    const stopped = stop as { readonly error: unknown } | null;
    if (stopped !== null) throw new StoppedAfter(count, stopped.error);
    return { count };
  };
}

async function upsertOne(documents: SpaceDocuments, collection: string, document: unknown): Promise<void> {
  if (!isPlainObject(document)) throw new TackleError('invalid_request', 'A document must be a JSON object');
  const id = document._id;
  if (typeof id !== 'string') await documents.insertOne(collection, document);
  else await documents.replaceOne(collection, id, document, { upsert: true });
}

/** Finds the line of a document by its position; remembers only where the distance between the two changes. */
class LineNumbers {
  readonly #offsets: { readonly position: number; readonly offset: number }[] = [];
  #count = 0;

  add(line: number): void {
    const offset = line - this.#count;
    if (this.#offsets.at(-1)?.offset !== offset) this.#offsets.push({ position: this.#count, offset });
    this.#count += 1;
  }

  of(position: number): number {
    const start = this.#offsets.findLast((entry) => entry.position <= position);
    return position + (start?.offset ?? 1);
  }
}

/** `SpaceDocuments.importDocuments` says which document stopped it in `details.position`. */
function readPosition(error: unknown): number | null {
  const details = error instanceof TackleError ? error.details : null;
  return isPlainObject(details) && typeof details.position === 'number' ? details.position : null;
}

function causeOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error;
}

function refusal(line: number, error: Error, imported: number): TackleError {
  const plain = toPlain(error);
  const code = error instanceof TackleError ? error.code : 'invalid_request';
  const outcome = imported === 0 ? 'Nothing was imported' : `${imported} documents were written before`;
  return new TackleError(code, `Line ${line}: ${plain.message}. ${outcome}`, {
    cause: error,
    details: { imported, errors: [{ line, ...plain }] },
  });
}

function toPlain(error: Error): { message: string; code: string } {
  const code = error instanceof TackleError ? error.code : 'invalid_request';
  return { message: error.message.replace(/\.$/, ''), code };
}
