import { readFile } from 'node:fs/promises';

/** Below this many characters a literal is as good, and tools that look into bundles see its fields. */
const minLength = 10_000;

/**
 * Code for a JSON file that is large, null for others. As a string it costs a tenth of the memory that its literal takes to be
 * parsed: the SDKs of clouds carry megabytes of it, of which an app reads a part.
 */
export async function loadLargeJson(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8');
  if (text.length < minLength) return null;
  return `module.exports = JSON.parse(${JSON.stringify(JSON.stringify(JSON.parse(text)))});`;
}
