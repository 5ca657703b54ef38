/** A table with lines around its cells, as wide as what it holds. */
export function renderBoxTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => getPrintedWidth(row[column] ?? ''))));
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const renderRow = (row: readonly string[]) =>
    `│${widths.map((width, column) => ` ${row[column] ?? ''}${' '.repeat(width - getPrintedWidth(row[column] ?? ''))} `).join('│')}│`;
  return [rule('┌', '┬', '┐'), renderRow(head), rule('├', '┼', '┤'), ...rows.map(renderRow), rule('└', '┴', '┘')];
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const emoji = /\p{Emoji_Presentation}|\p{Emoji}\uFE0F/u;
const wideScript = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE4F\uFF00-\uFF60]/;

/** Columns that a terminal uses for the text. */
export function getPrintedWidth(text: string): number {
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += emoji.test(segment) || wideScript.test(segment) ? 2 : 1;
  return width;
}
