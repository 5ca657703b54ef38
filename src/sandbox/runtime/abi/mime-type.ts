import mime from 'mime';

/** By the extension of a path; null when that is not known. */
export function getMimeType(path: string): string | null {
  return mime.getType(path);
}
