import type { Codehooks } from './codehooks.ts';
import { filestore } from './filestore.ts';
import { getMimeType } from './platform.ts';
import type { Handler, httpRequest, httpResponse } from './types.ts';

export type StaticOptions = {
  /** First part of the URL; `/` for all of them. */
  route?: string;
  /** Directory with the files, from the root of the store. */
  directory?: string;
  /** File for the route itself and for directories; `index.html` unless set. */
  default?: string;
  /** File that is sent, with status 404, when there is none. */
  notFound?: string;
  headers?: Record<string, string | string[]>;
};

/**
 * Serves files below a route: from what was deployed (`source`), or from what the app stored. Names with a known type are
 * public; others only when there is a `notFound` file to answer with.
 */
export function serveFiles(
  app: Codehooks,
  given: StaticOptions | undefined,
  hook: Handler | undefined,
  isSource: boolean,
): void {
  const options = given ?? { route: '/public', directory: '/', default: 'index.html' };
  const base = toBase(options.route);
  // Also the platform of the original matches these against path and query string.
  const pattern = new RegExp(`^${escapePattern(base)}(/[\\w/_-]*|[\\w/_-]+/)?([\\w.-]+)?(\\?[\\w=&%-]+)?$`);
  app.auth(pattern, (request, _response, next) => {
    const name = toFileName(request, options);
    if (getMimeType(name) !== null || options.notFound) next();
    else next(`Static server: ${name} is not a valid file name`);
  });
  const serve: Handler = (request, response) => serveFile(request, response, options, isSource);
  app.get(pattern, ...(hook ? [hook, serve] : [serve]));
}

async function serveFile(
  request: httpRequest,
  response: httpResponse,
  options: StaticOptions,
  isSource: boolean,
): Promise<void> {
  const path = toFilePath(request, options);
  const readOptions = isSource ? { source: true } : {};
  const stream = await filestore.getReadStream(path, readOptions).catch((error: Error) => error);
  if (!(stream instanceof Error)) {
    response.set('Content-Type', getMimeType(path) ?? 'application/octet-stream');
    if (options.headers) response.headers(options.headers);
    stream.pipe(response.writable);
    return;
  }
  if (!options.notFound) {
    response.status(404).end(`No file here: ${path} (${stream.message})`);
    return;
  }
  const fallback = inDirectory(options.notFound, options);
  const page = await filestore.getReadStream(fallback, readOptions);
  response.status(404).set('Content-Type', getMimeType(fallback) ?? 'application/octet-stream');
  page.pipe(response.writable);
}

function toBase(route: string | undefined): string {
  return route === undefined || route === '/' ? '' : route;
}

/** The name in the URL, with the default file for the route itself and for directories. */
function toFileName(request: httpRequest, options: StaticOptions): string {
  const path = decodePath(request.apiPath);
  const index = options.default ?? 'index.html';
  if (path === options.route || path === `${toBase(options.route)}/`) return `/${index}`;
  return path.endsWith('/') ? path + index : path;
}

function toFilePath(request: httpRequest, options: StaticOptions): string {
  const base = toBase(options.route);
  const name = toFileName(request, options);
  return inDirectory(name.startsWith(`${base}/`) ? name.slice(base.length) : name, options);
}

/** A path of the store. Its dots are taken away, although the pattern and the store refuse to leave the directory anyway. */
function inDirectory(name: string, options: StaticOptions): string {
  const directory = options.directory === undefined || options.directory === '/' ? '' : options.directory;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return `${directory.replace(/\/$/, '')}/${parts.join('/')}`;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A route is a path and no expression: its dots and brackets mean themselves. */
function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
