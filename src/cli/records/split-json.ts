/** One record of a file and the line on which it begins, counted from 1. */
export interface SourceRecord {
  readonly text: string;
  readonly line: number;
}

/**
 * Splits a JSON array, or values that follow one another, into the texts of its items without holding the file in
 * memory. It only finds where items end (strings, brackets, commas); whether an item is valid JSON is its reader's
 * question. Throws a SyntaxError for what breaks the structure of the file itself.
 */
export async function* splitJson(chunks: AsyncIterable<string>): AsyncGenerator<SourceRecord> {
  const splitter = new JsonSplitter();
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.end();
}

class JsonSplitter {
  /** Open brackets inside the current item. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inArray = false;
  #arrayEnded = false;
  #line = 1;
  #item = '';
  #itemLine = 0;
  #itemEnded = false;

  *push(chunk: string): Generator<SourceRecord> {
    // Characters of the current item are taken in slices: one concatenation per item and chunk, not per character.
    let sliceStart = 0;
    for (let index = 0; index < chunk.length; index++) {
      const char = chunk[index] as string;
      if (char === '\n') this.#line++;
      if (this.#inString) this.#readInString(char);
      else if (this.#depth > 0) this.#readInItem(char);
      else {
        const boundary = this.#isBoundary(char);
        if (boundary) {
          this.#item += this.#itemLine === 0 ? '' : chunk.slice(sliceStart, index);
          yield* this.#takeItem();
          this.#readBoundary(char);
        } else {
          if (this.#itemLine === 0) {
            this.#startItem();
            sliceStart = index;
          }
          this.#readInItem(char);
        }
        if (boundary) sliceStart = index + 1;
      }
    }
    if (this.#itemLine !== 0) this.#item += chunk.slice(sliceStart);
  }

  *end(): Generator<SourceRecord> {
    if (this.#inString || this.#depth > 0) {
      throw new SyntaxError(`line ${this.#itemLine}: the value that begins here has no end`);
    }
    yield* this.#takeItem();
    if (this.#inArray) throw new SyntaxError(`line ${this.#line}: the array has no closing bracket`);
  }

  #isBoundary(char: string): boolean {
    if (char === ' ' || char === '\n' || char === '\r' || char === '\t' || char === '\uFEFF') return true;
    if (this.#inArray) return char === ',' || char === ']';
    // A [ at the very start opens the array of records; later it would be a value in a row of values.
    return char === '[' && this.#itemLine === 0 && !this.#arrayEnded && !this.#itemEnded;
  }

  #startItem(): void {
    if (this.#arrayEnded) throw new SyntaxError(`line ${this.#line}: there is something behind the end of the array`);
    if (this.#inArray && this.#itemEnded) throw new SyntaxError(`line ${this.#line}: a comma is missing`);
    this.#itemLine = this.#line;
  }

  #readInString(char: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (char === '\\') this.#escaped = true;
    else if (char === '"') this.#inString = false;
  }

  #readInItem(char: string): void {
    if (char === '"') this.#inString = true;
    else if (char === '{' || char === '[') this.#depth++;
    else if (char === '}' || char === ']') this.#depth--;
    if (this.#depth < 0) throw new SyntaxError(`line ${this.#line}: '${char}' closes nothing`);
  }

  #readBoundary(char: string): void {
    if (char === '[') this.#inArray = true;
    if (char !== ',' && char !== ']') return;
    if (char === ',' && !this.#itemEnded)
      throw new SyntaxError(`line ${this.#line}: a value is missing before the comma`);
    if (char === ',') this.#itemEnded = false;
    else [this.#inArray, this.#arrayEnded] = [false, true];
  }

  *#takeItem(): Generator<SourceRecord> {
    if (this.#itemLine === 0) return;
    yield { text: this.#item, line: this.#itemLine };
    [this.#item, this.#itemLine, this.#itemEnded] = ['', 0, true];
  }
}
