import { Readable } from 'node:stream';
import type { FindPage } from '../../documents/index.ts';

/** One JSON array, or one document per line. */
export type ListFormat = 'json' | 'ndjson';

/**
 * Pages as one stream, each read only when the one before was taken. The first page is awaited, so that a query that
 * is not valid is still an error answer; a later failure cuts the stream off and is told to
 * `onError`.
 */
export async function streamPages(
  pages: AsyncIterable<FindPage>,
  { format, onError }: { readonly format: ListFormat; onError(error: unknown): void },
): Promise<Readable> {
  const iterator = pages[Symbol.asyncIterator]();
  const first = await iterator.next();
  const stream = Readable.from(joinPages(first, iterator, format), { objectMode: false });
  // The head is out by then, so nobody else reports it.
  return stream.on('error', onError);
}

async function* joinPages(
  first: IteratorResult<FindPage>,
  iterator: AsyncIterator<FindPage>,
  format: ListFormat,
): AsyncGenerator<string> {
  let isEmpty = true;
  try {
    if (format === 'json') yield '[';
    for (let result = first; result.done !== true; result = await iterator.next()) {
      const { json, count } = result.value;
      if (count === 0) continue;
      yield format === 'json' ? `${isEmpty ? '' : ',\n'}${json.slice(1, -1)}` : toLines(json);
      isEmpty = false;
    }
    if (format === 'json') yield ']\n';
  } finally {
    await iterator.return?.();
  }
}

function toLines(json: string): string {
  const items = JSON.parse(json) as unknown[];
  return `${items.map((item) => JSON.stringify(item)).join('\n')}\n`;
}
