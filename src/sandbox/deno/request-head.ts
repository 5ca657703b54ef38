import type { AppRequest } from '../../ports/sandbox.ts';

/** The head of a request as JSON text, without the body. */
export function requestHead(request: AppRequest): string {
  return JSON.stringify({
    method: request.method,
    hostname: request.hostname,
    headers: request.headers,
    path: request.path,
    apiPath: request.apiPath,
    originalUrl: request.originalUrl,
    query: request.query,
    remoteAddress: request.remoteAddress,
    space: request.space,
    authHook: request.authHook,
    route: request.route,
    params: request.params,
    middleware: request.middleware,
  });
}
