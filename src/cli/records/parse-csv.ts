/** One row of a CSV file and the line on which it begins, counted from 1. */
export interface CsvRow {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * Rows of a CSV file (RFC 4180, any one-character separator): quoted cells may hold separators, line breaks and doubled
 * quotes. Empty lines are no rows. Throws a SyntaxError with the line for an unfinished quoted cell.
 */
export async function* parseCsv(chunks: AsyncIterable<string>, separator = ','): AsyncGenerator<CsvRow> {
  const parser = new CsvParser(separator);
  for await (const chunk of chunks) yield* parser.push(chunk);
  yield* parser.end();
}

class CsvParser {
  readonly #separator: string;
  #state: 'start' | 'plain' | 'quoted' | 'quote-in-quoted' = 'start';
  #cells: string[] = [];
  #cell = '';
  #line = 1;
  #rowLine = 1;
  #first = true;

  constructor(separator: string) {
    this.#separator = separator;
  }

  *push(chunk: string): Generator<CsvRow> {
    const text = this.#first ? chunk.replace(/^\uFEFF/, '') : chunk;
    if (text !== '') this.#first = false;
    for (const char of text) {
      if (this.#state === 'quoted') this.#readQuoted(char);
      else if (char === '"' && this.#state === 'start') this.#state = 'quoted';
      else if (char === '"' && this.#state === 'quote-in-quoted') {
        this.#cell += '"';
        this.#state = 'quoted';
      } else if (char === this.#separator) this.#endCell();
      else if (char === '\n') yield* this.#endRow();
      else {
        this.#cell += char;
        if (this.#state === 'start') this.#state = 'plain';
      }
    }
  }

  *end(): Generator<CsvRow> {
    if (this.#state === 'quoted') throw new SyntaxError(`line ${this.#rowLine}: a quoted cell has no closing quote`);
    yield* this.#endRow();
  }

  #readQuoted(char: string): void {
    if (char === '\n') this.#line++;
    if (char === '"') this.#state = 'quote-in-quoted';
    else this.#cell += char;
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    this.#cell = '';
    this.#state = 'start';
  }

  *#endRow(): Generator<CsvRow> {
    if (this.#cell.endsWith('\r')) this.#cell = this.#cell.slice(0, -1);
    const isEmpty = this.#cells.length === 0 && this.#cell === '' && this.#state !== 'quote-in-quoted';
    this.#endCell();
    if (!isEmpty) yield { cells: this.#cells, line: this.#rowLine };
    this.#cells = [];
    this.#rowLine = ++this.#line;
  }
}

/** A cell as CSV text. */
export function formatCsvCell(value: unknown, separator = ','): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const needsQuotes = text.includes('"') || text.includes(separator) || /[\r\n]/.test(text) || text !== text.trim();
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}
