import type { SourceRecord } from './split-json.ts';

/** One record per line; empty lines are no records. */
export async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<SourceRecord> {
  let rest = '';
  let line = 0;
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      line++;
      if (text.trim() !== '') yield { text: text.replace(/^\uFEFF/, '').trimEnd(), line };
    }
  }
  if (rest.trim() !== '') yield { text: rest.replace(/^\uFEFF/, '').trimEnd(), line: line + 1 };
}
