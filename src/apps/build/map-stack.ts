import { SourceMap } from 'node:module';

/** Parsed maps by their text; a log of one app asks for the same one again and again. */
const parsedMaps = new Map<string, SourceMap | null>();
const maxParsedMaps = 8;
const framePattern = /app\.js:(\d+):(\d+)/g;

/**
 * Replaces positions in the bundle (`app.js:LINE:COLUMN`) by those in the sources, and leaves out the frames of the platform.
 * Positions stay as they are when there is no map or none that is usable.
 */
export function mapStack(text: string, sourceMap: string | null): string {
  const own = dropPlatformFrames(text);
  if (sourceMap === null || !own.includes('app.js:')) return own;
  const map = parseMap(sourceMap);
  if (map === null) return own;
  return own.replaceAll(framePattern, (frame, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!('originalSource' in entry) || entry.originalSource === undefined) return frame;
    return `${cleanSource(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** What the platform did around the app's own frames tells the app's author nothing. */
function dropPlatformFrames(text: string): string {
  return text
    .split('\n')
    .filter((line) => !platformFrame.test(line))
    .join('\n');
}

const platformFrame =
  /^\s+at .*(?:\bsandbox-runtime\.js:\d+|\/tackle-sandbox-[^/]+\/\w+\.js:\d+|ext:[\w/.-]+:\d+):\d+\)?$/;

function parseMap(text: string): SourceMap | null {
  const known = parsedMaps.get(text);
  if (known !== undefined) return known;
  let parsed: SourceMap | null = null;
  try {
    parsed = new SourceMap(JSON.parse(text));
  } catch {
    // A map that is none leaves positions of the bundle, which are still of some use.
  }
  if (parsedMaps.size >= maxParsedMaps) parsedMaps.delete(parsedMaps.keys().next().value!);
  parsedMaps.set(text, parsed);
  return parsed;
}

/** Sources outside of the app's directory are shown from `node_modules` on. */
function cleanSource(source: string): string {
  const packages = source.lastIndexOf('node_modules/');
  return packages === -1 ? source.replace(/^(?:\.\/)+/, '') : source.slice(packages);
}
