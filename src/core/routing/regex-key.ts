/** The RegExp behind a manifest key, or null when the key is a path. */
export function parseRegexKey(key: string): RegExp | null {
  if (!key.startsWith('{')) return null;
  let text: unknown;
  try {
    text = (JSON.parse(key) as { $regex?: unknown }).$regex;
  } catch {
    return null;
  }
  if (typeof text !== 'string') return null;
  const end = text.lastIndexOf('/');
  try {
    return new RegExp(text.slice(1, end), text.slice(end + 1).replace(/[gy]/g, ''));
  } catch {
    return null;
  }
}
