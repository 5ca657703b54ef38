import { HttpResponse } from './response.ts';

/** What a stream can be piped to: a response of ours, or anything that has the two methods of a Writable. */
export interface JsonTarget {
  write(chunk: string): unknown;
  end(chunk?: string): unknown;
  once?(event: string, listener: () => void): unknown;
  emit?(event: string, value: unknown): unknown;
}

type TextPages = AsyncIterable<{ text: string; isLast: boolean }>;

/** Writes the pages as one JSON array and ends the target. Before the first byte an error becomes status 500. */
export async function sendJsonPages(target: JsonTarget, getPages: () => TextPages): Promise<void> {
  const response = target instanceof HttpResponse ? target : null;
  let hasWritten = false;
  let separator = '[';
  try {
    for await (const { text, isLast } of getPages()) {
      if (response?.writableEnded === true) return;
      if (!hasWritten && response !== null && !response.hasHeader('content-type')) response.type('application/json');
      // Most answers are one page: then head and body travel together.
      if (isLast) {
        target.end(text === '' && hasWritten ? ']' : `${separator}${text}]`);
        return;
      }
      if (text === '') continue;
      hasWritten = true;
      const chunk = `${separator}${text}`;
      separator = ',\n';
      await (response === null ? writeToStream(target, chunk) : response.writeAndWait(chunk));
    }
    target.end(hasWritten ? ']' : '[]');
  } catch (error) {
    if (response !== null) response.failStream(error);
    else if (typeof target.emit === 'function') target.emit('error', error);
    else throw error;
  }
}

async function writeToStream(target: JsonTarget, chunk: string): Promise<void> {
  if (target.write(chunk) !== false || typeof target.once !== 'function') return;
  await new Promise<void>((resolve) => target.once?.('drain', resolve));
}
