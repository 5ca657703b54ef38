import { readFile } from 'node:fs/promises';

/** Where a file imports or requires a module; counted from 1. Null when the text does not show it. */
export async function findImportPosition(
  file: string,
  specifier: string,
): Promise<{ line: number; column: number } | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const quoted = `(['"\`])${RegExp.escape(specifier)}\\1`;
  const match = new RegExp(`(?:from\\s*|import\\s*\\(?\\s*|require\\s*\\(\\s*)${quoted}`).exec(text);
  if (match === null) return null;
  const before = text.slice(0, match.index + match[0].length - specifier.length - 2).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
