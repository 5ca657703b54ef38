import type { Codehooks } from './codehooks.ts';
import { filestore } from './filestore.ts';
import { getMimeType } from './platform.ts';
import { answeredByPlatform } from './platform-route.ts';
import { inDirectory, type StaticPaths, toBase, toFileName, toFilePath } from './static-path.ts';
import type { Handler, httpRequest, httpResponse } from './types.ts';

export type StaticOptions = StaticPaths & {
  headers?: Record<string, string | string[]>;
};

/**
 * Serves files below a route: from what was deployed (`source`), or from what the app stored. Names with a known type are
 * public for reading; others only when there is a `notFound` file to answer with.
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
  const check: Handler = (request, _response, next) => {
    const name = toFileName(request.apiPath, options);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (options.notFound || (isRead && getMimeType(name) !== null)) next();
    else next(`Static server: ${name} is not a valid file name`);
  };
  const serve: Handler = (request, response) => serveFile(request, response, options, isSource);
  const answer = { kind: 'file', source: isSource, options } as const;
  app.auth(pattern, answeredByPlatform(check, answer));
  app.get(pattern, ...(hook ? [hook, serve] : [answeredByPlatform(serve, answer)]));
}

async function serveFile(
  request: httpRequest,
  response: httpResponse,
  options: StaticOptions,
  isSource: boolean,
): Promise<void> {
  const path = toFilePath(request.apiPath, options);
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

/** A route is a path and no expression: its dots and brackets mean themselves. */
function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
