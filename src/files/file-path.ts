import mime from 'mime';
import { TackleError } from '../core/errors.ts';

const maxPathLength = 1024;
/** As on the file systems that files come from and go back to. */
const maxNameBytes = 255;

/**
 * The normalised path of a file within its space: absolute, without empty and `.` segments. Throws `invalid_name` for what
 * leaves the space (`..`), for control characters, halves of surrogate pairs and names that are too long.
 */
export function parseFilePath(text: string): string {
  const path = normalise(text);
  if (path === '/' || text.endsWith('/')) throw refuse(text, 'it names a directory');
  return path;
}

/** The same for a directory; the result ends with `/`. */
export function parseDirectoryPath(text: string): string {
  const path = normalise(text);
  return path === '/' ? '/' : `${path}/`;
}

/** By the extension of the name. */
export function contentTypeOf(path: string): string {
  return mime.getType(path) ?? 'application/octet-stream';
}

function normalise(text: string): string {
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) {
    throw refuse(text, 'it holds characters that no name may hold');
  }
  const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.');
  for (const segment of segments) {
    if (segment === '..') throw refuse(text, 'it leaves the files of the space');
    if (Buffer.byteLength(segment) > maxNameBytes) throw refuse(text, `a name may have ${maxNameBytes} bytes at most`);
  }
  const path = `/${segments.join('/')}`;
  if (path.length > maxPathLength) throw refuse(text, `a path may have ${maxPathLength} characters at most`);
  return path;
}

function refuse(text: string, reason: string): TackleError {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return new TackleError('invalid_name', `${JSON.stringify(shown)} is no path of a file here: ${reason}`);
}
