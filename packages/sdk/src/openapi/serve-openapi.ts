import type { Codehooks } from '../codehooks.ts';
import { createApiDocsPage } from '../platform.ts';
import type { Handler, httpRequest } from '../types.ts';
import { generateSpec, readVersion } from './generate-spec.ts';
import type { OpenAPIConfig } from './openapi-types.ts';

/** `GET <specPath>` with the description of the app, and a page that shows it; both open to everybody. */
export function serveOpenApi(app: Codehooks, config: OpenAPIConfig, uiPath: string): void {
  const specPath = config.specPath ?? '/openapi.json';
  const open: Handler = (_request, _response, next) => next();
  app.set('_openapi_config', config);
  app.get(specPath, (request, response) => {
    const version = readVersion(request.query.openapi);
    response.json(generateSpec(app, config, { version, serverUrl: toRoot(request), uiPath }));
  });
  app.get(uiPath, (request, response) => {
    const page = createApiDocsPage(request.apiPath, specPath, config);
    response.set('Content-Type', 'text/html; charset=utf-8').send(page);
  });
  app.auth(specPath, open);
  app.auth(uiPath, open);
}

/** From the document to where the paths begin: what spaces and proxies put before them is not in the path of the route. */
function toRoot(request: httpRequest): string {
  const ups = request.apiPath.replace(/\/$/, '').split('/').length - 2;
  return ups <= 0 ? '.' : Array.from({ length: ups }, () => '..').join('/');
}
