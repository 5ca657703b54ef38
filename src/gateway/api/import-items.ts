import { TackleError } from '../../core/errors.ts';

export type ImportFormat = 'json' | 'ndjson';

/** One document of an upload as text. `line` counts lines (NDJSON) or items of the array (JSON), from 1. */
export interface ImportItem {
  readonly line: number;
  readonly text: string;
}

/**
 * Cuts an upload into its documents without holding more than one of them. Throws `invalid_json` when the whole is not
 * what it should be (no array, cut off, not UTF-8), and `payload_too_large` for a document that is too long; a document
 * that is not valid JSON in itself is for the caller to find.
 */
export async function* readImportItems(
  chunks: AsyncIterable<Uint8Array>,
  { format, maxItemBytes }: { readonly format: ImportFormat; readonly maxItemBytes: number },
): AsyncGenerator<ImportItem> {
  const splitter = format === 'json' ? new ArraySplitter(maxItemBytes) : new LineSplitter(maxItemBytes);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  for await (const chunk of chunks) yield* splitter.push(decode(decoder, chunk));
  yield* splitter.push(decode(decoder, undefined));
  yield* splitter.end();
}

interface Splitter {
  push(text: string): Iterable<ImportItem>;
  end(): Iterable<ImportItem>;
}

class LineSplitter implements Splitter {
  readonly #maxItemBytes: number;
  #rest = '';
  #line = 0;

  constructor(maxItemBytes: number) {
    this.#maxItemBytes = maxItemBytes;
  }

  *push(text: string): Iterable<ImportItem> {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      yield* this.#finishLine(this.#rest + text.slice(start, end));
      this.#rest = '';
      start = end + 1;
    }
    this.#rest += text.slice(start);
    checkLength(this.#rest, this.#line + 1, this.#maxItemBytes);
  }

  *end(): Iterable<ImportItem> {
    yield* this.#finishLine(this.#rest);
  }

  *#finishLine(text: string): Iterable<ImportItem> {
    this.#line += 1;
    checkLength(text, this.#line, this.#maxItemBytes);
    if (text.trim() !== '') yield { line: this.#line, text };
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Finds the commas between the items of the outermost array by counting brackets outside of strings. */
class ArraySplitter implements Splitter {
  readonly #maxItemBytes: number;
  #state: 'before' | 'inside' | 'after' = 'before';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #item = '';
  #count = 0;

  constructor(maxItemBytes: number) {
    this.#maxItemBytes = maxItemBytes;
  }

  *push(text: string): Iterable<ImportItem> {
    let start = this.#state === 'inside' ? 0 : this.#enter(text);
    if (this.#state !== 'inside') return;
    for (let index = start; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (this.#isInString) {
        this.#scanString(code);
      } else if (code === QUOTE) {
        this.#isInString = true;
      } else if (OPENING.has(code)) {
        this.#depth += 1;
      } else if (CLOSING.has(code) && this.#depth > 0) {
        this.#depth -= 1;
      } else if (this.#depth === 0 && (code === COMMA || CLOSING.has(code))) {
        this.#item += text.slice(start, index);
        start = index + 1;
        yield* this.#finishItem(code === COMMA);
        if (code === COMMA) continue;
        this.#state = 'after';
        this.#enter(text.slice(start));
        return;
      }
    }
    this.#item += text.slice(start);
    checkLength(this.#item, this.#count + 1, this.#maxItemBytes);
  }

  end(): Iterable<ImportItem> {
    if (this.#state === 'after') return [];
    throw new TackleError(
      'invalid_json',
      this.#state === 'before'
        ? 'The body is empty; send a JSON array'
        : `The JSON array is cut off in item ${this.#count + 1}`,
    );
  }

  /** Skips white space before the array, and refuses anything else before and after it. */
  #enter(text: string): number {
    const first = text.search(/\S/);
    if (first === -1) return 0;
    if (this.#state === 'before' && text[first] === '[') {
      this.#state = 'inside';
      return first + 1;
    }
    throw new TackleError(
      'invalid_json',
      this.#state === 'before'
        ? 'The body is not a JSON array; for one document per line send application/x-ndjson'
        : `There is text behind the JSON array: ${JSON.stringify(text.slice(first, first + 20))}`,
    );
  }

  #scanString(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === BACKSLASH) this.#isEscaped = true;
    else if (code === QUOTE) this.#isInString = false;
  }

  *#finishItem(isComma: boolean): Iterable<ImportItem> {
    const text = this.#item;
    this.#item = '';
    // An empty array has one gap and no item; any other gap is a mistake in the array itself.
    if (text.trim() === '' && !isComma && this.#count === 0) return;
    this.#count += 1;
    checkLength(text, this.#count, this.#maxItemBytes);
    yield { line: this.#count, text };
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | undefined): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw new TackleError('invalid_json', 'The body is not UTF-8 text', { cause });
  }
}

function checkLength(text: string, line: number, maxItemBytes: number): void {
  // UTF-16 units are never more than the bytes of UTF-8, so this refuses nothing that fits.
  if (text.length <= maxItemBytes) return;
  throw new TackleError('payload_too_large', `The document in line ${line} is longer than ${maxItemBytes} bytes`);
}
